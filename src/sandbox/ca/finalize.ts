import { type CertificateRequest, readCsr } from './csr.ts';
import { issue } from './issuance.ts';
import { ownOrder, show, statusOf } from './orders.ts';
import { problem, Refusal, refuse } from './problem.ts';
import { certificateOf } from './renewal-info.ts';
import type { Reply } from './reply.ts';
import { expectPayload, type SignedRequest } from './requests.ts';
import type { Order } from './resources.ts';
import type { Ca } from './state.ts';

/** RFC 8555 section 7.4. With `processingMs` the answer comes before the certificate. */
export async function finalize(ca: Ca, request: SignedRequest, id: string): Promise<Reply> {
  const order = ownOrder(ca, request, id);
  const { csr } = expectPayload(request);
  expectReady(ca, order);
  const names = order.authorizations.map(({ name }) => name);
  const wanted = await readCsr(ca, csr, names);
  expectReady(ca, order); // Two requests may have come at the same time.
  order.status = 'processing';
  order.csr = csr as string;
  const { processingMs = 0 } = ca.options.noise ?? {};
  if (processingMs > 0) {
    await ca.orders.save(order);
    ca.background.run(`issue the certificate of order ${id}`, () =>
      complete(ca, order, async () => wanted, processingMs),
    );
  } else await complete(ca, order, async () => wanted, 0);
  return show(ca, order, 200);
}

function expectReady(ca: Ca, order: Order): void {
  const status = statusOf(ca, order);
  if (status !== 'ready') refuse('orderNotReady', `the order is ${status}, not ready`);
}

/** Ends with the order valid or invalid, whatever happens; only a CA that stops leaves it as it is. */
async function complete(
  ca: Ca,
  order: Order,
  request: () => Promise<CertificateRequest>,
  delayMs: number,
): Promise<void> {
  if (delayMs > 0) await ca.background.pause(delayMs);
  try {
    // RFC 8555 section 7.3.6: what an account had under way ends with it.
    if (ca.accounts.get(order.accountId)?.status !== 'valid') refuse('unauthorized', 'the account was deactivated');
    const certificate = await issue(ca, order, await request());
    await ca.certificates.save(certificate);
    order.certificateId = certificate.id;
    order.status = 'valid';
    await markReplaced(ca, order);
    ca.log.info(`sandbox CA: certificate ${certificate.id} issued for ${certificate.names.join(', ')}`);
  } catch (error) {
    order.status = 'invalid';
    order.error =
      error instanceof Refusal ? error.problem : problem('serverInternal', 'the certificate could not be made');
    if (!(error instanceof Refusal)) ca.log.warn(`sandbox CA: ${(error as Error).stack}`);
  }
  delete order.csr;
  await ca.orders.save(order);
}

async function markReplaced(ca: Ca, { id, replaces }: Order): Promise<void> {
  const replaced = replaces === undefined ? undefined : certificateOf(ca, replaces);
  if (!replaced) return;
  replaced.replacedBy = id;
  await ca.certificates.save(replaced);
}

/** After a restart: issues what was being issued. */
export function resumeIssuing(ca: Ca): void {
  for (const order of ca.orders.values()) {
    if (order.status !== 'processing') continue;
    const names = order.authorizations.map(({ name }) => name);
    ca.background.run(`issue the certificate of order ${order.id}`, () =>
      complete(ca, order, () => readCsr(ca, order.csr, names), 0),
    );
  }
}
