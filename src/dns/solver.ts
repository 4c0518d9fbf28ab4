import { link } from '../deadline.ts';
import type { Log } from '../log.ts';
import { type Assignment, assignmentFor } from './assignments.ts';
import type { Journal, JournalEntry } from './journal.ts';
import type { EnvSource } from './kit/read-env.ts';
import type { DnsTarget, Lookup } from './lookup.ts';
import { type Expected, type PropagationOptions, waitForPropagation } from './propagation.ts';
import type { DnsSession } from './session.ts';
import type { Sessions } from './sessions.ts';
import { hasLimit, limitKey, takeTurns } from './turns.ts';
import { count, withdraw } from './withdraw.ts';

/** The same shape as `Challenge` in acme/ports.ts; the two halves do not know each other. */
export interface SolverChallenge {
  readonly identifier: string;
  readonly fqdn: string;
  readonly value: string;
  readonly domain?: string;
  readonly token?: string;
  readonly keyAuthorization?: string;
}

/** How to know that values are visible; for how long, each provider's own settings tell. */
export type Patience = Pick<PropagationOptions, 'fixedWaitMs' | 'authoritative' | 'recursive' | 'onLook'>;

export interface SolverOptions {
  readonly assignments: readonly Assignment[];
  /** Where the providers' settings stand. */
  readonly env: EnvSource;
  readonly sessions: Pick<Sessions, 'open' | 'locks'>;
  readonly lookup: Lookup;
  readonly journal: Pick<Journal, 'add' | 'remove'>;
  readonly propagation: Patience;
  readonly log: Log;
  /** Of the process: look-ups are shared with other certificates, whose they are as well. */
  readonly signal: AbortSignal;
}

/** DNS for one certificate. */
export interface Solver {
  /**
   * Opens the sessions that the names need, so that wrong credentials and a name without a provider show before a CA is asked for
   * anything.
   */
  prepare(names: readonly Pick<SolverChallenge, 'identifier' | 'fqdn'>[]): Promise<void>;
  /** See `Dns01` in acme/ports.ts. */
  turns<C extends SolverChallenge>(challenges: readonly C[]): Promise<readonly (readonly C[])[]>;
  solve<T>(challenges: readonly SolverChallenge[], whileVisible: () => Promise<T>): Promise<T>;
}

/** A challenge, where its record goes, and by whom it is written. */
interface Placed<C> extends DnsTarget {
  readonly challenge: C;
  readonly session: DnsSession;
}

/** What one provider has to do. */
interface Share {
  readonly session: DnsSession;
  readonly entries: readonly JournalEntry[];
  readonly expected: readonly Expected[];
  published: boolean;
}

/** Publishes challenges, each with the provider that is meant for it, waits for them, and removes them in every outcome. */
export function createSolver(options: SolverOptions): Solver {
  const { assignments, env, sessions, lookup, journal, propagation, log, signal } = options;
  const known = new Map<string, Promise<DnsTarget>>();
  const open = (assignment: Assignment) => sessions.open({ assignment, env, lookup });

  /** Each name is looked up once, so that what is published later is what the turns were made of. */
  function follow(fqdn: string): Promise<DnsTarget> {
    const found = known.get(fqdn);
    if (found) return found;
    const asked = lookup.follow(fqdn, signal);
    known.set(fqdn, asked);
    asked.catch(() => known.delete(fqdn)); // A failure is not an answer.
    return asked;
  }

  async function place<C extends Pick<SolverChallenge, 'identifier' | 'fqdn'>>(challenge: C): Promise<Placed<C>> {
    const target = await follow(challenge.fqdn);
    const chosen = assignmentFor(assignments, { identifier: challenge.identifier, fqdn: target.fqdn });
    return { challenge, ...target, session: await open(chosen) };
  }

  /** The only provider there is, where that is known without looking anything up. */
  function only(): Assignment | undefined {
    const [first, ...others] = assignments;
    return first && first.domain === undefined && others.length === 0 ? first : undefined;
  }

  async function turns<C extends SolverChallenge>(challenges: readonly C[]): Promise<readonly (readonly C[])[]> {
    if (challenges.length === 0) return [];
    const single = only();
    if (single && !hasLimit(await open(single))) return [challenges];
    return takeTurns(await inTheEnd(challenges.map(place)));
  }

  async function solve<T>(challenges: readonly SolverChallenge[], whileVisible: () => Promise<T>): Promise<T> {
    const placed = await inTheEnd(challenges.map(place));
    const shares = sharesOf(placed);
    const keys = placed.flatMap(({ session, fqdn }) => limitKey(session, fqdn) ?? []);
    const onWait = () => log.waiting('another certificate has its TXT records there; waiting for it');
    return sessions.locks.hold(keys, { signal, onWait }, async () => {
      signal.throwIfAborted();
      const all = shares.flatMap(({ entries }) => entries);
      await journal.add(all);
      try {
        log.waiting(`publishing ${count(all.length)}`);
        await publish(shares);
        return await whileVisible();
      } finally {
        // A session that was told to stop has come to rest when `add` settles, so nothing is written behind this.
        log.waiting(`removing ${count(all.length)}`);
        await Promise.all(
          shares.map(({ session, entries, published }) => withdraw(session, entries, journal, log, published)),
        );
      }
    });
  }

  /** Side by side; a failure ends the waiting of the others, which come to rest before it is thrown. */
  async function publish(shares: readonly Share[]): Promise<void> {
    const stop = link(signal);
    const failures: Error[] = [];
    const one = async (share: Share) => {
      const { session, entries, expected } = share;
      await session.add(entries);
      share.published = true;
      log.info(`published ${count(entries.length)} with ${session.label}`);
      await waitForPropagation(expected, {
        ...propagation,
        timeoutMs: session.tuning.propagationTimeout * 1000,
        intervalMs: session.tuning.pollingInterval * 1000,
        timeoutVariable: session.timeoutVariable,
        lookup,
        log,
        signal,
        stop: stop.signal,
      });
    };
    try {
      await Promise.all(
        shares.map((share) =>
          one(share).catch((error: Error) => {
            failures.push(error);
            stop.abort(error);
          }),
        ),
      );
    } finally {
      stop.release();
    }
    const [first, ...others] = failures;
    if (!first) return;
    for (const other of others) if (other !== first) log.warn(other.message);
    throw first;
  }

  return {
    async prepare(names) {
      const single = only();
      if (single) await open(single);
      else await inTheEnd(names.map(place));
    },
    turns,
    solve,
  };
}

/** All of them, or the first failure once every one has settled. */
async function inTheEnd<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(work);
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}

function sharesOf(placed: readonly Placed<SolverChallenge>[]): Share[] {
  const since = new Date().toISOString();
  const sessions = [...new Set(placed.map(({ session }) => session))];
  return sessions.map((session) => {
    const mine = placed.filter((one) => one.session === session);
    const all = mine.map(({ challenge, fqdn, zone }): JournalEntry => {
      const { identifier, value, domain, token, keyAuthorization: keyAuth } = challenge;
      const raw = domain && token && keyAuth ? { challenge: { domain, token, keyAuth } } : {};
      return { provider: session.label, identifier, fqdn, zone, value, since, ...raw };
    });
    return {
      session,
      // CNAMEs of several names may lead to one, and a CA may hand out one token twice.
      entries: [...new Map(all.map((entry) => [`${entry.fqdn} ${entry.value}`, entry])).values()],
      expected: mine.map(({ challenge: { identifier, value }, fqdn, zone }) => ({ identifier, fqdn, zone, value })),
      published: false,
    };
  });
}
