import { AcmeError } from '../errors.ts';
import { plainText } from '../plain-text.ts';

/** A problem document (RFC 9457, RFC 8555 section 6.7), of which every part may be missing; its texts fit for a terminal. */
export interface Problem {
  /** `rateLimited` of `urn:ietf:params:acme:error:rateLimited`; other URIs as they are; empty where there is none. */
  readonly kind: string;
  readonly detail: string;
  readonly subproblems: readonly Subproblem[];
}
interface Subproblem {
  readonly identifier: string | undefined;
  readonly kind: string;
  readonly detail: string;
}

const PREFIX = 'urn:ietf:params:acme:error:';
const MOST_SUBPROBLEMS = 100;
/** Room for the address in the detail of a paused account, which carries a token. */
const LONGEST_DETAIL = 2_000;

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const kindOf = ({ type }: Json): string =>
  typeof type === 'string' ? plainText(type.startsWith(PREFIX) ? type.slice(PREFIX.length) : type, 100) : '';
const detailOf = ({ detail }: Json): string => (typeof detail === 'string' ? plainText(detail, LONGEST_DETAIL) : '');

/** The problem document that a CA sent; undefined where it is none. What has the wrong type counts as missing. */
export function readProblem(value: unknown): Problem | undefined {
  if (!isObject(value) || !('type' in value || 'detail' in value || 'subproblems' in value)) return undefined;
  const list: readonly unknown[] = Array.isArray(value.subproblems) ? value.subproblems : [];
  const subproblems = list
    .slice(0, MOST_SUBPROBLEMS)
    .filter(isObject)
    .map((sub) => ({
      identifier:
        isObject(sub.identifier) && typeof sub.identifier.value === 'string'
          ? plainText(sub.identifier.value, 260)
          : undefined,
      kind: kindOf(sub),
      detail: detailOf(sub),
    }));
  return { kind: kindOf(value), detail: detailOf(value), subproblems };
}

/** Let's Encrypt stops accounts that fail all the time, until their owner follows a link: trying again is of no use. */
export const isPaused = ({ kind, detail }: Problem): boolean => kind === 'rateLimited' && /\/unpause\b/u.test(detail);

/** What CAs say to an account that was deactivated, or that they have revoked: there is no error type for it. */
export const isEnded = ({ kind, detail }: Problem): boolean =>
  kind === 'unauthorized' && /\baccount\b/iu.test(detail) && /deactivated|revoked/iu.test(detail);

const hints: Readonly<Record<string, string>> = {
  rateLimited: 'run again when the limit allows; renewals and --server letsencrypt-staging have other limits',
  caa: 'allow this CA in the CAA records of the name, or remove them',
  dns: 'check the name servers of the name: the CA asks them itself',
  connection: 'check that the name servers can be reached from outside',
  unauthorized: 'the CA did not find the expected TXT value; check CNAMEs, and that every name server is updated',
  externalAccountRequired: 'get a key id and an HMAC key from the CA, and pass --eab --kid and --hmac',
  accountDoesNotExist:
    'the CA does not know the stored account (any more): register it again with quoin account register',
  invalidContact: 'pass another address with --email',
  unsupportedContact: 'pass another address with --email',
  rejectedIdentifier: 'this CA does not issue for that name; leave it out or use another CA',
  badCSR: 'try another --key-type',
};

function hintFor(problem: Problem, facts: Json): string | undefined {
  if (isEnded(problem))
    return 'quoin account show tells more; quoin account register registers another one in its place';
  if (isPaused(problem)) return 'open the address in the message, unpause the account there, and run again';
  if (problem.kind !== 'userActionRequired') return hints[problem.kind];
  const { termsOfService } = facts;
  return `read ${typeof termsOfService === 'string' ? termsOfService : 'the address in the message'}, agree there, and run again`;
}

/** What the CA said, with every subproblem, as one error. `doing` says what was asked: `create the order`. */
export function problemError(problem: Problem, doing: string, facts: Json = {}): AcmeError {
  const kind = problem.kind || 'unknown';
  const subproblems = problem.subproblems.map(({ identifier, kind: type, detail }) => ({ identifier, type, detail }));
  const parts = [
    `acme: could not ${doing}: ${problem.detail || 'the CA gave no reason'} (${kind})`,
    ...subproblems.map(({ identifier, type, detail }) => `${identifier ?? 'order'}: ${detail} (${type})`),
  ];
  const code = kind
    .replace(/[^A-Za-z]+/gu, '_')
    .replace(/([a-z])([A-Z])/gu, '$1_$2')
    .toUpperCase();
  return new AcmeError(`ACME_${code}`, parts.join('; '), {
    hint: hintFor(problem, facts),
    facts: { ...facts, ...(subproblems.length > 0 ? { subproblems } : {}) },
  });
}
