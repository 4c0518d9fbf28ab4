import { setTimeout as sleep } from 'node:timers/promises';
import { AcmeError } from '../errors.ts';
import { type HttpResponse, type Transport, TransportError } from '../http.ts';
import { limiter } from '../limiter.ts';
import type { Log } from '../log.ts';
import { plainText } from '../plain-text.ts';
import { isProblem, type Problem, problemError, problemKind } from './problem.ts';

/** RFC 8555 section 7.1.1. */
export interface Directory {
  readonly url: string;
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  readonly revokeCert?: string;
  readonly renewalInfo?: string;
  readonly meta: {
    readonly termsOfService?: string;
    readonly externalAccountRequired?: boolean;
    readonly profiles?: Readonly<Record<string, string>>;
  };
}

export interface AcmeResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Parsed where it is JSON. */
  readonly body: unknown;
  readonly text: string;
}

export interface AcmeOptions {
  readonly transport: Transport;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** No single wait that the CA asks for, and not all of them for one request together, may be longer. */
  readonly maxWaitMs: number;
}

export interface PostOptions {
  /** In words, for messages: `create the order`. */
  readonly doing: string;
  /** Problem types that the caller deals with; the response is returned instead of thrown. */
  readonly tolerate?: readonly string[];
  readonly withJwk?: boolean;
}

/** One account's connection to one CA. */
export interface AcmeConnection {
  readonly directory: Directory;
  accountUrl: string | undefined;
  /** POST with a signed JSON payload, or POST-as-GET with `null` (RFC 8555 section 6.3). */
  post(url: string, payload: object | null, options: PostOptions): Promise<AcmeResponse>;
  /** `token.thumbprint` (RFC 8555 section 8.1). */
  keyAuthorization(token: string): Promise<string>;
  /** Asks again and again, by Retry-After or from 250 ms growing, until `done` finds what it looks for. */
  poll<T>(
    url: string,
    options: { doing: string; deadline: number; done: (response: AcmeResponse) => T | undefined },
  ): Promise<T>;
}

/** Requests at one time: each needs a nonce of its own, so this is also how many nonces are ever asked for. */
const LANES = 8;
const BAD_NONCE_TRIES = 20;
const TRIES = 6;
const MAX_REDIRECTS = 3;
const FIRST_POLL_MS = 250;
const LONGEST_POLL_MS = 5_000;
const CLOCK_SKEW_MS = 3_600_000;

/** What of acme-client is used: its JWS signing and its retry on badNonce, with everything that touches the network replaced. */
interface ClientInternals {
  readonly http: {
    directoryCache: unknown;
    directoryTimestamp: number;
    maxBadNonceRetries: number;
    request(url: string, method: string, options?: { data?: unknown }): Promise<LibraryResponse>;
    getNonce(): Promise<string>;
    getJwk(): object;
  };
  readonly api: {
    accountUrl: string | null;
    apiRequest(
      url: string,
      payload: object | null,
      valid: number[],
      options: { includeJwsKid: boolean; includeExternalAccountBinding: boolean },
    ): Promise<LibraryResponse>;
  };
  getChallengeKeyAuthorization(challenge: { type: 'http-01'; token: string }): Promise<string>;
}
interface LibraryResponse {
  status: number;
  headers: Record<string, string | undefined>;
  data: unknown;
  text: string;
}

/** Milliseconds that a Retry-After header asks for (RFC 9110 section 10.2.3); a date that has passed is 0. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const wait = /^\s*\d+\s*$/u.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

const parse = (response: HttpResponse): LibraryResponse => {
  const text = response.body.toString('utf8').replace(/^\uFEFF/u, '');
  const json = /\bjson\b/u.test(response.headers['content-type'] ?? '');
  let data: unknown = text;
  if (json) {
    try {
      data = JSON.parse(text);
    } catch {
      data = text; // Told by whoever needs an object here.
    }
  }
  return { status: response.status, headers: { ...response.headers }, data, text };
};

/** An object, or the error that names where something else came from. */
export function expectObject(response: AcmeResponse, url: string): Record<string, unknown> {
  if (typeof response.body === 'object' && response.body !== null) return response.body as Record<string, unknown>;
  throw new AcmeError(
    'ACME_PROTOCOL',
    `acme: ${url} answered ${response.status} with something else than a JSON object: ${plainText(response.text, 120)}`,
  );
}

