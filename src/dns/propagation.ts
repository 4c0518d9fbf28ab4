import { setTimeout as sleep } from 'node:timers/promises';
import { PropagationError } from '../errors.ts';
import type { Log } from '../log.ts';
import { plainText } from '../plain-text.ts';
import type { Lookup, NameServer } from './lookup.ts';
import { reason } from './resolvers.ts';
import { type Message, txtOf } from './wire/index.ts';

/** A TXT value that has been published and must become visible. */
export interface Expected {
  /** As the certificate names it, for messages. */
  readonly identifier: string;
  readonly fqdn: string;
  readonly zone: string;
  readonly value: string;
}

export interface PropagationOptions {
  readonly lookup: Lookup;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Ends this waiting alone; look-ups, which others share, go on. */
  readonly stop?: AbortSignal;
  readonly timeoutMs: number;
  /** The longest pause between two looks; the first ones are shorter. */
  readonly intervalMs: number;
  /** The variable that raises the timeout, for the hint. */
  readonly timeoutVariable: string;
  /** Wait so long instead of asking anybody. */
  readonly fixedWaitMs?: number | undefined;
  /** Ask the name servers of the zone. Default: true. */
  readonly authoritative?: boolean;
  /** Ask the resolvers, once the name servers show everything. Default: false. */
  readonly recursive?: boolean;
  /** Told of every look, for whoever wants to know since when each server shows everything. */
  readonly onLook?: ((look: Look) => void) | undefined;
}

/** What one server showed at one time. */
export interface Look {
  /** `ns1.example.com (192.0.2.1)`, or a resolver as it was named. */
  readonly server: string;
  /** Empty for a resolver. */
  readonly zone: string;
  /** Since the waiting began. */
  readonly afterMs: number;
  /** It showed all that was still missing there. */
  readonly complete: boolean;
  readonly said: string;
}

const FIRST_PAUSE_MS = 100;
const GROWTH = 1.6;
/** How long a server may take to answer: less after it was silent, so that a dead one does not hold up the others. */
const LOOK_TIMEOUTS_MS = [3_000, 1_000, 500];
/** A server that stays silent for so many looks in a row is not waited for as long as another one answers. */
const SILENT_LOOKS = 2;
/** Of what a server shows instead of the value, for the error message. */
const SHOWN_VALUES = 3;
const NAMED_SERVERS = 8;

/** Somebody who can be asked for TXT records, and what is still missing there. */
interface Observer {
  readonly label: string;
  readonly zone: string;
  readonly ask: (fqdn: string, timeoutMs: number) => Promise<Message>;
  readonly wanted: readonly Expected[];
  missing: readonly Expected[];
  /** It lacked something at an earlier look, and has not confirmed everything since. */
  wasBehind: boolean;
  silentLooks: number;
  said: string;
  /** Other TXT values at the names that lack theirs. */
  shows: readonly string[];
}

/** Resolves when every name server that answers shows every value. */
export async function waitForPropagation(expected: readonly Expected[], options: PropagationOptions): Promise<void> {
  const { lookup, log, signal, stop = signal, fixedWaitMs, authoritative = true, recursive = false } = options;
  stop.throwIfAborted();
  if (fixedWaitMs !== undefined) {
    log.waiting(`waiting ${fixedWaitMs / 1000} s for DNS propagation`);
    await pauseFor(fixedWaitMs, stop);
    return;
  }
  const started = performance.now();
  if (authoritative) {
    const zones = [...new Set(expected.map(({ zone }) => zone))];
    const observers = await Promise.all(
      zones.map(async (zone) =>
        (await lookup.nameServers(zone, signal)).map((server) => serverObserver(server, zone, expected, options)),
      ),
    );
    await watch(observers.flat(), started, options);
  }
  if (recursive) {
    // Only now: a resolver that is asked too early remembers that there is nothing (RFC 2308 section 5).
    if (!authoritative) {
      log.waiting(`waiting ${options.intervalMs / 1000} s before the resolvers are asked`);
      await pauseFor(Math.min(options.intervalMs, options.timeoutMs), stop);
    }
    const observers = lookup.resolvers.each.map(({ label, ask }) => ({
      label,
      zone: '',
      ask: (fqdn: string) => ask(fqdn, 'TXT', stop),
      wanted: expected,
      missing: expected,
      ...unasked,
    }));
    await watch(observers, started, options);
  }
}

/** Ends with the signal's own reason, where Node's timer has one of its own. */
const pauseFor = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());

const unasked = { wasBehind: false, silentLooks: 0, said: '', shows: [] };

const serverObserver = (
  server: NameServer,
  zone: string,
  expected: readonly Expected[],
  { lookup, signal, stop = signal }: PropagationOptions,
): Observer => {
  const wanted = expected.filter((record) => record.zone === zone);
  return {
    label: `${server.name} (${server.address})`,
    zone,
    ask: (fqdn, timeoutMs) => lookup.askServer(server, fqdn, 'TXT', stop, timeoutMs),
    wanted,
    missing: wanted,
    ...unasked,
  };
};

