import type { ProviderFault } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { ConfigOf, EnvSchema } from './env.ts';
import type { EnvSource } from './read-env.ts';

export interface Zone {
  /** `example.com`: lower case, no trailing dot. */
  readonly name: string;
}

/** What the TXT value was worked out from (RFC 8555 section 8.4), for programs and servers that do so themselves. */
export interface RawChallenge {
  /** As the order names it, without `*.`: `example.com`. */
  readonly domain: string;
  readonly token: string;
  /** `token.thumbprint`: public once the challenge is answered, so not a secret. */
  readonly keyAuth: string;
}

export interface TxtRecord {
  /** Name relative to the zone; `@` at the apex. */
  readonly name: string;
  readonly fqdn: string;
  /** The bare value, never quoted. */
  readonly value: string;
  readonly ttl: number;
  /** Absent when the value comes from no ACME order (`quoin check`). */
  readonly challenge?: RawChallenge | undefined;
}

export interface TxtChanges {
  readonly add: readonly TxtRecord[];
  readonly remove: readonly TxtRecord[];
}

/** How zones are found. Neither given: the public SOA record decides. A 404 from `findZone` means "no such zone". */
export interface ZoneLookup<Z extends Zone> {
  findZone?(name: string): Promise<Z | undefined>;
  /** Where one question answers it: the deepest zone that holds `fqdn`. */
  zoneOf?(fqdn: string): Promise<Z | undefined>;
  listZones?(): Promise<readonly Z[]>;
}

/**
 * What every provider boils down to.
 *
 * `apply` must be idempotent: adding what is there and removing what is gone are successes,
 * and no other record of the zone may change. The engine calls it one at a time and retries it.
 */
export interface TxtEditor<Z extends Zone = Zone> extends ZoneLookup<Z> {
  apply(zone: Z, changes: TxtChanges): Promise<void>;
  /** Where that depends on the configuration: see `ProviderDefinition.oneValueAtATime`, which it overrides. */
  readonly oneValueAtATime?: boolean;
  /** The same for `ProviderDefinition.valuesPerName`. */
  readonly valuesPerName?: number;
  /** Ends a session. Called also after failures, and again if it fails. */
  close?(): Promise<void>;
}

/** Parameters that are `undefined` are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;
/** `URLSearchParams` is sent as a form, a string as text, anything else as JSON. */
export type Body = URLSearchParams | string | object;

