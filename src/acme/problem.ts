import { AcmeError } from '../errors.ts';
import { plainText } from '../plain-text.ts';

/** A problem document (RFC 9457, RFC 8555 section 6.7), of which every part may be missing. */
export interface Problem {
  readonly type?: string;
  readonly detail?: string;
  readonly status?: number;
  readonly subproblems?: readonly (Problem & { readonly identifier?: { readonly value?: string } })[];
}

const PREFIX = 'urn:ietf:params:acme:error:';

export const isProblem = (value: unknown): value is Problem =>
  typeof value === 'object' && value !== null && ('type' in value || 'detail' in value || 'subproblems' in value);

/** `rateLimited` of `urn:ietf:params:acme:error:rateLimited`; other URIs as they are. */
export const problemKind = ({ type = '' }: Problem): string =>
  type.startsWith(PREFIX) ? type.slice(PREFIX.length) : type;

const hints: Readonly<Record<string, string>> = {
  rateLimited: 'run again when the limit allows; renewals and --server letsencrypt-staging have other limits',
  caa: 'allow this CA in the CAA records of the name, or remove them',
  dns: 'check the name servers of the name: the CA asks them itself',
  connection: 'check that the name servers can be reached from outside',
  unauthorized: 'the CA did not find the expected TXT value; check CNAMEs, and that every name server is updated',
  externalAccountRequired: 'get a key id and an HMAC key from the CA, and pass --eab --kid and --hmac',
  accountDoesNotExist: 'the CA does not know the stored account; move its folder under accounts/ away to register anew',
  invalidContact: 'pass another address with --email',
  unsupportedContact: 'pass another address with --email',
  userActionRequired: 'read the address in the message, agree there, and run again',
  rejectedIdentifier: 'this CA does not issue for that name; leave it out or use another CA',
  badCSR: 'try another --key-type',
};

/** What the CA said, with every subproblem, as one error. `doing` says what was asked: `create the order`. */
export function problemError(
  problem: Problem,
  doing: string,
  facts: Readonly<Record<string, unknown>> = {},
): AcmeError {
  const kind = problemKind(problem) || 'unknown';
  const subproblems = (problem.subproblems ?? []).slice(0, 100).map((sub) => ({
    identifier: sub.identifier?.value,
    type: problemKind(sub),
    detail: plainText(sub.detail ?? ''),
  }));
  const parts = [
    `acme: could not ${doing}: ${plainText(problem.detail ?? 'the CA gave no reason')} (${kind})`,
    ...subproblems.map(({ identifier, type, detail }) => `${identifier ?? 'order'}: ${detail} (${type})`),
  ];
  const code = kind
    .replace(/[^A-Za-z]+/gu, '_')
    .replace(/([a-z])([A-Z])/gu, '$1_$2')
    .toUpperCase();
  return new AcmeError(`ACME_${code}`, parts.join('; '), {
    hint: hints[kind],
    facts: { ...facts, ...(subproblems.length > 0 ? { subproblems } : {}) },
  });
}