/** Sends with retries. What is sent must be safe to repeat; `send` signs anew each time. */
async function persist(
  send: () => Promise<LibraryResponse>,
  doing: string,
  { log, signal, maxWaitMs }: AcmeOptions,
): Promise<LibraryResponse> {
  let waited = 0;
  for (let round = 1; ; round += 1) {
    let failure: AcmeError;
    let wait: number | undefined;
    try {
      const response = await send();
      if (response.status !== 429 && response.status < 500) return response;
      wait = retryAfterMs(response.headers['retry-after'], Date.now());
      const facts = wait === undefined ? {} : { notBefore: new Date(Date.now() + wait).toISOString() };
      failure = isProblem(response.data)
        ? problemError(response.data, doing, facts)
        : new AcmeError(
            'ACME_UNAVAILABLE',
            `acme: could not ${doing}: the CA answered ${response.status} ${plainText(response.text, 120)}`.trim(),
            { facts },
          );
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TransportError)) throw error;
      const hint = error.fault === 'tls' ? 'name the roots of a private CA with --ca-certificates' : undefined;
      failure = new AcmeError('ACME_UNAVAILABLE', `acme: could not ${doing}: ${error.message}`, { cause: error, hint });
      if (error.fault === 'tls' || error.fault === 'too-large') throw failure;
    }
    const pause = wait ?? 500 * 2 ** (round - 1) * (0.75 + Math.random() / 2);
    if (round === TRIES || waited + pause > maxWaitMs) throw failure;
    log.warn(`${failure.message}; trying again in ${Math.max(1, Math.round(pause / 1000))} s`);
    await sleep(pause, undefined, { signal });
    waited += pause;
  }
}

/** Reads a CA's directory, redirects followed. */
export async function fetchDirectory(url: string, options: AcmeOptions): Promise<Directory> {
  const { transport, log, signal } = options;
  let at = url;
  const get = async (): Promise<LibraryResponse> => parse(await transport({ method: 'GET', url: at, signal }));
  for (let redirects = 0; ; redirects += 1) {
    const response = await persist(get, `read the directory ${at}`, options);
    const { location } = response.headers;
    if (response.status >= 300 && response.status < 400 && location && redirects < MAX_REDIRECTS) {
      const next = new URL(location, at);
      if (new URL(url).protocol === 'https:' && next.protocol !== 'https:') break;
      at = next.href;
      continue;
    }
    if (response.status !== 200) {
      throw new AcmeError(
        'ACME_PROTOCOL',
        `acme: the directory ${at} answered ${response.status} ${plainText(response.text, 120)}`.trim(),
        {
          hint: 'check --server',
        },
      );
    }
    const skew = Date.parse(response.headers.date ?? '') - Date.now();
    if (Math.abs(skew) > CLOCK_SKEW_MS) {
      log.warn(`the clock of this machine and that of the CA are ${Math.round(Math.abs(skew) / 60_000)} minutes apart`);
    }
    return readDirectory(expectObject({ ...response, body: response.data }, at), url, at);
  }
  throw new AcmeError('ACME_PROTOCOL', `acme: the directory ${url} leads to an insecure address`);
}

function readDirectory(body: Record<string, unknown>, url: string, at: string): Directory {
  const resource = (name: string): string | undefined => {
    const value = body[name];
    return typeof value === 'string' && URL.canParse(value, at) ? new URL(value, at).href : undefined;
  };
  const [newNonce, newAccount, newOrder] = [resource('newNonce'), resource('newAccount'), resource('newOrder')];
  if (!newNonce || !newAccount || !newOrder) {
    throw new AcmeError(
      'ACME_PROTOCOL',
      `acme: ${url} is no ACME directory: newNonce, newAccount or newOrder is missing`,
      {
        hint: 'check --server',
      },
    );
  }
  const meta = typeof body.meta === 'object' && body.meta !== null ? (body.meta as Directory['meta']) : {};
  const [revokeCert, renewalInfo] = [resource('revokeCert'), resource('renewalInfo')];
  return {
    url,
    newNonce,
    newAccount,
    newOrder,
    meta,
    ...(revokeCert ? { revokeCert } : {}),
    ...(renewalInfo ? { renewalInfo } : {}),
  };
}

export interface ConnectOptions extends AcmeOptions {
  readonly directory: Directory;
  readonly accountKeyPem: string;
  readonly accountUrl?: string | undefined;
  readonly eab?: { readonly kid: string; readonly hmacKey: string } | undefined;
}

