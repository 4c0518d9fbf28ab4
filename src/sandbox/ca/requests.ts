import { isObject, type Jws, parseJson, readJws, verifyJws } from './jws.ts';
import type { PublicKey } from './keys.ts';
import { refuse } from './problem.ts';
import type { Account } from './resources.ts';
import type { Ca } from './state.ts';

export type Json = Readonly<Record<string, unknown>>;

/** A request that was signed by whom it says, once, for this address. */
export interface SignedRequest {
  readonly jws: Jws;
  readonly key: PublicKey;
  /** Of `kid`; undefined where the request carries its key instead. */
  readonly account: Account | undefined;
  /** The payload; undefined where it is empty, as in POST-as-GET (RFC 8555 section 6.3). */
  readonly payload: Json | undefined;
}

/** How a resource is asked: by an account, by a new key, or by either of them. */
export type Signer = 'account' | 'key' | 'either';

const signerRules: Readonly<Record<Signer, string>> = {
  account: 'the request must be signed by an account: kid, not jwk',
  key: 'the request must carry its key: jwk, not kid',
  either: '',
};

/** Everything that RFC 8555 section 6 asks of a POST. `url` is the address that the request came to. */
export async function authenticate(ca: Ca, body: string, url: string, signer: Signer): Promise<SignedRequest> {
  const jws = readJws(parseJson(body, 'the body'));
  if (signer !== 'either' && (signer === 'account') === (jws.kid === undefined))
    refuse('malformed', signerRules[signer]);
  const account = jws.kid === undefined ? undefined : accountAt(ca, jws.kid);
  const key = await ca.keys.open(account?.jwk ?? jws.jwk, jws.algorithm);
  const text = await verifyJws(jws, key.key);
  redeemNonce(ca, jws.nonce);
  if (jws.url !== url) refuse('unauthorized', `the request is signed for ${jws.url}, not for ${url}`);
  // RFC 8555 section 7.3.6 gives this one a status of its own.
  if (account?.status === 'deactivated') refuse('unauthorized', 'the account is deactivated', { status: 401 });
  return { jws, key, account, payload: readPayload(text) };
}

export const accountUrl = ({ origin }: Ca, { id }: Account): string => `${origin}/account/${id}`;

function accountAt(ca: Ca, kid: string): Account {
  const prefix = `${ca.origin}/account/`;
  const account = kid.startsWith(prefix) ? ca.accounts.get(kid.slice(prefix.length)) : undefined;
  return account ?? refuse('accountDoesNotExist', `there is no account ${kid}`);
}

/** RFC 8555 section 6.5.2. The noise of clients' nightmares included. */
function redeemNonce(ca: Ca, nonce: unknown): void {
  if (nonce === undefined) refuse('badNonce', 'the protected header has no nonce');
  if (typeof nonce !== 'string' || !/^[A-Za-z0-9_-]+$/u.test(nonce)) refuse('malformed', 'the nonce is not base64url');
  const isGood = ca.nonces.redeem(nonce);
  const { nonceRejectPercent = 0 } = ca.options.noise ?? {};
  if (!isGood || ca.random() * 100 < nonceRejectPercent) {
    refuse(
      'badNonce',
      isGood ? 'this good nonce is refused, as was asked for' : 'the nonce is unknown or was used before',
    );
  }
}

function readPayload(text: string): Json | undefined {
  if (text === '') return undefined;
  const payload = parseJson(text, 'the payload');
  return isObject(payload) ? payload : refuse('malformed', 'the payload is not a JSON object');
}

/** For resources that can only be read. */
export function expectEmpty({ payload }: SignedRequest): void {
  if (payload !== undefined) refuse('malformed', 'this resource is read by POST-as-GET: the payload must be empty');
}

/** For resources that make something. */
export const expectPayload = ({ payload }: SignedRequest): Json =>
  payload ?? refuse('malformed', 'the payload is empty');
