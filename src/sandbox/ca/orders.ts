import { randomBytes } from 'node:crypto';
import { readIdentifiers } from './identifiers.ts';
import { type Problem, problem, refuse, together } from './problem.ts';
import { profileNamed } from './profiles.ts';
import { checkReplaces } from './renewal-info.ts';
import type { Reply } from './reply.ts';
import { expectEmpty, expectPayload, type Json, type SignedRequest } from './requests.ts';
import type { Authorization, Order } from './resources.ts';
import { type Ca, newId } from './state.ts';
import { readValidity } from './validity.ts';

/** CAA records are looked up when a name is validated, and count for eight hours (CA/Browser Forum, 3.2.2.8): so long do orders live. */
const ORDER_LIFETIME_MS = 8 * 3_600_000;
/** Seconds that a client is asked to wait while something is under way. */
export const DEFAULT_RETRY_AFTER = 1;

export type OrderStatus = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';

/** RFC 8555 section 7.1.6: until it is finalized, an order follows its authorizations. */
export function statusOf({ now }: Pick<Ca, 'now'>, order: Order): OrderStatus {
  if (order.status) return order.status;
  const all = order.authorizations.map(({ status }) => status);
  if (order.expires <= now() || all.some((status) => status === 'invalid' || status === 'deactivated'))
    return 'invalid';
  return all.every((status) => status === 'valid') ? 'ready' : 'pending';
}

/** Why an order is invalid: its own error, or those of its names. */
function errorOf({ now }: Pick<Ca, 'now'>, order: Order): Problem | undefined {
  if (order.error) return order.error;
  const failed = order.authorizations.flatMap(({ name, error }) => (error ? [{ name, problem: error }] : []));
  if (failed.length > 0) return together(failed);
  const given = order.authorizations.find(({ status }) => status === 'deactivated');
  if (given) return problem('unauthorized', `the authorization of ${given.name} was deactivated`);
  return order.status === undefined && order.expires <= now()
    ? problem('malformed', 'the order has expired')
    : undefined;
}

export const orderUrl = ({ origin }: Pick<Ca, 'origin'>, { id }: Order): string => `${origin}/order/${id}`;
export const date = (time: number): string => new Date(time).toISOString().replace(/\.\d+Z$/u, 'Z');

function view(ca: Ca, order: Order): Json {
  const { id, profile, notBefore, notAfter, replaces, expires, authorizations, certificateId } = order;
  const status = statusOf(ca, order);
  const error = status === 'invalid' ? errorOf(ca, order) : undefined;
  return {
    status,
    expires: date(expires),
    identifiers: authorizations.map(({ name }) => ({ type: 'dns', value: name })),
    ...(notBefore === undefined ? {} : { notBefore: date(notBefore) }),
    ...(notAfter === undefined ? {} : { notAfter: date(notAfter) }),
    profile,
    ...(replaces === undefined ? {} : { replaces }),
    ...(error ? { error } : {}),
    authorizations: authorizations.map((_, index) => `${ca.origin}/authorization/${id}/${index}`),
    finalize: `${orderUrl(ca, order)}/finalize`,
    ...(certificateId ? { certificate: `${ca.origin}/certificate/${certificateId}` } : {}),
  };
}

/** RFC 8555 section 7.4. */
export async function newOrder(ca: Ca, request: SignedRequest): Promise<Reply> {
  const payload = expectPayload(request);
  const account = request.account ?? refuse('malformed', 'the request is not signed by an account');
  const names = readIdentifiers(payload.identifiers);
  const profile = profileNamed(payload.profile, ca.options.lifetimeMs);
  if (names.length > profile.mostNames) {
    refuse('malformed', `the profile ${profile.name} takes ${profile.mostNames} names, not ${names.length}`);
  }
  const now = ca.now();
  const validity = readValidity(payload, profile.lifetimeMs, now);
  const replaces = checkReplaces(ca, payload.replaces, account, names);
  const expires = now + ORDER_LIFETIME_MS;
  const order: Order = {
    id: newId(),
    createdAt: now,
    accountId: account.id,
    profile: profile.name,
    authorizations: names.map(
      (name): Authorization => ({ name, token: randomBytes(24).toString('base64url'), status: 'pending', expires }),
    ),
    ...validity,
    replaces,
    expires,
  };
  await sweep(ca, now);
  await ca.orders.save(order);
  ca.log.debug(`sandbox CA: order ${order.id} for ${names.join(', ')}`);
  return show(ca, order, 201);
}

/** What nobody can use any more goes: orders that expired before they were valid, and certificates with their orders. */
async function sweep({ orders, certificates }: Ca, now: number): Promise<void> {
  const isOver = ({ status, expires, certificateId }: Order): boolean =>
    expires <= now && status !== 'processing' && (certificateId === undefined || !certificates.get(certificateId));
  const old = [...certificates.values()].filter(({ notAfter }) => notAfter <= now - ORDER_LIFETIME_MS);
  await Promise.all(old.map(({ id }) => certificates.remove(id)));
  await Promise.all([...orders.values()].filter(isOver).map(({ id }) => orders.remove(id)));
}

/** Of this account; others are not shown what is ordered. */
export function ownOrder(ca: Ca, { account }: SignedRequest, id: string): Order {
  const order = ca.orders.get(id) ?? refuse('malformed', 'there is no such order', { status: 404 });
  if (order.accountId !== account?.id) refuse('unauthorized', 'the order belongs to another account');
  return order;
}

export function readOrder(ca: Ca, request: SignedRequest, id: string): Reply {
  expectEmpty(request);
  return show(ca, ownOrder(ca, request, id), 200);
}

/** An order, with the pause that its reader is asked to make: while it is at work, and wherever the user wants one. */
export function show(ca: Ca, order: Order, status: number): Reply {
  const at = statusOf(ca, order);
  const validating = order.authorizations.some((authorization) => authorization.status === 'processing');
  const wanted = ca.options.noise?.retryAfterSeconds;
  const pause =
    at === 'processing' ? (wanted ?? DEFAULT_RETRY_AFTER) : at === 'pending' && validating ? wanted : undefined;
  return {
    status,
    headers: { location: orderUrl(ca, order), ...(pause === undefined ? {} : { 'retry-after': String(pause) }) },
    body: view(ca, order),
  };
}
