import { createPrivateKey, type KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AcmeError } from '../errors.ts';
import { limiter } from '../limiter.ts';
import { plainText } from '../plain-text.ts';
import { type AcmeResponse, addressAt, type LibraryResponse, parseAnswer } from './answer.ts';
import type { Directory } from './directory.ts';
import { mayPass, NonceRefused, noncePool } from './nonces.ts';
import { problemError, readProblem } from './problem.ts';
import { type AcmeOptions, persist, retryAfterMs } from './retry.ts';

export { type AcmeResponse, expectObject } from './answer.ts';
export { type Directory, fetchDirectory } from './directory.ts';
export { type AcmeOptions, retryAfterMs } from './retry.ts';

export interface PostOptions {
  /** In words, for messages: `create the order`. */
  readonly doing: string;
  /** Problem types, or statuses, that the caller deals with; the response is returned instead of thrown. */
  readonly tolerate?: readonly (string | number)[];
  readonly withJwk?: boolean;
}

export interface PollOptions<T> {
  readonly doing: string;
  /** By `performance.now()`. */
  readonly deadline: number;
  readonly tolerate?: PostOptions['tolerate'];
  /** What was looked for, or undefined to ask again. */
  readonly done: (response: AcmeResponse) => T | undefined | Promise<T | undefined>;
}

/** One account's connection to one CA. */
export interface AcmeConnection {
  readonly directory: Directory;
  accountUrl: string | undefined;
  /** POST with a signed JSON payload, or POST-as-GET with `null` (RFC 8555 section 6.3). */
  post(url: string, payload: object | null, options: PostOptions): Promise<AcmeResponse>;
  /** `token.thumbprint` (RFC 8555 section 8.1). */
  keyAuthorization(token: string): Promise<string>;
  /** Asks again and again, by Retry-After or with pauses that double from 50 ms on, until `done` finds what it looks for. */
  poll<T>(url: string, options: PollOptions<T>): Promise<T>;
}

/** Requests at one time: each needs a nonce of its own, so this is also how many nonces are ever asked for. */
const LANES = 8;
const BAD_NONCE_TRIES = 20;
const FIRST_POLL_MS = 50;
const LONGEST_POLL_MS = 5_000;
/** The least that a Retry-After counts for: `Retry-After: 0` is no leave to ask without pause. */
const LEAST_ASKED_MS = 250;

/** What of acme-client is used: its JWS signing and its retry on badNonce, with everything that touches the network replaced. */
interface ClientInternals {
  readonly http: {
    accountKey: KeyObject | Buffer;
    directoryCache: unknown;
    directoryTimestamp: number;
    maxBadNonceRetries: number;
    request(url: string, method: string, options?: { data?: unknown }): Promise<LibraryResponse>;
    getNonce(): Promise<string>;
    getJwk(): object;
    createSignedBody(url: string, payload: object): object;
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
  const lane = limiter(LANES);

  http.accountKey = createPrivateKey(options.accountKeyPem); // Of a PEM text, every signature would parse the key anew.
  http.directoryCache = directory;
  http.directoryTimestamp = Number.POSITIVE_INFINITY;
  http.maxBadNonceRetries = BAD_NONCE_TRIES;
  api.accountUrl = options.accountUrl ?? null;
  const exchange = async (url: string, method: string, data?: unknown) => {
    const response = parseAnswer(
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
    // The library would use the nonce of a badNonce answer although the pool has it too.
    delete response.headers['replay-nonce'];
    log.debug(`acme: ${method.toUpperCase()} ${url} → ${response.status} ${plainText(response.text, 1000)}`);
    return { nonce, response };
  };
  let nonceMethod = 'get';
  const nonces = noncePool(async () => {
    const method = nonceMethod;
    const answer = await exchange(directory.newNonce, method);
    if (answer.nonce || method === 'head' || mayPass(answer.response)) return answer;
    // Some servers know the one method only, although they must answer both (RFC 8555 section 7.2). GET comes first, because
    // Node closes the connection after an answer to HEAD that does not tell its length.
    nonceMethod = 'head';
    return exchange(directory.newNonce, nonceMethod);
  });
  http.getNonce = nonces.take;
  http.request = async (url, method, { data } = {}) => {
    const { nonce, response } = await exchange(url, method, data);
    if (nonce) nonces.keep(nonce);
    return response;
  };

  const post: AcmeConnection['post'] = async (url, payload, { doing, tolerate = [], withJwk = false }) => {
    const send = () =>
      // The library adds the external account binding to the object it is given.
      api
        .apiRequest(url, payload && { ...payload }, [], {
          includeJwsKid: !withJwk,
          includeExternalAccountBinding: withJwk && eab !== undefined,
        })
        .catch((error: unknown) => {
          if (error instanceof NonceRefused) return error.response;
          throw error;
        });
    const { status, headers, data, text } = await lane(() => persist(send, doing, options));
    const problem = status >= 400 ? readProblem(data) : undefined;
    const isFine = status >= 200 && status < 300;
    if (isFine || tolerate.includes(status) || (problem && tolerate.includes(problem.kind)))
      return { status, headers, body: data, text };
    if (problem) throw problemError(problem, doing, { status, ...terms(headers, url) });
    throw new AcmeError(
      'ACME_PROTOCOL',
      `acme: could not ${doing}: ${url} answered ${status} ${plainText(text, 120)}`.trim(),
      { facts: { status } },
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
    async poll(url, { doing, deadline, tolerate = [], done }) {
      for (let pause = FIRST_POLL_MS; ; pause = Math.min(pause * 2, LONGEST_POLL_MS)) {
        const response = await post(url, null, { doing, tolerate });
        const found = await done(response);
        if (found !== undefined) return found;
        const asked = retryAfterMs(response.headers['retry-after'], Date.now());
        const wait = asked === undefined ? pause : Math.max(asked, LEAST_ASKED_MS);
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

/** A JWS signed by a key that it carries, without a nonce: the inner one of a key change (RFC 8555 section 7.3.5). */
export async function signByKey(keyPem: string, url: string, payload: object): Promise<object> {
  const { Client } = (await import('acme-client')).default;
  const { http } = new Client({ directoryUrl: url, accountKey: keyPem }) as unknown as ClientInternals;
  return http.createSignedBody(url, payload);
}

/** The terms of service that a userActionRequired problem links to (RFC 8555 section 7.3.3). */
function terms({ link }: AcmeResponse['headers'], url: string): Record<string, unknown> {
  const address = addressAt(/<([^>]+)>\s*;\s*rel="?terms-of-service"?/u.exec(link ?? '')?.[1], url);
  return address ? { termsOfService: address } : {};
}
