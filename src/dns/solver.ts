import { isProviderError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Journal, JournalEntry, Leftovers } from './journal.ts';
import type { Lookup } from './lookup.ts';
import { type PropagationOptions, waitForPropagation } from './propagation.ts';
import type { DnsSession } from './session.ts';

/** The same shape as `Challenge` in acme/ports.ts; the two halves do not know each other. */
export interface SolverChallenge {
  readonly identifier: string;
  readonly fqdn: string;
  readonly value: string;
  readonly domain?: string;
  readonly token?: string;
  readonly keyAuthorization?: string;
}

export interface SolverOptions {
  readonly session: DnsSession;
  /** As typed after `--dns`, for the journal. */
  readonly provider: string;
  readonly lookup: Lookup;
  readonly journal: Journal;
  readonly propagation: Omit<PropagationOptions, 'lookup' | 'log' | 'signal'>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const NAMES_TOLD = 5;

/** Publishes challenges, waits for them, and removes them in every outcome. */
export function createSolver({ session, provider, lookup, journal, propagation, log, signal }: SolverOptions) {
  async function solve<T>(challenges: readonly SolverChallenge[], whileVisible: () => Promise<T>): Promise<T> {
    const targets = await Promise.all(
      challenges.map(async (challenge) => ({ challenge, ...(await lookup.follow(challenge.fqdn, signal)) })),
    );
    const since = new Date().toISOString();
    const all = targets.map(({ challenge, fqdn, zone }): JournalEntry => {
      const { identifier, value, domain, token, keyAuthorization: keyAuth } = challenge;
      const raw = domain && token && keyAuth ? { challenge: { domain, token, keyAuth } } : {};
      return { provider, identifier, fqdn, zone, value, since, ...raw };
    });
    // CNAMEs of several names may lead to one, and a CA may hand out one token twice.
    const entries = [...new Map(all.map((entry) => [`${entry.fqdn} ${entry.value}`, entry])).values()];
    const expected = targets.map(({ challenge: { identifier, value }, fqdn, zone }) => ({
      identifier,
      fqdn,
      zone,
      value,
    }));
    signal.throwIfAborted();
    await journal.add(entries);
    let published = false;
    try {
      log.waiting(`publishing ${count(entries.length)}`);
      await session.add(entries);
      published = true;
      log.info(`published ${count(entries.length)} with ${provider}`);
      await waitForPropagation(expected, { ...propagation, lookup, log, signal });
      return await whileVisible();
    } finally {
      // A session that was told to stop has come to rest when `add` settles, so nothing is written behind this.
      log.waiting(`removing ${count(entries.length)}`);
      await withdraw(session, entries, journal, log, published);
    }
  }
  return { solve, oneValueAtATime: session.oneValueAtATime };
}

const count = (values: number): string => `${values} TXT record${values === 1 ? '' : 's'}`;

/**
 * Removes what was published, and tells how many values are left. Zone by zone, so that the journal keeps only what could
 * not be removed. A failure is a warning: it must not hide why the run ended.
 */
async function withdraw(
  session: DnsSession,
  entries: readonly JournalEntry[],
  journal: Pick<Journal, 'remove'>,
  log: Log,
  published = true,
): Promise<number> {
  const zones = new Map<string, JournalEntry[]>();
  for (const entry of entries) zones.set(entry.zone ?? '', [...(zones.get(entry.zone ?? '') ?? []), entry]);
  let removed = 0;
  // The values are gone; that the journal still names them does no harm.
  const forget = (values: readonly JournalEntry[]) =>
    journal.remove(values).catch((error: Error) => log.warn(error.message));
  const left = await Promise.all(
    [...zones.values()].map(async (values) => {
      try {
        await session.remove(values);
      } catch (error) {
        if (!published && isProviderError(error, 'zone')) {
          // The account has no such zone, and had none a moment ago: nothing can be left there.
          await forget(values);
          return 0;
        }
        const names = [...new Set(values.map(({ fqdn }) => fqdn))];
        const some = names.slice(0, NAMES_TOLD).join(', ');
        const others = names.length > NAMES_TOLD ? ` and ${names.length - NAMES_TOLD} more names` : '';
        const why = `could not remove the TXT records of ${some}${others}: ${(error as Error).message}`;
        log.warn(`${why}; the next run or quoin cleanup tries again`);
        return values.length;
      }
      removed += values.length;
      await forget(values);
      return 0;
    }),
  );
  if (removed > 0) log.info(`removed ${count(removed)}`);
  return left.reduce((sum, values) => sum + values, 0);
}

/** Removes what dead runs left behind with one provider. Tells how many values are still there. */
export async function removeLeftovers(
  leftovers: readonly Leftovers[],
  provider: string,
  session: DnsSession,
  log: Log,
): Promise<number> {
  let left = 0;
  for (const journal of leftovers) {
    const mine = journal.entries.filter((entry) => entry.provider === provider);
    if (mine.length === 0) continue;
    log.info(`an earlier run left ${count(mine.length)} behind`);
    left += await withdraw(session, mine, journal, log);
  }
  return left;
}
