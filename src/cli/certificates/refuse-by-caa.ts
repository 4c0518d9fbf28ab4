import { caaIdentities } from '../../acme/caa-identities.ts';
import { findCaa, judgeCaa } from '../../dns/caa.ts';
import { recordsOf } from '../../dns/resolvers.ts';
import { AcmeError, isAppError } from '../../errors.ts';
import { sideBySide } from '../../side-by-side.ts';
import type { CertificatePlan } from './plan.ts';
import type { Bench } from './secure.ts';

const ASKED_AT_A_TIME = 8;

/**
 * A CA that the user's CAA records forbid (RFC 8659) is asked for its directory at most: no account is registered, nothing is ordered.
 * Throws `AcmeError` `ACME_CAA`. Where the records cannot be read the CA will tell.
 */
export async function refuseByCaa(
  server: string,
  plan: CertificatePlan,
  { store, workshop, context, log }: Bench,
): Promise<void> {
  // As the CA's own documentation has it; else as its directory does.
  const identities = caaIdentities(server) ?? (await workshop.directory(server, plan)).meta.caaIdentities;
  if (!identities || identities.length === 0) return;
  const { resolvers } = workshop.lookup(plan);
  const { signal } = context.io;
  const { host } = new URL(server);
  const refuse = (at: string, why: string): never => {
    throw new AcmeError('ACME_CAA', `the CAA records of ${at} do not let ${host} issue: ${why}`, {
      hint: 'let it issue there, or leave it out of --server',
    });
  };
  const known = identities.map((name) => name.toLowerCase());
  await sideBySide(plan.settings.names, ASKED_AT_A_TIME, async (name) => {
    try {
      const set = await findCaa(name, async (at) => recordsOf(await resolvers.ask(at, 'CAA', signal), 'CAA'));
      if (!set) return;
      const { verdict, why, accounts } = judgeCaa(set, { name, identities: known });
      if (verdict === 'forbidden') refuse(set.at, why);
      if (accounts.length === 0) return;
      // RFC 8657 section 3. Who has no account there yet has none of these.
      const account = await store.loadAccount(server, plan.settings.accountId);
      if (!accounts.includes(account?.url ?? '')) refuse(set.at, 'they name accounts, and this is none of them');
    } catch (error) {
      if (!isAppError(error) || error.code === 'ACME_CAA') throw error;
      log.warn(error.message);
    }
  });
}