export interface CallOptions {
  readonly query?: Query;
  readonly body?: Body | undefined;
  /** For this call, besides those of the client. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** For the few APIs whose status or headers carry meaning: `Location`, `ETag`, `202`. */
export interface Answer<T> {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: T;
}

/**
 * Paths are relative to the client's address. A body that is empty comes as `undefined`.
 * @throws ProviderError unless the status is 2xx and `problem` finds nothing: `auth` on 401 and 403, `missing` on 404,
 * `rate` on 429, `network` when no complete answer came, else `api`
 */
export interface Rest {
  get<T = unknown>(path: string, query?: Query, options?: CallOptions): Promise<T>;
  post<T = unknown>(path: string, body?: Body, options?: CallOptions): Promise<T>;
  put<T = unknown>(path: string, body?: Body, options?: CallOptions): Promise<T>;
  patch<T = unknown>(path: string, body?: Body, options?: CallOptions): Promise<T>;
  delete<T = unknown>(path: string, body?: Body, options?: CallOptions): Promise<T>;
  request<T = unknown>(method: string, path: string, options?: CallOptions): Promise<Answer<T>>;
}

/** What a vendor says went wrong. Without `fault` the HTTP status decides. */
export interface Problem {
  readonly message: string;
  readonly fault?: ProviderFault | undefined;
  /** One sentence with the next step. */
  readonly hint?: string | undefined;
  /** Seconds to wait before the next try, where another header than Retry-After tells. */
  readonly retryAfter?: number | undefined;
}

export interface SignableRequest {
  readonly method: string;
  /** With the query, as the vendor will see it. */
  readonly url: string;
  /** The exact bytes to be sent; empty when there is no body. */
  readonly body: string;
}

export interface RestOptions {
  url: string;
  headers?: Record<string, string>;
  /** Headers worked out for each request: signatures, short-lived tokens. */
  sign?(request: SignableRequest): Record<string, string> | Promise<Record<string, string>>;
  /** Turns a response text into a value. Default: JSON when it looks like JSON, else the text; a page of HTML is an error. */
  parse?(text: string): unknown;
  /** Finds the vendor's own error in a parsed body, whatever the HTTP status. `null`: all is well, whatever the status. */
  // biome-ignore lint/suspicious/noExplicitAny: a stranger's JSON, picked apart with `?.` only.
  problem?(body: any, status: number, headers: Answer<unknown>['headers']): string | Problem | null | undefined;
}

export interface ProviderContext<C> {
  readonly config: C;
  /** A client with this provider's timeout, debug log, redaction and error messages in place. It never retries: the engine does. */
  rest(options: RestOptions): Rest;
  readonly log: Log;
  /** Keeps a secret that is not in the environment, such as a session key, out of logs and messages. */
  hide(secret: string): void;
  /** The longest wait for one answer, in milliseconds, for work that is not HTTP. */
  readonly timeoutMs: number;
  /** For work that is not HTTP: the address of a host name, by the resolvers that the user chose. */
  addressOf(host: string): Promise<string>;
  /** For work that is not HTTP; asked anew before each step, because clean-up outlives an abort. */
  signal(): AbortSignal;
  /** Waits until the person at the terminal presses Enter; undefined where nobody is there. */
  readonly enter: (() => Promise<void>) | undefined;
  /** What a program that the provider starts finds in its environment. Providers read their own settings from `config`. */
  readonly env: EnvSource;
}

/** Defaults for the knobs every provider has: `<PREFIX>_TTL`, `_PROPAGATION_TIMEOUT`, `_POLLING_INTERVAL`, `_HTTP_TIMEOUT`, `_SEQUENCE_INTERVAL`. */
export interface Tuning {
  /** Where there are several, the first wins and the others are older spellings. */
  readonly prefix: string | readonly [string, ...string[]];
  /** Names that do not follow the rule, in front of those that do: `{ httpTimeout: 'RFC2136_DNS_TIMEOUT' }`. */
  readonly names?: Partial<Record<TuningKey, string | readonly string[]>>;
  /** Knobs that lego documents for this provider and never reads: accepted, and said to be without effect. */
  readonly ignored?: readonly TuningKey[];
  readonly ttl?: number;
  /** The vendor refuses less; smaller values are raised. */
  readonly minTtl?: number;
  readonly propagationTimeout?: number;
  readonly pollingInterval?: number;
  readonly httpTimeout?: number;
  readonly sequenceInterval?: number;
}
export type TuningKey = 'ttl' | 'propagationTimeout' | 'pollingInterval' | 'httpTimeout' | 'sequenceInterval';

// biome-ignore lint/suspicious/noExplicitAny: the engine handles providers of every schema and zone type.
export interface ProviderDefinition<S extends EnvSchema = any> {
  /** What users type after `--dns`; equals the file name. */
  readonly id: string;
  readonly name: string;
  readonly website: string;
  readonly apiDocs?: string;
  readonly aliases?: readonly string[];
  /** Markdown for the docs page: permissions to grant, where to click. */
  readonly notes?: string;
  readonly env: S;
  readonly tuning: Tuning;
  /** The API keeps a single TXT value per name, so challenges must be solved one after another. */
  readonly oneValueAtATime?: boolean;
  /** The API shows so many TXT values of one name and drops older ones, so that more have to be solved in turns. Default: any number. */
  readonly valuesPerName?: number;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  connect(context: ProviderContext<ConfigOf<S>>): TxtEditor<any> | Promise<TxtEditor<any>>;
}

const BRAND = Symbol.for('quoin.dns-provider/1');
export type Provider = ProviderDefinition & { readonly [BRAND]: true };

export function defineProvider<const S extends EnvSchema>(definition: ProviderDefinition<S>): Provider {
  return Object.freeze({ ...definition, [BRAND]: true as const }) as Provider;
}
export const isProvider = (value: unknown): value is Provider =>
  typeof value === 'object' && value !== null && BRAND in value;
