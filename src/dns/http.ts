import { ProviderError, type ProviderFault } from '../errors.ts';
import { type Transport, TransportError } from '../http.ts';
import type { Log } from '../log.ts';
import { plainText } from '../plain-text.ts';
import type { Body, Query, Rest, RestOptions } from './kit/contract.ts';

export interface HttpSettings {
  readonly provider: string;
  readonly transport: Transport;
  readonly timeoutMs: number;
  readonly log: Log;
  /** Asked before every request: clean-up must still work after the user pressed Ctrl-C. */
  readonly signal: () => AbortSignal;
  /** The variables that hold the credentials, for the hint when they are refused. */
  readonly credentials: readonly string[];
  /** Tests only: send every request here instead, the real origin becoming the first path segments. */
  readonly gateway?: string | undefined;
}

const faults: Readonly<Record<number, ProviderFault>> = { 401: 'auth', 403: 'auth', 404: 'missing', 429: 'rate' };

function readBody(text: string): unknown {
  if (!/^\s*[[{"\d]|^\s*(?:true|false|null)\s*$/u.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function encodeBody(body: Body | undefined): { text?: string; type?: string } {
  if (body === undefined) return {};
  if (body instanceof URLSearchParams) {
    return { text: body.toString(), type: 'application/x-www-form-urlencoded' };
  }
  return typeof body === 'string'
    ? { text: body, type: 'text/plain' }
    : { text: JSON.stringify(body), type: 'application/json' };
}

/** Seconds of a Retry-After header, which is a number or a date (RFC 9110 section 10.2.3). */
export function retryAfterSeconds(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  const seconds = /^\s*\d+\s*$/u.test(header) ? Number(header) : (Date.parse(header) - now) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
}

/** The HTTP client of one provider, handed to it ready-made: it never imports an HTTP library and never retries. */
export function createRest(
  settings: HttpSettings,
  { url, headers = {}, sign, parse = readBody, problem }: RestOptions,
): Rest {
  const { provider, log, transport } = settings;
  const base = url.endsWith('/') ? url : `${url}/`;

  /** An error page need not have the vendor's usual form: if it cannot be read, the HTTP status speaks. */
  const vendorProblem = (text: string): { message: string; fault?: ProviderFault } | undefined => {
    try {
      const found = problem?.(text === '' ? undefined : parse(text));
      return typeof found === 'string' ? { message: found } : found;
    } catch {
      return undefined;
    }
  };

  async function send<T>(method: string, path: string, query?: Query, body?: Body): Promise<T> {
    const target = new URL(base + path.replace(/^\//u, ''));
    for (const [key, value] of Object.entries(query ?? {})) target.searchParams.set(key, String(value));
    const { text = '', type } = encodeBody(body);
    const what = `${provider}: ${method} ${target.origin}${target.pathname}`;
    const signed = await sign?.({ method, url: target.href, body: text });
    const response = await transport({
      method,
      url: settings.gateway ? target.href.replace(/^(https?):\/\//u, `${settings.gateway}/$1/`) : target.href,
      headers: { ...(type ? { 'content-type': type } : {}), accept: 'application/json, */*', ...headers, ...signed },
      timeoutMs: settings.timeoutMs,
      signal: settings.signal(),
      ...(body === undefined ? {} : { body: text }),
    }).catch((error: unknown) => {
      if (error instanceof TransportError) {
        throw new ProviderError('network', `${what} got no answer: ${error.message}`, { cause: error });
      }
      throw error;
    });
    const { status } = response;
    const answer = response.body.toString('utf8');
    log.debug(`${what}${target.search} → ${status} ${plainText(answer, 2000)}`);
    const vendor = vendorProblem(answer);
    if (status >= 200 && status < 300 && !vendor) return (answer === '' ? undefined : parse(answer)) as T;
    const fault = vendor?.fault ?? faults[status] ?? 'api';
    const said = plainText(vendor?.message ?? (status >= 500 ? '' : answer), 300);
    throw new ProviderError(fault, `${what} answered ${status}${said ? `: ${said}` : ''}`, {
      status,
      retryAfter: retryAfterSeconds(response.headers['retry-after']),
      hint:
        fault === 'auth' && settings.credentials.length > 0 ? `check ${settings.credentials.join(', ')}` : undefined,
    });
  }

  return {
    get: (path, query) => send('GET', path, query),
    post: (path, body) => send('POST', path, undefined, body),
    put: (path, body) => send('PUT', path, undefined, body),
    patch: (path, body) => send('PATCH', path, undefined, body),
    delete: (path, body) => send('DELETE', path, undefined, body),
  };
}
