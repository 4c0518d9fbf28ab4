import { AsyncLocalStorage } from 'node:async_hooks';
import { ConfigError } from '../errors.ts';
import type { Transport } from '../http.ts';
import type { Log } from '../log.ts';
import type { Redactor } from '../redact.ts';
import { settleSideBySide } from '../side-by-side.ts';
import { createAttempt } from './attempts.ts';
import { type ChangeKind, createBatches } from './batches.ts';
import { createRest } from './http.ts';
import type { Provider, RawChallenge, TuningKey, TxtEditor, TxtRecord, Zone } from './kit/contract.ts';
import { listVars } from './kit/env.ts';
import { asciiName, relativeName } from './kit/names.ts';
import type { EnvSource } from './kit/read-env.ts';
import { labelOf, readSettings, tuningSchema } from './settings.ts';
import { createZoneFinder } from './zones.ts';

/** One TXT value to publish or to remove. */
export interface TxtValue {
  /** Where it belongs, CNAMEs already followed: `_acme-challenge.example.com`. */
  readonly fqdn: string;
  readonly value: string;
  /** The zone that DNS itself names for it, where that is known. */
  readonly zone?: string | undefined;
  readonly challenge?: RawChallenge | undefined;
}

export interface SessionOptions {
  readonly env: EnvSource;
  /** Of the variables that hold this account's settings: see `envWithPrefix`. */
  readonly prefix?: string | undefined;
  /** As the user named the provider. Default: its id and the prefix. */
  readonly label?: string;
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
  /** Waits for a person at a terminal, where there is one. */
  readonly enter?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** The first wait of the retry loop; it doubles. */
  readonly retryDelayMs?: number;
  /** A provider that asks for a longer wait than this, in seconds, ends the run. */
  readonly maxWaitSeconds?: number;
}

