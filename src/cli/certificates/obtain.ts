import { certificateId } from '../../acme/certificate-id.ts';
import type { Directory } from '../../acme/client.ts';
import { issueCertificate } from '../../acme/issue.ts';
import type { StoredCertificate } from '../../acme/storage.ts';
import { isAppError } from '../../errors.ts';
import type { CertificatePlan } from './plan.ts';
import { isOut, joinRefusals, limitsAt, type Refusal, refuseLimited } from './refusals.ts';
import { refuseByCaa } from './refuse-by-caa.ts';
import type { Bench } from './secure.ts';

/** Obtains the certificate from the first CA that can be had. */
export async function obtain(
  plan: CertificatePlan,
  stored: StoredCertificate | undefined,
  bench: Bench,
): Promise<{ certificate: StoredCertificate; directory: Directory }> {
  const { store, workshop, log, context } = bench;
  const { servers, name } = plan;
  const limits =
    servers.length > 1 && !context.options.renewForce
      ? limitsAt(new Date(), (await store.readRenewal(name))?.failure)
      : {};
  const refusals: Refusal[] = [];
  for (const [index, server] of servers.entries()) {
    const next = servers[index + 1];
    try {
      refuseLimited(server, limits);
      if (next !== undefined) workshop.outages.refuse(server);
      if (index > 0) await refuseByCaa(server, plan, bench);
      return await obtainFrom(server, plan, stored, bench);
    } catch (error) {
      context.io.signal.throwIfAborted();
      if (!isAppError(error)) throw error;
      refusals.push({ server, error });
      workshop.outages.note({ server, error });
      if (next === undefined || !isOut(error)) break;
      log.warn(`${error.message}; turning to ${new URL(next).host}`);
    }
  }
  throw joinRefusals(refusals);
}

async function obtainFrom(
  server: string,
  plan: CertificatePlan,
  stored: StoredCertificate | undefined,
  { store, workshop, context, log }: Bench,
) {
  const { options, io } = context;
  const { settings } = plan;
  // Both at once; but no order is made before the provider has taken the credentials.
  const asked = workshop.directory(server, plan);
  asked.catch(() => {});
  const dns = await workshop.solver(plan, log);
  const directory = await asked;
  const acme = await workshop.connect(server, plan);
  const request = {
    name: plan.name,
    settings: { ...settings, directoryUrl: server },
    keyPem: plan.keyPem ?? (settings.reuseKey ? stored?.keyPem : undefined),
    csr: plan.csr,
    replaces: stored && replacedBy(plan, server, stored),
    notBefore: options.notBefore,
    notAfter: options.notAfter,
    deactivateAuthorizations: options.deactivateAuthorizations,
    timeoutMs: options.certTimeout,
  };
  const certificate = await issueCertificate(request, { acme, dns, store, log, signal: io.signal });
  return { certificate, directory };
}

/** RFC 9773 section 5: of the same account at the same CA, with a name in common. */
function replacedBy(
  { settings }: CertificatePlan,
  server: string,
  { settings: had, certificatePem }: StoredCertificate,
): string | undefined {
  const isOurs = had?.directoryUrl === server && had.accountId === settings.accountId;
  const shares = had?.names.some((name) => settings.names.includes(name));
  return isOurs && shares ? certificateId(certificatePem) : undefined;
}
