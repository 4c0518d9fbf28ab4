import { setTimeout as sleep } from 'node:timers/promises';
import { isAppError, isProviderError, ProviderError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Redactor } from '../redact.ts';
import { createRest } from './http.ts';
import type { Provider, RawChallenge, TxtEditor, TxtRecord, Zone } from './kit/contract.ts';
import type { EnvSource } from './kit/env.ts';
import { relativeName, suffixes } from './kit/names.ts';
import { readSettings } from './settings.ts';

export interface Challenge {
  /** `_acme-challenge.example.com`, CNAMEs already followed. */
  readonly fqdn: string;
  readonly value: string;
  readonly challenge?: RawChallenge | undefined;
}

export interface SessionOptions {
  readonly env: EnvSource;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly signal?: AbortSignal;
  /** Tests only: see `HttpSettings.gateway`. */
  readonly gateway?: string;
  /** The fallback for providers that cannot look zones up themselves. */
  readonly findZoneBySoa?: (fqdn: string) => Promise<string | undefined>;
  readonly retryDelayMs?: number;
}

export interface DnsSession {
  add(challenges: readonly Challenge[]): Promise<void>;
  remove(challenges: readonly Challenge[]): Promise<void>;
  close(): Promise<void>;
  readonly tuning: { readonly propagationTimeout: number; readonly pollingInterval: number };
}

const ATTEMPTS = 3;
const CLEANUP_LIMIT_MS = 120_000;

/** Runs a provider. Zone lookup, grouping, ordering, retries and error messages live here and nowhere else. */
export async function openSession(provider: Provider, options: SessionOptions): Promise<DnsSession> {
  const { log, redactor, retryDelayMs = 1000 } = options;
  let signal = options.signal ?? new AbortController().signal;
  const { tuning, config } = readSettings(provider, options.env, (value) => redactor.hide(value));
  const ttl = Math.max(tuning.ttl, provider.tuning.minTtl ?? 0);
  const http = {
    provider: provider.id,
    timeoutMs: tuning.httpTimeout * 1000,
    log,
    signal: () => signal,
    ...(options.gateway ? { gateway: options.gateway } : {}),
  };

  /** The only retry loop: everything it runs is idempotent. */
  async function attempt<T>(doing: string, run: () => Promise<T>): Promise<T> {
    for (let round = 1; ; round += 1) {
      try {
        return await run();
      } catch (error) {
        if (!isAppError(error))
          throw new ProviderError('api', `${provider.id}: could not ${doing}: ${(error as Error).message}`, {
            cause: error,
          });
        if (round === ATTEMPTS || !(isProviderError(error) && error.passing)) throw error;
        log.debug(`${provider.id}: try ${round} to ${doing} failed: ${error.message}`);
        await sleep(error.retryAfter ? error.retryAfter * 1000 : retryDelayMs * round, undefined, { signal });
      }
    }
  }

  const editor: TxtEditor = await attempt('connect', async () =>
    provider.connect({
      config,
      log,
      signal: () => signal,
      env: options.env,
      rest: (rest) => createRest(http, rest),
    }),
  );

  let listed: readonly Zone[] | undefined;
  const exactZone = async (name: string): Promise<Zone | undefined> => {
    try {
      if (editor.findZone) return await editor.findZone(name);
      listed ??= await editor.listZones!();
      return listed.find((zone) => zone.name === name);
    } catch (error) {
      if (isProviderError(error, 'missing')) return undefined;
      throw error;
    }
  };

  const zones = new Map<string, Zone>();
  async function zoneOf(fqdn: string): Promise<Zone> {
    const candidates = suffixes(fqdn).filter((name) => name.includes('.'));
    const known = zones.get(fqdn);
    if (known) return known;
    if (!editor.findZone && !editor.listZones) {
      const name = await options.findZoneBySoa?.(fqdn);
      if (name) return { name };
    } else {
      for (const name of candidates) {
        const zone = await exactZone(name);
        if (!zone) continue;
        zones.set(fqdn, zone);
        return zone;
      }
    }
    throw new ProviderError('zone', `${provider.id}: no zone for ${fqdn}`, {
      hint: `the account has none of ${candidates.join(', ')}`,
    });
  }

  async function change(kind: 'add' | 'remove', challenges: readonly Challenge[]): Promise<void> {
    const batches = new Map<string, { zone: Zone; records: TxtRecord[] }>();
    for (const { fqdn, value, challenge } of challenges) {
      const zone = await attempt(`find the zone of ${fqdn}`, () => zoneOf(fqdn));
      const batch = batches.get(zone.name) ?? { zone, records: [] };
      batch.records.push({ fqdn, value, ttl, challenge, name: relativeName(fqdn, zone.name) });
      batches.set(zone.name, batch);
    }
    for (const { zone, records } of batches.values()) {
      await attempt(`${kind} TXT records in ${zone.name}`, () =>
        editor.apply(zone, { add: [], remove: [], [kind]: records }),
      );
      if (tuning.sequenceInterval > 0) await sleep(tuning.sequenceInterval * 1000, undefined, { signal });
    }
  }

  // One change at a time: many APIs read, modify and write whole sets or zones.
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = (run: () => Promise<void>): Promise<void> => {
    const result = queue.then(run);
    queue = result.catch(() => undefined);
    return result;
  };

  return {
    tuning,
    add: (challenges) => inTurn(() => change('add', challenges)),
    remove(challenges) {
      signal = AbortSignal.timeout(CLEANUP_LIMIT_MS); // Clean-up must run even after Ctrl-C aborted the rest.
      return inTurn(() => change('remove', challenges));
    },
    async close() {
      try {
        await attempt('end the session', async () => editor.close?.());
      } catch (error) {
        log.warn((error as Error).message);
      }
    },
  };
}
