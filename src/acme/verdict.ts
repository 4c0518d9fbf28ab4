import type { AcmeConnection } from './client.ts';
import { type Order, readAuthorization, readOrder } from './order.ts';
import { problemError } from './problem.ts';

interface Watching {
  readonly acme: AcmeConnection;
  readonly signal: AbortSignal;
}

/** So often the authorizations of an order that stays pending are read too: some CAs never tell the order. */
const AUTHORIZATIONS_MS = 3_000;

/** Polls the order until it is what is waited for; an order that turns invalid ends the run with the CA's reasons. */
export async function waitForOrder(
  order: Order,
  timeoutMs: number,
  context: Watching,
  doing: string,
  done: (order: Order) => boolean,
): Promise<Order> {
  let readAt = performance.now();
  return context.acme.poll(order.url, {
    doing,
    deadline: performance.now() + timeoutMs,
    done: async (response) => {
      const now = readOrder(response, order.url);
      if (now.status === 'invalid') return failed(now, context);
      if (now.status === 'pending' && performance.now() - readAt >= AUTHORIZATIONS_MS) {
        readAt = performance.now();
        const all = await Promise.all(now.authorizations.map((url) => readAuthorization(url, context.acme)));
        if (all.some(({ status }) => status === 'invalid')) return failed(now, context);
      }
      return done(now) ? now : undefined;
    },
  });
}

/** The CA's verdict on an order that failed: its own error, and those of its challenges. */
export async function failed(order: Order, { acme, signal }: Watching): Promise<never> {
  const doing = 'obtain the certificate';
  if (order.error && order.error.subproblems.length > 0) throw problemError(order.error, doing);
  const authorizations = await Promise.all(order.authorizations.map((url) => readAuthorization(url, acme))).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      if (order.error) return [];
      throw error;
    },
  );
  const subproblems = authorizations.flatMap(({ name, status, error }) => {
    if (status === 'valid' || (status === 'pending' && !error)) return [];
    return [
      {
        identifier: name,
        kind: error?.kind || 'unauthorized',
        detail: error?.detail || `the authorization is ${status}`,
      },
    ];
  });
  throw problemError(
    {
      kind: subproblems[0]?.kind ?? order.error?.kind ?? 'unauthorized',
      detail: order.error?.detail || 'the CA could not validate every name',
      subproblems,
    },
    doing,
  );
}
