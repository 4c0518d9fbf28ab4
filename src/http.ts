import type { Agent } from 'node:http';
import type { ExtendOptions, Got, Request, Response } from 'got';
import { link } from './deadline.ts';
import type { Log } from './log.ts';
import { makeAgent, PROXY_REFUSED, proxyFor } from './proxy.ts';
import { userAgent } from './version.ts';

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
  /** PEM texts of the roots that count instead of Node's own: a private CA, as lego takes LEGO_CA_CERTIFICATES. */
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

const DEFAULT_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const MAX_SOCKETS = 16;

/** The one HTTP client of the program: connections are kept, proxies of the environment used, sizes and times bounded. */
export function createTransport(options: TransportOptions): Transport {
  const { env, caCertificates, maxBodyBytes = MAX_BODY_BYTES } = options;
  let client: Promise<Got> | undefined;
  const agents = new Map<string, Promise<Agent>>();

  const agentFor = (url: URL, proxy: string | undefined): Promise<Agent> => {
    const key = `${url.protocol} ${proxy ?? ''}`;
    const known = agents.get(key) ?? makeAgent(url.protocol, proxy, { maxSockets: MAX_SOCKETS, ca: caCertificates });
    agents.set(key, known);
    return known;
  };

  return async ({ method, url, headers, body, timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS, signal }) => {
    client ??= import('got').then(({ default: got }) =>
      got.extend({
        retry: { limit: 0 },
        followRedirect: false,
        throwHttpErrors: false,
        allowGetBody: true,
        headers: { 'user-agent': userAgent },
      }),
    );
    const target = new URL(url);
    const proxy = proxyFor(target, env);
    const stop = link(signal);
    let isTooLarge = false;
    try {
      const request = (await client).stream(target, {
        method: method as NonNullable<ExtendOptions['method']>,
        headers: { ...headers },
        timeout: { request: timeoutMs, connect: Math.min(timeoutMs, CONNECT_TIMEOUT_MS) },
        signal: stop.signal,
        agent: { [target.protocol === 'https:' ? 'https' : 'http']: await agentFor(target, proxy) },
        ...(body === undefined ? {} : { body }),
      });
      // Where a method may have a body and there is none, Got would wait for one.
      if (body === undefined) request.end();
      const response = await answerTo(request, (size) => {
        if (size <= maxBodyBytes) return;
        isTooLarge = true;
        stop.abort(new Error('too large'));
      });
      if (proxy && response.statusCode === 407) throw new TransportError('proxy', 'the proxy answered 407');
      return {
        status: response.statusCode,
        headers: Object.fromEntries(
          Object.entries(response.headers).map(([name, value]) => [
            name,
            Array.isArray(value) ? value.join(', ') : value,
          ]),
        ),
        body: response.rawBody,
        url: response.url,
      };
    } catch (error) {
      signal?.throwIfAborted();
      if (isTooLarge) throw new TransportError('too-large', `an answer of more than ${maxBodyBytes} bytes`, error);
      throw error instanceof TransportError ? error : transportError(error as NodeJS.ErrnoException, proxy);
    } finally {
      stop.release();
    }
  };
}

type Answer = Pick<Response, 'statusCode' | 'headers' | 'rawBody' | 'url'>;

/** The whole answer. Read from the stream, which takes Got a seventh less time than its promises do. */
function answerTo(request: Request, onProgress: (size: number) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let head: Response | undefined;
    request.on('error', reject); // For as long as it lives: an error that nobody hears ends the process.
    request.once('close', () => reject(new Error('the answer ended early')));
    request.once('response', (response: Response) => {
      head = response;
    });
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      onProgress(size);
    });
    request.once('end', () => {
      if (head) {
        const { statusCode, headers, url } = head;
        resolve({ statusCode, headers, url, rawBody: Buffer.concat(chunks) });
      }
      request.destroy();
    });
  });
}

function transportError(error: NodeJS.ErrnoException, proxy: string | undefined): TransportError {
  const code = error.code ?? '';
  const fail = (fault: TransportFault, message: string) => new TransportError(fault, message, error);
  if (error.name === 'TimeoutError' || code === 'ETIMEDOUT')
    return fail('timeout', `no answer in time (${error.message})`);
  if (code === PROXY_REFUSED) return fail('proxy', error.message);
  const unreachable = /^(?:ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/u.test(code);
  if (proxy && (unreachable || code === 'ECONNREFUSED'))
    return fail('proxy', `the proxy ${new URL(proxy).host} cannot be reached (${code})`);
  if (code === 'ECONNREFUSED') return fail('refused', 'connection refused');
  if (unreachable) return fail('unreachable', `host not reachable (${code})`);
  const words = tlsWords[code];
  if (words) return fail('tls', `the TLS certificate ${words} (${code})`);
  if (/^(?:ERR_TLS|ERR_SSL|EPROTO|CERT_)/u.test(code)) return fail('tls', `TLS failed: ${error.message}`);
  return fail('reset', `the connection broke (${code || error.message})`);
}

const tlsWords: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another name',
  CERT_NOT_YET_VALID: 'is not valid yet',
  CERT_REVOKED: 'has been revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is signed by nobody but itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'comes from an unknown CA',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'comes from an unknown CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'comes from an unknown CA',
};
