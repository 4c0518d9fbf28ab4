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

/** Publishes challenges, waits for them, and removes them in every outcome. */
export function createSolver({ session, provider, lookup, journal, propagation, log, signal }: SolverOptions) {
  async function solve<T>(challenges: readonly SolverChallenge[], whileVisible: () => Promise<T>): Promise<T> {
    const targets = await Promise.all(
      challenges.map(async (challenge) => ({ challenge, ...(await lookup.follow(challenge.fqdn, signal)) })),
    );
    const since = new Date().toISOString();
    const entries = targets.map(({ challenge, fqdn, zone }): JournalEntry => {
      const { identifier, value, domain, token, keyAuthorization: keyAuth } = challenge;
      const raw = domain && token && keyAuth ? { challenge: { domain, token, keyAuth } } : {};
      return { provider, identifier, fqdn, zone, value, since, ...raw };
    });
    const expected = targets.map(({ challenge: { identifier, value }, fqdn, zone }) => ({
      identifier,
      fqdn,
      zone,
      value,
    }));
    signal.throwIfAborted();
    await journal.add(entries);
    try {
      log.waiting(`publishing ${count(entries.length)}`);
      await session.add(entries);
      log.info(`published ${count(entries.length)} with ${provider}`);
      await waitForPropagation(expected, { ...propagation, lookup, log, signal });
      return await whileVisible();
    } finally {
      await withdraw(session, entries, journal, log);
    }
  }
  return { solve, oneValueAtATime: session.oneValueAtATime };
}

const count = (values: number): string => `${values} TXT record${values === 1 ? '' : 's'}`;

/** Removes what was published. A failure is a warning: it must not hide why the run ended. */
async function withdraw(
  session: DnsSession,
  entries: readonly JournalEntry[],
  journal: Pick<Journal, 'remove'>,
  log: Log,
): Promise<boolean> {
  try {
    await session.remove(entries);
    await journal.remove(entries);
    log.info(`removed ${count(entries.length)}`);
    return true;
  } catch (error) {
    const names = [...new Set(entries.map(({ fqdn }) => fqdn))].join(', ');
    log.warn(
      `could not remove the TXT records of ${names}: ${(error as Error).message}; the next run or quoin cleanup tries again`,
    );
    return false;
  }
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
    if (!(await withdraw(session, mine, journal, log))) left += mine.length;
  }
  return left;
}