async function watch(observers: readonly Observer[], started: number, options: PropagationOptions): Promise<void> {
  const { log, signal, stop = signal, timeoutMs, intervalMs, onLook } = options;
  const lookAt = async (observer: Observer): Promise<void> => {
    await look(observer, stop);
    const { label: server, zone, missing, said } = observer;
    onLook?.({ server, zone, afterMs: performance.now() - started, complete: missing.length === 0, said });
  };
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * GROWTH, Math.max(intervalMs, FIRST_PAUSE_MS))) {
    await Promise.all(observers.filter(({ missing }) => missing.length > 0).map(lookAt));
    const behind = observers.filter((observer) => isAwaited(observer, observers));
    if (behind.length === 0) {
      const late = observers.filter(({ wasBehind, missing }) => wasBehind && missing.length === 0);
      if (late.length > 0 && performance.now() - started < timeoutMs) {
        // One address can be many machines (anycast), of which the next one asked may still lag: everything once more.
        for (const observer of late) Object.assign(observer, { missing: observer.wanted, wasBehind: false });
        continue;
      }
      for (const { label, missing } of observers) {
        if (missing.length > 0) log.warn(`name server ${label} does not answer; the others show every TXT record`);
      }
      return;
    }
    for (const observer of behind) observer.wasBehind = true;
    const elapsed = performance.now() - started;
    if (elapsed >= timeoutMs) throw notVisible(behind, observers, options);
    log.waiting(`${summary(behind, observers)}, waited ${Math.round(elapsed / 1000)} s`);
    await pauseFor(Math.min(pause, timeoutMs - elapsed), stop);
  }
}

/** Silent servers do not count, unless all of their zone are silent. */
function isAwaited({ zone, missing, silentLooks }: Observer, observers: readonly Observer[]): boolean {
  if (missing.length === 0) return false;
  if (silentLooks < SILENT_LOOKS) return true;
  return observers.filter((other) => other.zone === zone).every((other) => other.silentLooks >= SILENT_LOOKS);
}

async function look(observer: Observer, signal: AbortSignal): Promise<void> {
  const names = [...new Set(observer.missing.map(({ fqdn }) => fqdn))];
  const timeoutMs = LOOK_TIMEOUTS_MS[Math.min(observer.silentLooks, LOOK_TIMEOUTS_MS.length - 1)] as number;
  const shown = new Map<string, readonly string[]>();
  const ask = async (fqdn: string): Promise<void> => {
    try {
      const answer = await observer.ask(fqdn, timeoutMs);
      shown.set(fqdn, answer.answers.filter(({ type }) => type === 'TXT').map(txtOf));
      if (answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN') observer.said = 'lacks it';
      else observer.said = `answers ${answer.rcode}`;
    } catch (error) {
      signal.throwIfAborted();
      if (shown.size === 0) observer.said = reason(error);
    }
  };
  // One name first: a hundred questions to a dead server would only keep the others waiting.
  const [first = '', ...rest] = names;
  await ask(first);
  if (shown.size > 0) await Promise.all(rest.map(ask));
  observer.silentLooks = shown.size > 0 ? 0 : observer.silentLooks + 1;
  observer.missing = observer.missing.filter(({ fqdn, value }) => !shown.get(fqdn)?.includes(value));
  const lacking = new Set(observer.missing.map(({ fqdn }) => fqdn));
  observer.shows = [...shown].flatMap(([fqdn, values]) => (lacking.has(fqdn) ? values : []));
}

const identifiersOf = (observers: readonly Observer[]): string[] => [
  ...new Set(observers.flatMap(({ missing }) => missing.map(({ identifier }) => identifier))),
];

function summary(behind: readonly Observer[], observers: readonly Observer[]): string {
  const [first, ...rest] = identifiersOf(behind);
  const others = rest.length > 0 ? ` and ${rest.length} more` : '';
  const zones = new Set(behind.map(({ zone }) => zone));
  const all = observers.filter(({ zone }) => zones.has(zone)).length;
  return `${first}${others}: ${behind.length} of ${all} name servers lack the TXT record (${behind[0]?.label})`;
}

function notVisible(
  behind: readonly Observer[],
  observers: readonly Observer[],
  options: PropagationOptions,
): PropagationError {
  const servers = behind.map(({ label, said, missing, shows }) => ({
    server: label,
    said,
    missing: [...new Set(missing.map(({ fqdn }) => fqdn))],
    shows: shows.slice(0, SHOWN_VALUES).map((value) => plainText(value, 100)),
  }));
  const detail = servers
    .slice(0, NAMED_SERVERS)
    .map(({ server, said, shows }) => `${server} ${said}${shows.length > 0 ? ` but shows ${shows.join(', ')}` : ''}`)
    .join('; ');
  const others = servers.length > NAMED_SERVERS ? ` and ${servers.length - NAMED_SERVERS} more` : '';
  const unheard = behind.every(({ silentLooks }) => silentLooks > 0);
  return new PropagationError(`${summary(behind, observers)} after ${options.timeoutMs / 1000} s: ${detail}${others}`, {
    hint: unheard
      ? 'where port 53 is blocked, ask the resolvers with --dns.propagation.disable-ans --dns.propagation.rns, or nobody with --dns.propagation.wait 60s'
      : `raise ${options.timeoutVariable}, or see docs/guides/propagation.md`,
    facts: { nameServers: servers },
  });
}
