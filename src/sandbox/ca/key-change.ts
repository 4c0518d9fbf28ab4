import { calculateJwkThumbprint, type JWK } from 'jose';
import { accountView } from './accounts.ts';
import { isObject, parseJson, readJws, verifyJws } from './jws.ts';
import { problem, Refusal, refuse } from './problem.ts';
import type { Reply } from './reply.ts';
import { accountUrl, expectPayload, type SignedRequest } from './requests.ts';
import { accountWith, type Ca } from './state.ts';

/** RFC 8555 section 7.3.5: the outer message is signed with the old key, the inner one with the new. */
export async function keyChange(ca: Ca, request: SignedRequest): Promise<Reply> {
  const { account } = request;
  if (!account) return refuse('malformed', 'the request is not signed by an account');
  const inner = readJws(expectPayload(request));
  if (inner.jwk === undefined) refuse('malformed', 'the inner JWS must carry the new key: jwk, not kid');
  if (inner.nonce !== undefined) refuse('malformed', 'the inner JWS must have no nonce');
  if (inner.url !== request.jws.url) refuse('malformed', 'the url of the inner JWS is not that of the outer one');
  const next = await ca.keys.open(inner.jwk, inner.algorithm);
  const change = parseJson(await verifyJws(inner, next.key), 'the payload of the inner JWS');
  if (!isObject(change)) return refuse('malformed', 'the payload of the inner JWS is not an object');
  if (change.account !== accountUrl(ca, account)) refuse('malformed', 'the inner JWS is about another account');
  const old = isObject(change.oldKey) ? await calculateJwkThumbprint(change.oldKey as JWK).catch(() => '') : '';
  if (old !== account.thumbprint) refuse('malformed', 'oldKey is not the key of the account');
  const holder = accountWith(ca, next.thumbprint);
  if (holder) {
    throw new Refusal(problem('malformed', 'the new key belongs to an account already', { status: 409 }), {
      location: accountUrl(ca, holder),
    });
  }
  // Another request may have changed the key meanwhile; what was signed with the former one no longer counts.
  if (account.thumbprint !== request.key.thumbprint)
    refuse('unauthorized', 'the key of the account has just been changed');
  account.jwk = next.jwk;
  account.thumbprint = next.thumbprint;
  await ca.accounts.save(account);
  ca.log.debug(`sandbox CA: account ${account.id} has a new key`);
  return { status: 200, headers: { location: accountUrl(ca, account) }, body: accountView(ca, account) };
}
