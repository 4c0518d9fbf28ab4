import { createHash } from 'node:crypto';
import { ConfigError, isAppError, isProviderError } from '../errors.ts';
import type { Assignment } from './assignments.ts';
import { createKeyLocks, type KeyLocks } from './key-locks.ts';
import type { Provider } from './kit/contract.ts';
import type { EnvSource } from './kit/read-env.ts';
import type { Lookup } from './lookup.ts';
import { type DnsSession, openSession, type SessionOptions } from './session.ts';

/** What an account is found by. */
export interface Account {
  readonly assignment: Assignment;
  readonly env: EnvSource;
  /** For providers that need DNS to find zones and hosts. */
  readonly lookup: Lookup;
}

/** The sessions of a process, which all of its certificates share. */
export interface Sessions {
  /**
   * Opens a session on first use. One that was refused for good (credentials, settings) is not tried again: a thousand
   * certificates would have the account locked. After any other failure the next certificate tries again.
   */
  open(account: Account): Promise<DnsSession>;
  /** Of what only so many values can be shown at a time: see `solve` in solver.ts. */
  readonly locks: KeyLocks;
  /** Ends all sessions. */
  close(): Promise<void>;
}

export interface SessionsOptions
  extends Omit<SessionOptions, 'env' | 'prefix' | 'label' | 'findZoneBySoa' | 'addressOf'> {
  load(code: string): Promise<Provider>;
  /** Runs before anybody gets the session; its failure is that of opening. */
  afterOpening?(session: DnsSession): Promise<void>;
}

const never = new AbortController().signal;

export function createSessions({ load, afterOpening, ...options }: SessionsOptions): Sessions {
  const opened = new Map<string, Promise<DnsSession>>();
  const environments = new WeakMap<EnvSource, string>();
  const lookups = new Map<Lookup, number>();

  function keyOf({ assignment, env, lookup }: Account): string {
    const environment = environments.get(env) ?? digest(env);
    environments.set(env, environment);
    const by = lookups.get(lookup) ?? lookups.size;
    lookups.set(lookup, by);
    return JSON.stringify([assignment.label, environment, by]);
  }

  async function begin({ assignment: { code, prefix, label }, env, lookup }: Account): Promise<DnsSession> {
    const session = await openSession(await load(code), {
      ...options,
      env,
      prefix,
      label,
      // Not the run's own signal: clean-up asks these questions too, after the run was aborted.
      findZoneBySoa: async (fqdn) => (await lookup.follow(fqdn, never)).zone,
      addressOf: (host) => lookup.address(host, never),
    });
    try {
      await afterOpening?.(session);
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  return {
    locks: createKeyLocks(),
    open(account) {
      const key = keyOf(account);
      const known = opened.get(key);
      if (known) return known;
      const session = begin(account);
      opened.set(key, session);
      session.catch((error: unknown) => {
        if (!isLasting(error)) opened.delete(key);
      });
      return session;
    },
    async close() {
      const all = await Promise.allSettled(opened.values());
      opened.clear();
      await Promise.all(all.map(async (one) => one.status === 'fulfilled' && (await one.value.close())));
    },
  };
}

/** Certificates may each bring an environment object of their own with the same content. */
const digest = (env: EnvSource): string =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('base64');

const isLasting = (error: unknown): boolean =>
  error instanceof ConfigError || (isAppError(error) && error.exitCode === 2) || isProviderError(error, 'auth');
