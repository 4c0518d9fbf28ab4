import got, { HTTPError, type Method, RequestError } from 'got';
import { ProviderError, type ProviderFault } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Body, Query, Rest, RestOptions } from './kit/contract.ts';

export interface HttpSettings {
  readonly provider: string;
  readonly timeoutMs: number;
  readonly log: Log;
  /** Asked before every request: clean-up must still work after the user pressed Ctrl-C. */
  readonly signal: () => AbortSignal;
  /** Tests only: send every request here instead, the real origin becoming the first path segments. */
  readonly gateway?: string;
}

const faults: Record<number, ProviderFault> = { 401: 'auth', 403: 'auth', 404: 'missing', 429: 'rate' };
const looksLikeJson = (text: string) => /^\s*[[{]/u.test(text);
const readBody = (text: string): unknown => {
  try {
    return looksLikeJson(text) ? (JSON.parse(text) as unknown) : text;
  } catch {
    return text;
  }
};

function encodeBody(body: Body | undefined): [text: string, type: string | undefined] {
  if (body === undefined) return ['', undefined];
  if (body instanceof URLSearchParams) return [body.toString(), 'application/x-www-form-urlencoded'];
  return typeof body === 'string' ? [body, 'text/plain'] : [JSON.stringify(body), 'application/json'];
}

/** The one HTTP client. Providers receive it ready-made and never import an HTTP library. */
export function createRest(
  settings: HttpSettings,
  { url, headers = {}, sign, parse = readBody, problem }: RestOptions,
): Rest {
  const { provider, log } = settings;
  const base = settings.gateway ? url.replace(/^(https?):\/\//u, `${settings.gateway}/$1/`) : url;
  const client = got.extend({
    prefixUrl: base,
    headers: { 'user-agent': 'proto/0 (+https://example.invalid)', ...headers },
    timeout: { request: settings.timeoutMs },
    retry: { limit: 0 }, // The session retries whole operations, which are idempotent; single requests are not.
    throwHttpErrors: true,
    followRedirect: false,
  });

  /** An error page need not have the vendor's usual form: if it cannot be read, the HTTP status speaks. */
  const vendorProblem = (read: () => unknown): { message: string; fault?: ProviderFault } | undefined => {
    try {
      const found = problem?.(read());
      return typeof found === 'string' ? { message: found } : found;
    } catch {
      return undefined;
    }
  };

  async function send<T>(method: Method, path: string, query?: Query, body?: Body): Promise<T> {
    const target = new URL(path, url);
    for (const [key, value] of Object.entries(query ?? {})) target.searchParams.set(key, String(value));
    const [text, type] = encodeBody(body);
    const what = `${provider}: ${method} ${target.origin}${target.pathname}`;
    try {
      const response = await client(path, {
        method,
        signal: settings.signal(),
        searchParams: target.searchParams,
        headers: {
          ...(type ? { 'content-type': type } : {}),
          ...(await sign?.({ method, url: target.href, body: text })),
        },
        ...(body === undefined ? {} : { body: text }),
      });
      log.debug(`${what} → ${response.statusCode} ${response.body}`);
      const parsed = response.body === '' ? undefined : parse(response.body);
      const failed = vendorProblem(() => parsed);
      if (failed)
        throw new ProviderError(failed.fault ?? 'api', `${what} failed: ${failed.message}`, {
          status: response.statusCode,
        });
      return parsed as T;
    } catch (error) {
      if (error instanceof HTTPError) {
        const {
          statusCode: status,
          body: answer,
          headers: got,
        } = error.response as { statusCode: number; body: string; headers: Record<string, string | undefined> };
        const retryAfter = Number(got['retry-after']) || undefined;
        log.debug(`${what} → ${status} ${answer}`);
        const vendor = vendorProblem(() => parse(answer));
        throw new ProviderError(
          vendor?.fault ?? faults[status] ?? 'api',
          `${what} answered ${status}${vendor ? `: ${vendor.message}` : ''}`,
          { status, retryAfter, cause: error },
        );
      }
      if (error instanceof RequestError)
        throw new ProviderError('network', `${what} got no answer: ${error.message}`, { cause: error });
      throw error;
    }
  }

  return {
    get: (path, query) => send('GET', path, query),
    post: (path, body) => send('POST', path, undefined, body),
    put: (path, body) => send('PUT', path, undefined, body),
    patch: (path, body) => send('PATCH', path, undefined, body),
    delete: (path, body) => send('DELETE', path, undefined, body),
  };
}
