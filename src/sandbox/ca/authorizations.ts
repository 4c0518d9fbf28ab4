import { createHash } from 'node:crypto';
import { withoutWildcard } from './identifiers.ts';
import { DEFAULT_RETRY_AFTER, date, ownOrder } from './orders.ts';
import { refuse } from './problem.ts';
import type { Reply } from './reply.ts';
import { accountUrl, type Json, type SignedRequest } from './requests.ts';
import type { Account, Authorization, Order } from './resources.ts';
import type { Ca } from './state.ts';

/** How long a validated name stays so; it is not reused for other orders, but lets its account revoke. */
const VALID_MS = 30 * 86_400_000;

type Status = 'pending' | 'valid' | 'invalid' | 'deactivated' | 'expired';

/** RFC 8555 section 7.1.6. */
export function authorizationStatus({ now }: Pick<Ca, 'now'>, { status, expires }: Authorization): Status {
  const isOver = expires <= now();
  if (status === 'pending' || status === 'processing') return isOver ? 'invalid' : 'pending';
  return status === 'valid' && isOver ? 'expired' : status;
}

function view(ca: Ca, order: Order, index: number, authorization: Authorization): Json {
  const { name, expires } = authorization;
  return {
    identifier: { type: 'dns', value: withoutWildcard(name) },
    status: authorizationStatus(ca, authorization),
    expires: date(expires),
    challenges: [challengeView(ca, order, index, authorization)],
    ...(name.startsWith('*.') ? { wildcard: true } : {}),
  };
}

function challengeView({ origin }: Ca, order: Order, index: number, authorization: Authorization): Json {
  const { status, token, validated, error } = authorization;
  return {
    type: 'dns-01',
    url: `${origin}/challenge/${order.id}/${index}`,
    // An authorization can be given up with its challenge unanswered, which then stays as it was.
    status: status === 'deactivated' ? (validated === undefined ? 'pending' : 'valid') : status,
    token,
    ...(validated === undefined ? {} : { validated: date(validated) }),
    ...(error ? { error } : {}),
  };
}

function find(ca: Ca, request: SignedRequest, id: string, at: string) {
  const order = ownOrder(ca, request, id);
  const index = /^\d{1,4}$/u.test(at) ? Number(at) : -1;
  const authorization = order.authorizations[index];
  if (!authorization) return refuse('malformed', 'there is no such authorization', { status: 404 });
  return { order, index, authorization };
}

const pauseOf = (ca: Ca, { status }: Authorization): Readonly<Record<string, string>> =>
  status === 'processing' ? { 'retry-after': String(ca.options.noise?.retryAfterSeconds ?? DEFAULT_RETRY_AFTER) } : {};

/** Reading, and deactivating (RFC 8555 sections 7.5 and 7.5.2). */
export async function authorization(ca: Ca, request: SignedRequest, id: string, at: string): Promise<Reply> {
  const { order, index, authorization: one } = find(ca, request, id, at);
  if (request.payload) {
    if (request.payload.status !== 'deactivated') refuse('malformed', 'an authorization can only be deactivated');
    const status = authorizationStatus(ca, one);
    if (status !== 'pending' && status !== 'valid') refuse('malformed', `the authorization is ${status}`);
    one.status = 'deactivated';
    await ca.orders.save(order);
  }
  return { status: 200, headers: pauseOf(ca, one), body: view(ca, order, index, one) };
}

/** Reading a challenge, and answering it (RFC 8555 section 7.5.1), which it takes only once: later answers change nothing. */
export async function challenge(ca: Ca, request: SignedRequest, id: string, at: string): Promise<Reply> {
  const { order, index, authorization: one } = find(ca, request, id, at);
  if (request.payload && request.account && one.status === 'pending') {
    if (authorizationStatus(ca, one) !== 'pending') refuse('malformed', 'the authorization has expired');
    one.status = 'processing';
    validate(ca, order, one, request.account);
  }
  return {
    status: 200,
    headers: {
      link: `<${ca.origin}/authorization/${id}/${index}>;rel="up"`,
      ...pauseOf(ca, one),
    },
    body: challengeView(ca, order, index, one),
  };
}

/** Looks into the DNS, after the answer; whoever asked finds the verdict in the authorization. */
function validate(ca: Ca, order: Order, one: Authorization, account: Account): void {
  const value = createHash('sha256').update(`${one.token}.${account.thumbprint}`).digest('base64url');
  ca.background.run(`validate ${one.name}`, async (signal) => {
    await ca.orders.save(order);
    const request = { name: one.name, value, accountUrl: accountUrl(ca, account) };
    const problem = await ca.validator(request, signal);
    if (one.status !== 'processing') return; // Deactivated meanwhile.
    if (problem) one.error = problem;
    else {
      one.validated = ca.now();
      one.expires = one.validated + VALID_MS;
    }
    one.status = problem ? 'invalid' : 'valid';
    if (problem) ca.log.info(`sandbox CA: ${one.name} is refused: ${problem.detail}`);
    else ca.log.debug(`sandbox CA: ${one.name} is validated`);
    await ca.orders.save(order);
  });
}

/** After a restart: goes on with the challenges that were answered before. */
export function resumeValidations(ca: Ca): void {
  for (const order of ca.orders.values()) {
    const account = ca.accounts.get(order.accountId);
    for (const one of order.authorizations) {
      if (account && one.status === 'processing') validate(ca, order, one, account);
    }
  }
}
