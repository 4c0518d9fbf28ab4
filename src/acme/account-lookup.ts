import { AcmeError } from '../errors.ts';
import { plainText } from '../plain-text.ts';
import { type AcmeResponse, expectAddress } from './answer.ts';
import { type AcmeConnection, type AcmeOptions, connectAcme, type Directory } from './client.ts';
import { isEnded, problemError, readProblem } from './problem.ts';
import type { StoredAccount } from './storage.ts';

/** What a CA says of an account (RFC 8555 section 7.1.2); its texts fit for a terminal. */
export interface AccountFacts {
  readonly status?: string | undefined;
  readonly contact?: readonly string[] | undefined;
}
export interface KnownAccount extends AccountFacts {
  readonly url: string;
}

/** As the CA and the store have it: with a URL. */
export type RegisteredAccount = StoredAccount & { readonly url: string };
export const isRegistered = (account: StoredAccount | undefined): account is RegisteredAccount =>
  account?.url !== undefined;

/** Statuses of accounts that are over for good. */
export const isOver = (status: string | undefined): boolean => status === 'deactivated' || status === 'revoked';

const MOST_CONTACTS = 20;

/** What has the wrong type counts as missing. */
export function readAccount(body: unknown): AccountFacts {
  if (typeof body !== 'object' || body === null) return {};
  const { status, contact } = body as Record<string, unknown>;
  return {
    ...(typeof status === 'string' && status ? { status: plainText(status, 40) } : {}),
    ...(Array.isArray(contact)
      ? {
          contact: contact
            .slice(0, MOST_CONTACTS)
            .flatMap((one) => (typeof one === 'string' ? [plainText(one, 300)] : [])),
        }
      : {}),
  };
}

/** The account of an answer to newAccount, which has its URL in Location. */
export function locateAccount({ headers, body }: AcmeResponse, directory: Directory): KnownAccount {
  const { location } = headers;
  if (!location) throw new AcmeError('ACME_PROTOCOL', 'acme: the CA has the account and does not tell its URL');
  return { url: expectAddress(location, directory.newAccount, 'the account'), ...readAccount(body) };
}

/** The account that the connection's key has at the CA (RFC 8555 section 7.3.1); undefined where it has none. */
export async function lookUp(connection: AcmeConnection): Promise<KnownAccount | undefined> {
  const { directory } = connection;
  const response = await connection.post(
    directory.newAccount,
    { onlyReturnExisting: true },
    { doing: 'look the account up by its key', withJwk: true, tolerate: ['accountDoesNotExist'] },
  );
  return response.status < 400 ? locateAccount(response, directory) : undefined;
}

/** The same, of any key. */
export const findByKey = async (
  directory: Directory,
  accountKeyPem: string,
  options: AcmeOptions,
): Promise<KnownAccount | undefined> => lookUp(await connectAcme({ ...options, directory, accountKeyPem }));

/**
 * What the CA says of an account that is in the store; `unknown` where it does not know it (any more). A CA does not talk to
 * accounts that are over, so that the refusal is the answer.
 */
export async function askAccount(connection: AcmeConnection, account: RegisteredAccount): Promise<AccountFacts> {
  const doing = `read the account ${account.id}`;
  return factsOf(await connection.post(account.url, null, { doing, tolerate: REFUSALS }), doing);
}

/** For `tolerate`: answers that `factsOf` makes sense of. */
export const REFUSALS: readonly (string | number)[] = ['accountDoesNotExist', 401, 403];

export function factsOf({ status, body }: AcmeResponse, doing: string): AccountFacts {
  if (status < 400) return readAccount(body);
  const problem = readProblem(body) ?? { kind: '', detail: '', subproblems: [] };
  if (problem.kind === 'accountDoesNotExist') return { status: 'unknown' };
  if (isEnded(problem)) return { status: /revoked/iu.test(problem.detail) ? 'revoked' : 'deactivated' };
  throw problemError(problem, doing, { status });
}
