/** Problem documents (RFC 9457) with the error types of RFC 8555 section 6.7, RFC 9773 section 7.4 and draft-ietf-acme-profiles. */

/** The status that goes with each type, where a refusal does not say otherwise. */
const STATUS = {
  accountDoesNotExist: 400,
  alreadyReplaced: 409,
  alreadyRevoked: 400,
  badCSR: 400,
  badNonce: 400,
  badPublicKey: 400,
  badRevocationReason: 400,
  badSignatureAlgorithm: 400,
  caa: 403,
  compound: 403,
  dns: 400,
  externalAccountRequired: 403,
  invalidContact: 400,
  invalidProfile: 400,
  malformed: 400,
  orderNotReady: 403,
  serverInternal: 500,
  unauthorized: 403,
  unsupportedContact: 400,
  unsupportedIdentifier: 400,
  userActionRequired: 403,
} as const satisfies Readonly<Record<string, number>>;
export type ProblemType = keyof typeof STATUS;

export interface Subproblem {
  readonly type: string;
  readonly detail: string;
  readonly identifier: { readonly type: string; readonly value: string };
}

export interface Problem {
  readonly type: string;
  readonly detail: string;
  readonly status: number;
  readonly subproblems?: readonly Subproblem[];
  /** Further members: `algorithms`, `instance`. */
  readonly [more: string]: unknown;
}

export const problemUrn = (type: ProblemType): string => `urn:ietf:params:acme:error:${type}`;

/** A problem document; `status` only where the type's own does not fit. */
export const problem = (type: ProblemType, detail: string, more: Readonly<Record<string, unknown>> = {}): Problem => ({
  type: problemUrn(type),
  detail,
  status: STATUS[type],
  ...more,
});

/** Several problems of several names as one (RFC 8555 section 6.7.1). A single one stands for itself. */
export function together(
  problems: readonly { readonly name: string; readonly problem: Problem }[],
): Problem | undefined {
  const [first] = problems;
  if (!first || problems.length === 1) return first?.problem;
  const types = new Set(problems.map(({ problem: { type } }) => type));
  return {
    type: types.size === 1 ? first.problem.type : problemUrn('compound'),
    detail: `${problems.length} names were refused`,
    status: first.problem.status,
    subproblems: problems.map(({ name, problem: { type, detail } }) => ({
      type,
      detail,
      identifier: { type: 'dns', value: name },
    })),
  };
}

/** What a request is refused with. Anything else that is thrown is a bug of this server, and answered as `serverInternal`. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
  constructor(problem: Problem, headers: Readonly<Record<string, string>> = {}) {
    super(problem.detail);
    this.problem = problem;
    this.headers = headers;
  }
}

/** Ends the handling of a request. */
export function refuse(type: ProblemType, detail: string, more?: Readonly<Record<string, unknown>>): never {
  throw new Refusal(problem(type, detail, more));
}
