import { setTimeout as sleep } from 'node:timers/promises';
import { createCsr } from './csr.ts';
import type { IssueContext, IssueRequest } from './issue.ts';
import { type Order, readOrder } from './order.ts';
import { failed, waitForOrder } from './verdict.ts';

/** A CA may take a moment to see that an order is ready, or take it back to `ready` when issuing failed. */
const FINALIZE_TRIES = 5;
const ACCEPTED_TRIES = 2;
const FIRST_PAUSE_MS = 250;

/** Has the order finalized with this key, and ends with it valid. */
export async function finalize(
  order: Order,
  keyPem: string | undefined,
  request: IssueRequest,
  context: IssueContext,
): Promise<Order> {
  const { acme, log, signal } = context;
  const { names, mustStaple, commonName = true } = request.settings;
  const wait = (doing: string, done: (order: Order) => boolean) =>
    waitForOrder(order, request.timeoutMs, context, doing, done);
  const isSettled = ({ status }: Order) => status === 'ready' || status === 'valid';

  let current = order.status === 'processing' ? await wait('issue the certificate', isSettled) : order;
  let accepted = 0;
  for (let tries = 1; current.status === 'ready' && tries <= FINALIZE_TRIES && accepted < ACCEPTED_TRIES; tries += 1) {
    log.waiting('the CA is issuing');
    const csr = request.csr?.der ?? (await createCsr(names, keyPem ?? '', { mustStaple, commonName }));
    const response = await acme.post(
      current.finalize,
      { csr: csr.toString('base64url') },
      { doing: 'finalize the order', tolerate: ['orderNotReady'] },
    );
    if (response.status < 400) {
      accepted += 1;
      current = readOrder(response, order.url);
    } else {
      // Not ready, or done already by a request whose answer was lost: the order tells.
      if (tries > 1) await sleep(FIRST_PAUSE_MS * tries, undefined, { signal });
      current = await wait('finalize the order', isSettled);
    }
    if (current.status === 'processing') current = await wait('issue the certificate', isSettled);
  }
  if (current.status === 'invalid') return failed(current, context);
  return current.status === 'valid' ? current : wait('issue the certificate', ({ status }) => status === 'valid');
}
