import { AcmeError } from '../errors.ts';
import { plainText } from '../plain-text.ts';
import { type AcmeResponse, addressAt, expectAddress, expectObject } from './answer.ts';
import type { AcmeConnection } from './client.ts';
import { type Problem, readProblem } from './problem.ts';

const STATUSES = ['pending', 'ready', 'processing', 'valid', 'invalid'] as const;
export type OrderStatus = (typeof STATUSES)[number];

/** RFC 8555 section 7.1.3. */
export interface Order {
  readonly url: string;
  readonly status: OrderStatus;
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly certificate?: string;
  readonly error?: Problem;
}

/** RFC 8555 section 7.1.4. Challenges without an address or a token are left out of `dns01`, not of `offered`. */
export interface Authorization {
  readonly url: string;
  readonly name: string;
  readonly status: string;
  readonly dns01: { readonly url: string; readonly token: string } | undefined;
  /** The types of all challenges, for messages. */
  readonly offered: readonly string[];
  /** Why a challenge failed. */
  readonly error: Problem | undefined;
}

export function readOrder(response: AcmeResponse, url: string): Order {
  const { status, authorizations, finalize, certificate, error } = expectObject(response, url);
  const known = STATUSES.find((name) => name === status);
  if (!known || !Array.isArray(authorizations) || typeof finalize !== 'string') {
    throw new AcmeError('ACME_PROTOCOL', `acme: ${url} is no order: status, authorizations or finalize is missing`);
  }
  const problem = readProblem(error);
  return {
    url,
    status: known,
    authorizations: authorizations.map((address) => expectAddress(address, url, 'an authorization')),
    finalize: expectAddress(finalize, url, 'finalization'),
    ...(certificate === undefined ? {} : { certificate: expectAddress(certificate, url, 'the certificate') }),
    ...(problem ? { error: problem } : {}),
  };
}

export async function readAuthorization(url: string, acme: AcmeConnection): Promise<Authorization> {
  const body = expectObject(await acme.post(url, null, { doing: 'read an authorization' }), url);
  const { identifier, status, challenges, wildcard } = body;
  const value = (identifier as { value?: unknown } | null | undefined)?.value;
  if (typeof value !== 'string' || value === '' || typeof status !== 'string' || !Array.isArray(challenges)) {
    throw new AcmeError('ACME_PROTOCOL', `acme: ${url} is no authorization`);
  }
  const list = challenges.filter(
    (one): one is Record<string, unknown> => typeof one === 'object' && one !== null && 'type' in one,
  );
  const found = list.find(({ type }) => type === 'dns-01');
  const answerAt = addressAt(found?.url, url);
  const token = found?.token;
  return {
    url,
    name: plainText(wildcard === true ? `*.${value}` : value, 260),
    status: plainText(status, 60),
    // RFC 8555 section 8.1: base64url only.
    dns01: answerAt && typeof token === 'string' && /^[\w-]+$/u.test(token) ? { url: answerAt, token } : undefined,
    offered: list.map(({ type }) => plainText(String(type), 60)),
    error: list.map(({ error }) => readProblem(error)).find((problem) => problem !== undefined),
  };
}