export interface DnsSession {
  readonly provider: Provider;
  /** `cloudflare@ORG`, or as the user named it: for messages and the journal. */
  readonly label: string;
  readonly tuning: Readonly<Record<TuningKey, number>>;
  /** The variable that raises the time for propagation. */
  readonly timeoutVariable: string;
  readonly oneValueAtATime: boolean;
  /** Undefined: any number. */
  readonly valuesPerName?: number | undefined;
  /**
   * Adds values beside those of others; adding what is there succeeds. Nothing is published unless every name has a zone.
   * After a failure some values may be there: remove them all, which does no harm to those that are not.
   */
  add(values: readonly TxtValue[]): Promise<void>;
  /** Removes exactly these values, also after the run was aborted, and does not let one failure keep it from the others. */
  remove(values: readonly TxtValue[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * The signal of what is being done. Clean-up has one of its own, because it must run after Ctrl-C has aborted the rest. Providers
 * ask for "the" signal; which one that is depends on who called, not on when. One for all sessions: every one of these costs
 * each promise of the process some time, for ever, on Node 20.
 */
const context = new AsyncLocalStorage<AbortSignal>();
const CLEANUP_LIMIT_MS = 120_000;
const SIDE_BY_SIDE = 8;

/** Runs a provider. Zone choice, batches, order, retries and error messages live in this folder and nowhere else. */
export async function openSession(provider: Provider, options: SessionOptions): Promise<DnsSession> {
  const { prefix, log, redactor, enter, retryDelayMs = 1000, maxWaitSeconds = 120 } = options;
  const who = labelOf(provider, prefix);
  const { tuning, config, account } = readSettings(
    provider,
    options.env,
    (value) => redactor.hide(value),
    (message) => log.warn(message),
    prefix,
  );
  const { env, nameOf } = account;
  if (!account.isOwn) log.warn(`${who}: no variable begins with ${prefix}_, so those without it count`);
  const ttl = Math.max(tuning.ttl, provider.tuning.minTtl ?? 0);
  const timeoutMs = tuning.httpTimeout * 1000;

  const running = options.signal ?? new AbortController().signal;
  const signal = () => context.getStore() ?? running;
  const afterwards = () => AbortSignal.timeout(CLEANUP_LIMIT_MS);

  /** Providers know their id, and variables without a prefix. */
  const rename = (text: string): string =>
    account.rename(text.startsWith(`${provider.id}: `) ? `${who}${text.slice(provider.id.length)}` : text);
  const attempt = createAttempt({ who, log, rename, retryDelayMs, maxWaitSeconds });
  const http = {
    provider: who,
    transport: options.transport,
    timeoutMs,
    log,
    clean: (text: string) => redactor.clean(text),
    credentials: credentialNames(provider, env).map(nameOf),
    signal,
    gateway: options.gateway,
  };
  const handed: Parameters<Provider['connect']>[0] = {
    config,
    log: prefix === undefined ? log : renamed(log, rename),
    timeoutMs,
    signal,
    env,
    rest: (rest) => createRest(http, rest),
    hide: (secret) => redactor.hide(secret),
    addressOf: options.addressOf ?? noResolver(who),
    enter: enter && (() => enter(signal())),
  };
  const editor: TxtEditor = await context.run(running, () =>
    attempt('connect', running, async () => provider.connect(handed)),
  );

  const zoneOf = createZoneFinder(who, editor, options.findZoneBySoa);
  const enqueue = createBatches({
    pauseMs: tuning.sequenceInterval * 1000,
    onPause: (ms) => log.waiting(`${who}: waiting ${Math.ceil(ms / 1000)} s before the next change`),
    apply: (zone, kind, records, asked) =>
      context.run(asked, () =>
        attempt(`${kind} TXT records in ${zone.name}`, asked, () =>
          editor.apply(zone, { add: [], remove: [], [kind]: records }),
        ),
      ),
  });

  async function change(kind: ChangeKind, values: readonly TxtValue[], asked: AbortSignal): Promise<void> {
    const zones = await settleSideBySide(values, SIDE_BY_SIDE, ({ fqdn, zone }) =>
      context.run(asked, () => attempt(`find the zone of ${fqdn}`, asked, () => zoneOf(fqdn, zone))),
    );
    if (kind === 'add') throwFirst(zones, log);
    const batches = new Map<string, { zone: Zone; records: TxtRecord[] }>();
    for (const [index, found] of zones.entries()) {
      const wanted = values[index];
      if (found.status === 'rejected' || !wanted) continue;
      const { fqdn, value, challenge } = wanted;
      const batch = batches.get(found.value.name) ?? { zone: found.value, records: [] };
      batch.records.push({ fqdn, value, challenge, ttl, name: relativeName(fqdn, asciiName(found.value.name)) });
      batches.set(found.value.name, batch);
    }
    const changes = await settleSideBySide([...batches.values()], SIDE_BY_SIDE, ({ zone, records }) =>
      enqueue(zone, kind, records, asked),
    );
    throwFirst([...zones, ...changes], log);
  }

  return {
    provider,
    label: options.label ?? who,
    tuning,
    timeoutVariable: nameOf(tuningSchema(provider.tuning).propagationTimeout.names[0] ?? ''),
    oneValueAtATime: editor.oneValueAtATime ?? provider.oneValueAtATime ?? false,
    valuesPerName: editor.valuesPerName ?? provider.valuesPerName,
    add: (values) => change('add', values, running),
    remove: (values) => change('remove', values, afterwards()),
    async close() {
      const asked = afterwards();
      try {
        await context.run(asked, () => attempt('end the session', asked, async () => editor.close?.()));
      } catch (error) {
        log.warn((error as Error).message);
      }
    },
  };
}

const renamed = (log: Log, rename: (text: string) => string): Log => ({
  debug: (message) => log.debug(rename(message)),
  info: (message) => log.info(rename(message)),
  warn: (message) => log.warn(rename(message)),
  waiting: (message) => log.waiting(rename(message)),
});

/** The variables of this environment that hold credentials, for the hint when they are refused. */
const credentialNames = (provider: Provider, env: EnvSource): string[] => {
  const secrets = listVars(provider.env).filter((variable) => variable.secret);
  const names = secrets.flatMap((variable) =>
    variable.names.filter((name) => env[name] || env[`${name}_FILE`]).slice(0, 1),
  );
  return [...new Set(names)];
};

const noResolver = (who: string) => (host: string) =>
  Promise.reject(new ConfigError(`${who}: ${host} is no IP address, and no resolver is at hand`));

/** Throws the first failure; the others are told, so that none gets lost. */
function throwFirst(results: readonly PromiseSettledResult<unknown>[], log: Log): void {
  const [first, ...others] = results.filter((result) => result.status === 'rejected');
  if (!first) return;
  for (const { reason } of others) if (reason !== first.reason) log.warn((reason as Error).message);
  throw first.reason;
}
