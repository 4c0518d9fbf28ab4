import { drafts, isHashPrefix, isIssuerName, issuerForm, type PersistDraft } from '../acme/persist.ts';
import { ConfigError } from '../errors.ts';
import { type Flag, flag, type ValuesOf } from './options.ts';

/** Flags of `quoin persist`. They have no variables: an experiment is asked for each time. */

export const persistActions = {
  print: 'show the TXT records to make; writes nothing',
  check: 'tell whether the TXT records that are there would let this account have certificates',
} as const;

const yes = (): boolean => true;

export const persistFlags = {
  experimental: flag({
    flags: '--experimental',
    parse: yes,
    fallback: false,
    help: 'needed: dns-persist-01 is a draft, which changes, and most CAs do not offer it',
  }),
  wildcard: flag({
    flags: '--wildcard',
    parse: yes,
    fallback: false,
    help: 'policy=wildcard: for wildcards and all names below as well (implied by *.example.com)',
  }),
  until: flag({
    flags: '--until <date>',
    parse: seconds,
    help: 'persistUntil: a date such as 2027-06-30, 2027-06-30T12:00:00Z, or seconds since 1970',
  }),
  issuer: flag({
    flags: '--issuer <domain>',
    parse: issuer,
    help: 'issuer domain name of the CA, instead of what its directory tells',
  }),
  draft: flag({
    flags: '--draft <number>',
    parse: draft,
    help: '01 (the URL of the account) or 02 (a hash); default: 02 where the directory has accountHashPrefix',
  }),
  hashPrefix: flag({
    flags: '--hash-prefix <url>',
    parse: prefix,
    help: 'of draft 02: accountHashPrefix of the CA, instead of what its directory tells',
  }),
} satisfies Record<string, Flag<unknown>>;

export type PersistFlags = ValuesOf<typeof persistFlags>;

/** Seconds since 1970. A date is its first second in UTC. */
function seconds(value: string, name: string): number {
  const given = value.trim();
  if (/^\d{9,12}$/u.test(given)) return Number(given);
  const isDate = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/iu.test(given);
  const time = isDate ? Date.parse(given) : Number.NaN;
  // Date.parse takes 2027-02-30 for a day in March.
  if (Number.isNaN(time) || new Date(`${given.slice(0, 10)}T00:00:00Z`).getUTCDate() !== Number(given.slice(8, 10))) {
    throw new ConfigError(`${name} ${value} is no date`, {
      hint: 'write it as 2027-06-30, or with the time and its zone: 2027-06-30T12:00:00Z',
    });
  }
  return Math.floor(time / 1000);
}

function issuer(value: string, name: string): string {
  const form = issuerForm(value);
  if (isIssuerName(form)) return form;
  throw new ConfigError(`${name} ${value} is no domain name`, { hint: 'such as letsencrypt.org' });
}

function draft(value: string, name: string): PersistDraft {
  const number = value
    .trim()
    .replace(/^draft-ietf-acme-dns-persist-/u, '')
    .padStart(2, '0');
  const found = drafts.find((known) => known === number) ?? (number === '00' ? '01' : undefined);
  if (found) return found;
  throw new ConfigError(`${name} ${value} is unknown`, { hint: `use one of ${drafts.join(', ')}` });
}

function prefix(value: string, name: string): string {
  if (isHashPrefix(value)) return value;
  throw new ConfigError(`${name} ${value} is no URL that a hash could follow`);
}
