import { caaIdentities } from '../../acme/caa-identities.ts';
import { certificateId } from '../../acme/certificate-id.ts';
import type { Directory } from '../../acme/client.ts';
import { issueCertificate } from '../../acme/issue.ts';
import type { StoredCertificate } from '../../acme/storage.ts';
import { findCaa, judgeCaa } from '../../dns/caa.ts';
import { recordsOf } from '../../dns/resolvers.ts';
import { AcmeError, isAppError } from '../../errors.ts';
import type { CertificatePlan } from './plan.ts';
import type { Bench } from './secure.ts';

/** Obtains the certificate from the first CA that can be had. */
export async function obtain(
  plan: CertificatePlan,
  stored: StoredCertificate | undefined,
  bench: Bench,
): Promise<{ certificate: StoredCertificate; directory: Directory }> {
  const { log, context } = bench;
  for (const [index, server] of plan.servers.entries()) {
    try {
      if (index > 0) await refuseByCaa(server, plan, bench);
      return await obtainFrom(server, plan, stored, bench);
    } catch (error) {
      context.io.signal.throwIfAborted();
      const next = plan.servers[index + 1];
      if (next === undefined || !isOut(error)) throw error;
      log.warn(`${error.message}; turning to ${new URL(next).host}`);
    }
  }
  throw new Error('a plan without a CA');
}

/** The CA is down, or has had enough of us: another one may do. An order that is under way is none of these. */
const isOut = (error: unknown): error is AcmeError =>
  isAppError(error) && /^ACME_(?:UNAVAILABLE|RATE_LIMITED|SERVER_INTERNAL|CAA)$/u.test(error.code);

/** A CA that the user's CAA records forbid (RFC 8659) is not even asked. Where they cannot be read the CA will tell. */
async function refuseByCaa(server: string, plan: CertificatePlan, { workshop, context, log }: Bench): Promise<void> {
  const identities = caaIdentities(server);
  if (!identities) return;
  const { resolvers } = workshop.lookup(plan);
  const { signal } = context.io;
  for (const name of plan.settings.names) {
    try {
      const set = await findCaa(name, async (at) => recordsOf(await resolvers.ask(at, 'CAA', signal), 'CAA'));
      const { verdict, why } = judgeCaa(set, { name, identities });
      if (verdict !== 'forbidden') continue;
      throw new AcmeError('ACME_CAA', `the CAA records of ${set?.at} do not let ${new URL(server).host} issue: ${why}`);
    } catch (error) {
      if (!isAppError(error) || error.code === 'ACME_CAA') throw error;
      log.warn(error.message);
    }
  }
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
