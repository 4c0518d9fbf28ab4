import { calculateJwkThumbprint, type JWK } from 'jose';
import { isObject, parseJson, readJws, verifyJws } from './jws.ts';
import { problem, Refusal, refuse } from './problem.ts';
import type { SignedRequest } from './requests.ts';
import type { Ca } from './state.ts';

const MACS = ['HS256', 'HS384', 'HS512'];

/** The external account binding of a new account (RFC 8555 section 7.3.4), verified; undefined where none is asked for. */
export async function bindingOf(ca: Ca, given: unknown, request: SignedRequest): Promise<object | undefined> {
  const { externalAccounts } = ca.options;
  if (!externalAccounts) return undefined;
  if (given === undefined) refuse('externalAccountRequired', 'an external account binding is required');
  const jws = readBinding(given);
  if (jws.nonce !== undefined) refuse('malformed', 'the external account binding must have no nonce');
  if (jws.kid === undefined) refuse('malformed', 'the external account binding has no kid');
  if (jws.url !== request.jws.url) refuse('malformed', 'the external account binding is for another url');
  const known = externalAccounts.find(({ kid }) => kid === jws.kid);
  if (!known) return refuse('unauthorized', `there is no external account ${jws.kid}`);
  const payload = await verifyJws(jws, Buffer.from(known.hmacKey, 'base64url')).catch(() =>
    refuse('unauthorized', 'the external account binding is not signed with the key of its kid'),
  );
  const bound = parseJson(payload, 'the payload of the external account binding');
  const thumbprint = isObject(bound) ? await calculateJwkThumbprint(bound as JWK).catch(() => undefined) : undefined;
  if (thumbprint !== request.key.thumbprint) {
    refuse('malformed', 'the external account binding is for another account key');
  }
  return jws.raw;
}

/** For bindings another signature algorithm is as wrong as any other mistake in them. */
function readBinding(given: unknown): ReturnType<typeof readJws> {
  try {
    return readJws(given, MACS);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(problem('malformed', `the external account binding is wrong: ${error.problem.detail}`));
  }
}
