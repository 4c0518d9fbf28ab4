import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, isAppError, isProviderError, ProviderError } from '../errors.ts';
import type { Transport } from '../http.ts';
import type { Log } from '../log.ts';
import type { Redactor } from '../redact.ts';
import { createRest } from './http.ts';
import type { Provider, RawChallenge, TuningKey, TxtEditor, TxtRecord, Zone } from './kit/contract.ts';
import { type EnvSource, listVars } from './kit/env.ts';
import { relativeName, suffixes } from './kit/names.ts';
import { readSettings } from './settings.ts';

/** One TXT value to publish or to remove. */
export interface TxtValue {
  /** Where it belongs, CNAMEs already followed: `_acme-challenge.example.com`. */
  readonly fqdn: string;
  readonly value: string;
  readonly challenge?: RawChallenge | undefined;
}

export interface SessionOptions {
  readonly env: EnvSource;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly transport: Transport;
  readonly signal?: AbortSignal;
  /** Tests only: see `HttpSettings.gateway`. */
  readonly gateway?: string;
  /** For providers that cannot look zones up themselves. */
  readonly findZoneBySoa?: (fqdn: string) => Promise<string | undefined>;
  /** For providers that talk to a host of the user's by another protocol than HTTP. */
  readonly addressOf?: (host: string) => Promise<string>;
  /** The first wait of the retry loop; it doubles. */
  readonly retryDelayMs?: number;
  /** A provider that asks for a longer wait than this, in seconds, ends the run. */
  readonly maxWaitSeconds?: number;
}

export interface DnsSession {
  readonly provider: Provider;
  readonly tuning: Readonly<Record<TuningKey, number>>;
  readonly oneValueAtATime: boolean;
  /** Adds values beside those of others; adding what is there succeeds. */
  add(values: readonly TxtValue[]): Promise<void>;
  /** Removes exactly these values, also after the run was aborted. */
  remove(values: readonly TxtValue[]): Promise<void>;
  close(): Promise<void>;
}

const ATTEMPTS = 4;
const CLEANUP_LIMIT_MS = 120_000;
const ZONES_SIDE_BY_SIDE = 8;

