import { ConfigError } from '../errors.ts';

/**
 * The TXT record of the challenge dns-persist-01, which is an Internet-Draft: draft-ietf-acme-dns-persist. Two formats are in
 * use. Label, syntax (RFC 8659 section 4.2), `policy` and `persistUntil` (seconds since 1970) are the same in both; what
 * `accounturi` holds is not:
 *
 * - `01`: the URL of the account. draft-ietf-acme-dns-persist-00 (2025-11-03) and -01 (2026-03-24) section 4, and before them
 *   draft-sheurich-acme-dns-persist-00 and -01. The challenge has `issuer-domain-names`, and since -01 `accounturi`.
 * - `02`: a hash of domain name, account key and account URL, below a prefix that the CA's directory tells.
 *   draft-ietf-acme-dns-persist-02 (2026-09-20) sections 3.1, 3.2, 4.1. The challenge has `issuerDomainNames`; the `meta` of the
 *   directory has `issuerDomainNames` and `accountHashPrefix`. A record with the account's URL is refused.
 *
 * Pebble 2.10.0 offers -00; Boulder (August 2026) and Google Trust Services (since 2026-09-28) do -01.
 */
export const drafts = ['01', '02'] as const;
export type PersistDraft = (typeof drafts)[number];
export const draftName = (draft: PersistDraft): string => `draft-ietf-acme-dns-persist-${draft}`;

export interface PersistRecord {
  /** Lower case. */
  readonly issuer: string;
  readonly accountUri: string;
  /** `policy=wildcard`: for wildcards and names below as well. */
  readonly wildcard: boolean;
  /** Seconds since 1970, after which it counts no more. */
  readonly until?: number | undefined;
}

const LABEL = '_validation-persist';
/** RFC 1035 section 3.3. */
const STRING_BYTES = 255;
const MAX_NAME = 253;
/** RFC 8659 section 4.2: what a value may consist of. */
const VALUE = /^[\x21-\x3a\x3c-\x7e]+$/u;
const TAG = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/u;
/** Where CAs keep it in 64 bits, it must fit. */
const MAX_UNTIL = 2n ** 63n - 1n;

/** `_validation-persist.example.com`, for `*.example.com` too. */
export function persistName(name: string): string {
  const full = `${LABEL}.${name.replace(/^\*\./u, '')}`;
  if (full.length > MAX_NAME) throw new ConfigError(`${name} is too long: there can be no ${LABEL} below it`);
  return full;
}

/** A domain name as both drafts want it of issuers: A-labels in lower case without final dot. */
export const isIssuerName = (name: string): boolean =>
  name.length <= MAX_NAME && name.split('.').every((label) => label.length <= 63 && TAG.test(label));

/** Into that form, as far as it goes. */
export const issuerForm = (name: string): string => name.trim().toLowerCase().replace(/\.$/u, '');

/** Whether it can stand in a record. */
export const isAccountUri = (uri: string): boolean => VALUE.test(uri);

/** The value of the record. Throws `ConfigError` for what cannot be said in it. */
export function buildPersist({ issuer, accountUri, wildcard, until }: PersistRecord): string {
  if (!isIssuerName(issuer)) throw new ConfigError(`${issuer} is not the domain name of an issuer`);
  if (!isAccountUri(accountUri)) throw new ConfigError(`the account ${accountUri} cannot be named in a TXT record`);
  return [
    issuer,
    `accounturi=${accountUri}`,
    ...(wildcard ? ['policy=wildcard'] : []),
    ...(until === undefined ? [] : [`persistUntil=${until}`]),
  ].join('; ');
}

/**
 * Reads a record as strictly as CAs do: one error anywhere, a parameter that is there twice or a semicolon at the end, and it
 * does not count. Unknown parameters are skipped. What is wrong is told in words.
 */
export function parsePersist(value: string): PersistRecord | { readonly problem: string } {
  // From here on `trim` removes spaces and tabs only.
  if (!/^[\t\x20-\x7e]*$/u.test(value)) return { problem: 'it has characters other than printable ASCII' };
  const [head = '', ...parts] = value.split(';');
  const issuer = head.trim().toLowerCase();
  if (issuer === '') return { problem: 'it names no issuer' };
  if (!isIssuerName(issuer)) return { problem: 'it does not begin with the domain name of an issuer' };
  const parameters = new Map<string, string>();
  const given = parts.length === 1 && parts[0]?.trim() === '' ? [] : parts;
  for (const part of given) {
    const equals = part.indexOf('=');
    const tag = part.slice(0, Math.max(equals, 0)).trim().toLowerCase();
    const setting = part.slice(equals + 1).trim();
    if (part.trim() === '') return { problem: 'it has a semicolon too many' };
    if (equals < 0 || !TAG.test(tag)) return { problem: 'a parameter is not of the form name=value' };
    if (setting !== '' && !VALUE.test(setting)) return { problem: `the value of ${tag} has a space in it` };
    if (parameters.has(tag)) return { problem: `${tag} is there twice` };
    parameters.set(tag, setting);
  }
  const [accountUri, policy, until] = ['accounturi', 'policy', 'persistuntil'].map((tag) => parameters.get(tag));
  if (!accountUri) return { problem: 'accounturi is missing' };
  if (until !== undefined && !(/^\d{1,19}$/u.test(until) && BigInt(until) <= MAX_UNTIL))
    return { problem: 'persistUntil is not a number of seconds' };
  return {
    issuer,
    accountUri,
    wildcard: policy?.toLowerCase() === 'wildcard',
    ...(until === undefined ? {} : { until: Number(until) }),
  };
}

/** Whether a prefix can stand before a hash. */
export const isHashPrefix = (prefix: string): boolean => VALUE.test(prefix) && URL.canParse(`${prefix}sha-256/`);

/** The character strings of a TXT record (RFC 1035 section 3.3.14). `value` is ASCII. */
export const txtStrings = (value: string): string[] => value.match(new RegExp(`.{1,${STRING_BYTES}}`, 'gsu')) ?? [''];

/** A line of a zone file (RFC 1035 section 5.1). */
export function zoneLine(name: string, value: string, ttlSeconds: number): string {
  const strings = txtStrings(value).map((text) => `"${text.replaceAll(/["\\]/gu, '\\$&')}"`);
  const data = strings.length === 1 ? strings[0] : `( ${strings.join(' ')} )`;
  return `${name}. ${ttlSeconds} IN TXT ${data}`;
}
