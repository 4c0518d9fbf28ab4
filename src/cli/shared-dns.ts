import { challengeName } from '../acme/names.ts';
import type { Dns01 } from '../acme/ports.ts';
import type { Store } from '../acme/storage.ts';
import { checkAccounts } from '../dns/accounts.ts';
import { parseAssignments } from '../dns/assignments.ts';
import { findLeftovers, sharedJournal } from '../dns/journal.ts';
import type { EnvSource } from '../dns/kit/read-env.ts';
import type { Lookup } from '../dns/lookup.ts';
import { resolveProvider } from '../dns/resolve.ts';
import type { DnsSession } from '../dns/session.ts';
import { createSessions, type Sessions, type SessionsOptions } from '../dns/sessions.ts';
import { createSolver, type Patience } from '../dns/solver.ts';
import { removeLeftovers } from '../dns/withdraw.ts';
import { createTransport } from '../http.ts';
import type { Log } from '../log.ts';
import { lookupOf } from './compose.ts';
import type { CommandContext } from './main.ts';

/** Sessions with DNS providers, for all certificates of this process. To be closed in the end. */
export function sessionsOf(
  { options, io, log, redactor }: CommandContext,
  more: Partial<Pick<SessionsOptions, 'load' | 'afterOpening'>> = {},
): Sessions {
  return createSessions({
    load: (code) => resolveProvider(code, io.cwd),
    log,
    redactor,
    transport: createTransport({ log, env: io.env }),
    signal: io.signal,
    enter: io.enter,
    maxWaitSeconds: options.maxWait / 1000,
    ...more,
  });
}

/** What the DNS half has to know of a certificate. */
export interface DnsPlan {
  readonly names: readonly string[];
  /** As typed after `--dns`. */
  readonly dns: readonly string[];
  /** Where the providers' settings stand. */
  readonly env: EnvSource;
  readonly resolvers: readonly string[];
  readonly propagation: Pick<Patience, 'fixedWaitMs' | 'authoritative' | 'recursive'>;
}

/** The DNS half of all certificates of a process: sessions, look-ups and the journal are shared. */
export interface SharedDns {
  /**
   * Opens the sessions that these names need, so that wrong credentials show before a CA is asked for anything. What earlier
   * runs left with these providers is removed first.
   */
  solver(plan: DnsPlan, log: Log): Promise<Dns01>;
  lookup(plan: Pick<DnsPlan, 'resolvers' | 'env'>): Lookup;
  close(): Promise<void>;
}

export function openDns(context: CommandContext, store: Pick<Store, 'journalFolder'>): SharedDns {
  const { io, log } = context;
  const { journalFolder } = store;
  let sweeping: Promise<unknown> = Promise.resolve();
  const sweep = async (session: DnsSession): Promise<void> => {
    const leftovers = await findLeftovers(journalFolder, log);
    try {
      await removeLeftovers(leftovers, session, log);
    } finally {
      for (const found of leftovers) await found.close();
    }
  };
  const sessions = sessionsOf(context, {
    // One after the other: what one looks through is locked, and would be taken for that of a living run by the next.
    afterOpening(session) {
      const swept = sweeping.then(() => sweep(session));
      sweeping = swept.catch(() => {});
      return swept;
    },
  });
  const journal = sharedJournal(journalFolder);
  const lookups = new Map<string, Lookup>();

  function lookup({ resolvers, env }: Pick<DnsPlan, 'resolvers' | 'env'>): Lookup {
    const key = JSON.stringify([resolvers, env.QUOIN_DNS_AUTHORITATIVE_PORT]);
    const known = lookups.get(key) ?? lookupOf(context, env, resolvers);
    lookups.set(key, known);
    return known;
  }

  return {
    lookup,
    async solver(plan, certificateLog) {
      const { names, env, propagation } = plan;
      const solver = createSolver({
        assignments: parseAssignments(plan.dns),
        env,
        sessions,
        lookup: lookup(plan),
        journal,
        propagation,
        log: certificateLog,
        signal: io.signal,
      });
      await solver.prepare(names.map((identifier) => ({ identifier, fqdn: challengeName(identifier) })));
      return solver;
    },
    async close() {
      await sessions.close();
      await journal.close();
    },
  };
}

/** Says what is wrong with `--dns` and the settings of its providers, before anything is begun. Throws `ConfigError`. */
export const checkDns = (
  { dns, names, env }: Pick<DnsPlan, 'dns' | 'names' | 'env'>,
  { io, redactor }: CommandContext,
): Promise<void> =>
  checkAccounts(parseAssignments(dns), names, {
    env,
    load: (code) => resolveProvider(code, io.cwd),
    hide: (secret) => redactor.hide(secret),
  });