/** Runs a provider. Zone choice, batches, order, retries and error messages live here and nowhere else. */
export async function openSession(provider: Provider, options: SessionOptions): Promise<DnsSession> {
  const { log, redactor, retryDelayMs = 1000, maxWaitSeconds = 120 } = options;
  let signal = options.signal ?? new AbortController().signal;
  const { tuning, config } = readSettings(provider, options.env, (value) => redactor.hide(value));
  const ttl = Math.max(tuning.ttl, provider.tuning.minTtl ?? 0);
  const credentials = listVars(provider.env)
    .filter((variable) => variable.secret)
    .flatMap(({ names }) => names.filter((name) => options.env[name] || options.env[`${name}_FILE`]).slice(0, 1));
  const http = {
    provider: provider.id,
    transport: options.transport,
    timeoutMs: tuning.httpTimeout * 1000,
    log,
    credentials,
    signal: () => signal,
    gateway: options.gateway,
  };

  /** The only retry loop: everything it runs is idempotent. */
  async function attempt<T>(doing: string, run: () => Promise<T>): Promise<T> {
    for (let round = 1; ; round += 1) {
      try {
        return await run();
      } catch (error) {
        signal.throwIfAborted();
        if (!isAppError(error)) {
          throw new ProviderError('api', `${provider.id}: could not ${doing}: ${(error as Error).message}`, {
            cause: error,
          });
        }
        if (round === ATTEMPTS || !(isProviderError(error) && error.passing)) throw error;
        const wait = error.retryAfter ?? (retryDelayMs * 2 ** (round - 1)) / 1000;
        if (wait > maxWaitSeconds) {
          throw new ProviderError(error.fault, `${error.message}; it asks to wait ${wait} s`, {
            cause: error,
            hint: 'run again later, or allow longer waits with --max-wait',
          });
        }
        log.warn(`${error.message}; trying again in ${Math.ceil(wait)} s`);
        await sleep(wait * 1000, undefined, { signal });
      }
    }
  }

  const editor: TxtEditor = await attempt('connect', async () =>
    provider.connect({
      config,
      log,
      timeoutMs: tuning.httpTimeout * 1000,
      signal: () => signal,
      env: options.env,
      rest: (rest) => createRest(http, rest),
      addressOf:
        options.addressOf ??
        ((host) =>
          Promise.reject(new ConfigError(`${provider.id}: ${host} is no IP address, and no resolver is at hand`))),
    }),
  );

  const exact = new Map<string, Promise<Zone | undefined>>();
  let listed: Promise<readonly Zone[]> | undefined;
  const forgetting = <T>(found: Promise<T>, forget: () => void): Promise<T> => {
    found.catch(forget); // A failure is not an answer: the next try asks again.
    return found;
  };
  async function exactZone(name: string): Promise<Zone | undefined> {
    if (editor.listZones) {
      listed ??= forgetting(editor.listZones(), () => {
        listed = undefined;
      });
      return (await listed).find((zone) => zone.name === name);
    }
    const known = exact.get(name);
    if (known) return known;
    const asked = (editor.findZone?.(name) ?? Promise.resolve(undefined)).catch((error: unknown) => {
      if (isProviderError(error, 'missing')) return undefined;
      throw error;
    });
    exact.set(
      name,
      forgetting(asked, () => exact.delete(name)),
    );
    return asked;
  }

  async function chooseZone(fqdn: string): Promise<Zone> {
    const candidates = suffixes(fqdn).filter((name) => name.includes('.'));
    const sought = async (): Promise<Zone | undefined> => {
      if (editor.zoneOf) return editor.zoneOf(fqdn);
      if (!editor.findZone && !editor.listZones) {
        const name = await options.findZoneBySoa?.(fqdn);
        return name ? { name } : undefined;
      }
      for (const name of candidates) {
        const zone = await exactZone(name);
        if (zone) return zone;
      }
      return undefined;
    };
    const zone = await sought();
    if (zone) return zone;
    throw new ProviderError('zone', `${provider.id}: no zone for ${fqdn}`, {
      hint: `the account has none of ${candidates.join(', ')}`,
    });
  }

  // Many APIs read, modify and write whole sets or zones: one change at a time for each zone, zones side by side.
  const queues = new Map<string, Promise<unknown>>();
  const inTurn = (zone: string, run: () => Promise<void>): Promise<void> => {
    const result = (queues.get(zone) ?? Promise.resolve()).then(run, run);
    queues.set(zone, result);
    result.catch(() => {});
    return result;
  };

  async function change(kind: 'add' | 'remove', values: readonly TxtValue[]): Promise<void> {
    const batches = new Map<string, { zone: Zone; records: TxtRecord[] }>();
    const zones = await sideBySide(values, ({ fqdn }) => attempt(`find the zone of ${fqdn}`, () => chooseZone(fqdn)));
    values.forEach(({ fqdn, value, challenge }, index) => {
      const zone = zones[index] as Zone;
      const batch = batches.get(zone.name) ?? { zone, records: [] };
      batch.records.push({ fqdn, value, ttl, challenge, name: relativeName(fqdn, zone.name) });
      batches.set(zone.name, batch);
    });
    await sideBySide([...batches.values()], ({ zone, records }) =>
      inTurn(zone.name, async () => {
        await attempt(`${kind} TXT records in ${zone.name}`, () =>
          editor.apply(zone, { add: [], remove: [], [kind]: records }),
        );
        if (tuning.sequenceInterval > 0) await sleep(tuning.sequenceInterval * 1000, undefined, { signal });
      }),
    );
  }

  return {
    provider,
    tuning,
    oneValueAtATime: provider.oneValueAtATime ?? false,
    add: (values) => change('add', values),
    remove(values) {
      signal = AbortSignal.timeout(CLEANUP_LIMIT_MS); // Clean-up must run even after Ctrl-C aborted the rest.
      return change('remove', values);
    },
    async close() {
      signal = AbortSignal.timeout(CLEANUP_LIMIT_MS);
      try {
        await attempt('end the session', async () => editor.close?.());
      } catch (error) {
        log.warn((error as Error).message);
      }
    },
  };
}

/** Runs all, a few at a time, waits until every one has settled, and then throws the first error if there was one. */
async function sideBySide<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<R[]> {
  const results: PromiseSettledResult<R>[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next;
      next += 1;
      [results[index]] = (await Promise.allSettled([run(items[index] as T)])) as [PromiseSettledResult<R>];
    }
  };
  await Promise.all(Array.from({ length: Math.min(ZONES_SIDE_BY_SIDE, items.length) }, lane));
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