/** acme-client with our transport, nonces kept from every answer, retries that end, and errors that say what the CA said. */
export async function connectAcme(options: ConnectOptions): Promise<AcmeConnection> {
  const { transport, log, signal, directory, eab } = options;
  const { Client } = (await import('acme-client')).default;
  const client = new Client({
    directoryUrl: directory.url,
    accountKey: options.accountKeyPem,
    ...(eab ? { externalAccountBinding: eab } : {}),
  }) as unknown as ClientInternals;
  const { http, api } = client;
  const nonces: string[] = [];
  const lane = limiter(LANES);

  http.directoryCache = directory;
  http.directoryTimestamp = Number.POSITIVE_INFINITY;
  http.maxBadNonceRetries = BAD_NONCE_TRIES;
  api.accountUrl = options.accountUrl ?? null;
  http.request = async (url, method, { data } = {}) => {
    const response = parse(
      await transport({
        method: method.toUpperCase(),
        url,
        signal,
        headers: {
          'accept-language': 'en',
          ...(data === undefined ? {} : { 'content-type': 'application/jose+json' }),
        },
        ...(data === undefined ? {} : { body: JSON.stringify(data) }),
      }),
    );
    const nonce = response.headers['replay-nonce'];
    if (nonce) nonces.push(nonce);
    // The library would use the nonce of a badNonce answer although the pool has it too.
    delete response.headers['replay-nonce'];
    log.debug(`acme: ${method.toUpperCase()} ${url} → ${response.status} ${plainText(response.text, 1000)}`);
    return response;
  };
  http.getNonce = async () => {
    const kept = nonces.shift();
    if (kept !== undefined) return kept;
    const response = await http.request(directory.newNonce, 'head');
    const fresh = nonces.pop();
    if (fresh !== undefined) return fresh;
    throw new AcmeError('ACME_PROTOCOL', `acme: ${directory.newNonce} answered ${response.status} without a nonce`);
  };

  const post: AcmeConnection['post'] = async (url, payload, { doing, tolerate = [], withJwk = false }) => {
    const send = () =>
      // The library adds the external account binding to the object it is given.
      api.apiRequest(url, payload && { ...payload }, [], {
        includeJwsKid: !withJwk,
        includeExternalAccountBinding: withJwk && eab !== undefined,
      });
    const { status, headers, data, text } = await lane(() => persist(send, doing, options));
    const problem: Problem | undefined = status >= 400 ? (isProblem(data) ? data : {}) : undefined;
    if (!problem || tolerate.includes(problemKind(problem))) return { status, headers, body: data, text };
    if (isProblem(data)) throw problemError(problem, doing, links(headers));
    throw new AcmeError(
      'ACME_PROTOCOL',
      `acme: could not ${doing}: ${url} answered ${status} ${plainText(text, 120)}`.trim(),
    );
  };

  return {
    directory,
    get accountUrl() {
      return api.accountUrl ?? undefined;
    },
    set accountUrl(url) {
      api.accountUrl = url ?? null;
    },
    post,
    // For http-01 the library gives back the plain key authorization; for dns-01 it would hash it.
    keyAuthorization: (token) => client.getChallengeKeyAuthorization({ type: 'http-01', token }),
    async poll(url, { doing, deadline, done }) {
      for (let pause = FIRST_POLL_MS; ; pause = Math.min(pause * 1.5, LONGEST_POLL_MS)) {
        const response = await post(url, null, { doing });
        const found = done(response);
        if (found !== undefined) return found;
        const wait = retryAfterMs(response.headers['retry-after'], Date.now()) ?? pause;
        if (performance.now() + wait > deadline) {
          throw new AcmeError('ACME_TIMEOUT', `acme: could not ${doing}: the CA is still at work`, {
            hint: 'run again: the order is kept and will be resumed',
          });
        }
        await sleep(wait, undefined, { signal });
      }
    },
  };
}

/** The terms of service that a userActionRequired problem links to (RFC 8555 section 7.3.3). */
const links = ({ link }: AcmeResponse['headers']): Record<string, unknown> => {
  const terms = /<([^>]+)>;\s*rel="?terms-of-service"?/u.exec(link ?? '')?.[1];
  return terms ? { termsOfService: terms } : {};
};
