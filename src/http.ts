import type { Log } from './log.ts';

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** For the whole exchange, in milliseconds; overrides the transport's own. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case; several values of one name joined with `, `. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** The address that answered, after redirects. */
  readonly url: string;
}

/** Sends one request, once. Any HTTP status is an answer; no answer is a `TransportError`. */
export type Transport = (request: HttpRequest) => Promise<HttpResponse>;

export interface TransportOptions {
  readonly log: Log;
  /** For HTTPS_PROXY, HTTP_PROXY, NO_PROXY in either case. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** PEM texts of roots that count besides Node's own. */
  readonly caCertificates?: readonly string[];
  readonly timeoutMs?: number;
  /** A larger body is refused while it arrives. Default: 4 MiB. */
  readonly maxBodyBytes?: number;
}

export type TransportFault =
  | 'timeout'
  | 'refused'
  | 'unreachable'
  | 'reset'
  | 'tls'
  | 'proxy'
  | 'too-large'
  | 'aborted';

/** No complete answer came. Callers turn it into their own kind of error. */
export class TransportError extends Error {
  override name = 'TransportError';
  readonly fault: TransportFault;
  constructor(fault: TransportFault, message: string, cause?: unknown) {
    super(message, { cause });
    this.fault = fault;
  }
}
