import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { ExtendOptions, Got, OptionsOfBufferResponseBody } from 'got';
import type { Log } from './log.ts';
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
  const agents = new Map<string, Promise<HttpAgent>>();
  const tls = caCertificates ? { ca: [...caCertificates] } : {};

  const agentFor = (url: URL): Promise<HttpAgent> => {
    const proxy = proxyFor(url, env);
    const key = `${url.protocol} ${proxy ?? ''}`;
    const known = agents.get(key) ?? makeAgent(url.protocol, proxy, tls);
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
    const tooLarge = new AbortController();
    const request: OptionsOfBufferResponseBody = {
      responseType: 'buffer',
      method: method as NonNullable<ExtendOptions['method']>,
      headers: { ...headers },
      timeout: { request: timeoutMs, connect: Math.min(timeoutMs, CONNECT_TIMEOUT_MS) },
      signal: signal ? AbortSignal.any([signal, tooLarge.signal]) : tooLarge.signal,
      agent: { [target.protocol === 'https:' ? 'https' : 'http']: await agentFor(target) },
      ...(body === undefined ? {} : { body }),
    };
    try {
      const pending = (await client)(target, request);
      pending.on('downloadProgress', ({ transferred }) => {
        if (transferred > maxBodyBytes) tooLarge.abort();
      });
      const response = await pending;
      return {
        status: response.statusCode,
        headers: Object.fromEntries(
          Object.entries(response.headers).map(([name, value]) => [
            name,
            Array.isArray(value) ? value.join(', ') : value,
          ]),
        ),
        body: response.body,
        url: response.url,
      };
    } catch (error) {
      signal?.throwIfAborted();
      if (tooLarge.signal.aborted)
        throw new TransportError('too-large', `an answer of more than ${maxBodyBytes} bytes`, error);
      throw transportError(error as NodeJS.ErrnoException);
    }
  };
}

async function makeAgent(protocol: string, proxy: string | undefined, tls: { ca?: string[] }): Promise<HttpAgent> {
  const keep = { keepAlive: true, maxSockets: MAX_SOCKETS };
  if (proxy === undefined) return protocol === 'https:' ? new HttpsAgent({ ...keep, ...tls }) : new HttpAgent(keep);
  if (protocol === 'https:') {
    const { HttpsProxyAgent } = await import('https-proxy-agent');
    const agent = new HttpsProxyAgent(proxy, keep);
    // The roots belong to the server behind the proxy, and this agent takes them per connection only.
    const connect = agent.connect.bind(agent);
    agent.connect = (request, options) => connect(request, { ...options, ...tls });
    return agent;
  }
  const { HttpProxyAgent } = await import('http-proxy-agent');
  return new HttpProxyAgent(proxy, keep);
}

/** The proxy that curl and lego would take: HTTPS_PROXY or HTTP_PROXY in either case, NO_PROXY and loopback left out. */
export function proxyFor(url: URL, env: TransportOptions['env']): string | undefined {
  const value = (name: string) => env[name.toLowerCase()] || env[name] || undefined;
  const proxy = value(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
  const host = url.hostname.replace(/^\[|\]$/gu, '');
  if (!proxy || host === 'localhost' || /^127\./u.test(host) || host === '::1') return undefined;
  const excluded = (value('NO_PROXY') ?? '').split(/[\s,]+/u).filter(Boolean);
  const matches = (pattern: string) => {
    const [name = '', port] = pattern.replace(/^\*?\./u, '').split(':');
    if (pattern === '*') return true;
    if (port && port !== (url.port || (url.protocol === 'https:' ? '443' : '80'))) return false;
    return host === name || host.endsWith(`.${name}`);
  };
  return excluded.some(matches) ? undefined : proxy.includes('://') ? proxy : `http://${proxy}`;
}

function transportError(error: NodeJS.ErrnoException): TransportError {
  const code = error.code ?? '';
  const fail = (fault: TransportFault, message: string) => new TransportError(fault, message, error);
  if (error.name === 'TimeoutError' || code === 'ETIMEDOUT')
    return fail('timeout', `no answer in time (${error.message})`);
  if (code === 'ECONNREFUSED') return fail('refused', 'connection refused');
  if (/^(?:ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/u.test(code))
    return fail('unreachable', `host not reachable (${code})`);
  if (/proxy/iu.test(error.message)) return fail('proxy', error.message);
  const words = tlsWords[code];
  if (words) return fail('tls', `the TLS certificate ${words} (${code})`);
  if (/^(?:ERR_TLS|ERR_SSL|EPROTO|CERT_)/u.test(code)) return fail('tls', `TLS failed: ${error.message}`);
  return fail('reset', `the connection broke (${code || error.message})`);
}

const tlsWords: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is signed by nobody but itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'comes from an unknown CA',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'comes from an unknown CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'comes from an unknown CA',
};
