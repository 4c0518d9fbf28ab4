import { ProviderError, type ProviderFault } from '../errors.ts';
import { type HttpResponse, type Transport, TransportError } from '../http.ts';
import type { Log } from '../log.ts';
import { plainText } from '../plain-text.ts';
import type { Answer, Body, CallOptions, Problem, Rest, RestOptions } from './kit/contract.ts';
import { restFrom } from './kit/rest.ts';

export interface HttpSettings {
  readonly provider: string;
  readonly transport: Transport;
  readonly timeoutMs: number;
  readonly log: Log;
  /** Removes secrets from what a vendor echoes, before it is shortened: half a secret would no longer be recognised. */
  readonly clean: (text: string) => string;
  /** Asked before every request: clean-up must still work after the user pressed Ctrl-C. */
  readonly signal: () => AbortSignal;
  /** The variables that hold the credentials, for the hint when they are refused. */
  readonly credentials: readonly string[];
  /** Tests only: send every request here instead, the real origin becoming the first path segments. */
  readonly gateway?: string | undefined;
}

const faults: Readonly<Record<number, ProviderFault>> = { 401: 'auth', 403: 'auth', 404: 'missing', 429: 'rate' };

/** The HTTP client of one provider, handed to it ready-made: it never imports an HTTP library and never retries. */
export function createRest(
  settings: HttpSettings,
  { url, headers = {}, sign, parse = parseBody, problem }: RestOptions,
): Rest {
  const { provider, log, transport, clean } = settings;
  const base = url.endsWith('/') ? url : `${url}/`;

  /** An error page need not have the vendor's usual form: if it cannot be read, the HTTP status speaks. */
  function vendorProblem(text: string, { status, headers }: HttpResponse): Problem | null | undefined {
    try {
      const found = problem?.(text === '' ? undefined : parse(text), status, headers);
      return typeof found === 'string' ? { message: found } : found;
    } catch {
      return undefined;
    }
  }

  function read<T>(what: string, answer: string, status: number): T {
    try {
      return (answer === '' ? undefined : parse(answer)) as T;
    } catch (cause) {
      const excerpt = plainText(clean(answer), 200);
      throw new ProviderError('api', `${what} answered ${status} with ${(cause as Error).message}: ${excerpt}`, {
        cause,
      });
    }
  }

  function refusal(what: string, { status, headers: answered }: HttpResponse, answer: string, vendor?: Problem | null) {
    const fault = vendor?.fault ?? faults[status] ?? 'api';
    const said = plainText(clean(vendor?.message ?? answer), 300);
    return new ProviderError(fault, `${what} answered ${status}${said ? `: ${said}` : ''}`, {
      status,
      retryAfter: vendor?.retryAfter ?? retryAfterSeconds(answered['retry-after']),
      hint:
        vendor?.hint ??
        (fault === 'auth' && settings.credentials.length > 0 ? `check ${settings.credentials.join(', ')}` : undefined),
    });
  }

  async function request<T>(method: string, path: string, options: CallOptions = {}): Promise<Answer<T>> {
    const target = new URL(base + path.replace(/^\//u, ''));
    for (const [key, value] of Object.entries(options.query ?? {}))
      if (value !== undefined) target.searchParams.set(key, String(value));
    const { text = '', type } = encodeBody(options.body);
    const what = `${provider}: ${method} ${clean(target.origin + target.pathname)}`;
    const sent: Record<string, string> = {
      accept: 'application/json, */*',
      ...(type ? { 'content-type': type } : {}),
      ...lowerCase(headers),
      ...lowerCase(options.headers ?? {}),
      ...lowerCase((await sign?.({ method, url: target.href, body: text })) ?? {}),
    };
    log.debug(`${what}${target.search} ${JSON.stringify(discreet(sent))} ${text}`);
    const response = await transport({
      method,
      url: settings.gateway ? target.href.replace(/^(https?):\/\//u, `${settings.gateway}/$1/`) : target.href,
      headers: sent,
      timeoutMs: settings.timeoutMs,
      signal: settings.signal(),
      ...(options.body === undefined ? {} : { body: text }),
    }).catch((error: unknown) => {
      throw error instanceof TransportError ? unanswered(what, error) : error;
    });
    const { status } = response;
    const answer = response.body.toString('utf8').replace(/^\uFEFF/u, '');
    const vendor = vendorProblem(answer, response); // Before the log: providers hide session keys there.
    log.debug(`${what} → ${status} ${JSON.stringify(discreet(response.headers))} ${plainText(clean(answer), 4000)}`);
    if (vendor || (vendor !== null && (status < 200 || status > 299))) throw refusal(what, response, answer, vendor);
    return { status, headers: response.headers, body: read<T>(what, answer, status) };
  }

  return restFrom(request);
}

function parseBody(text: string): unknown {
  if (/^\s*<(?:!doctype\s+html|html)\b/iu.test(text)) throw new Error('a web page');
  if (/^\s*(?:[[{]|true\s*$|false\s*$|null\s*$|-?\d+(?:\.\d+)?\s*$|".*"\s*$)/u.test(text)) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      if (/^\s*[[{]/u.test(text)) throw new Error('broken JSON');
    }
  }
  return text;
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

/** A certificate that cannot be verified or a page that never ends will not be better in a moment. */
function unanswered(what: string, error: TransportError): ProviderError {
  const lasting = error.fault === 'tls' || error.fault === 'too-large';
  return new ProviderError(lasting ? 'api' : 'network', `${what} got no answer: ${error.message}`, { cause: error });
}

const lowerCase = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

/** Headers for the debug log: what authenticates is left out even where nobody declared it a secret. */
const discreet = (headers: Readonly<Record<string, string | undefined>>) =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      /auth|cookie|credential|key|password|secret|session|signature|token/iu.test(name) ? '***' : value,
    ]),
  );
