import { setTimeout as sleep } from 'node:timers/promises';
import { isProviderError } from '../errors.ts';
import type { TxtRecord, Zone } from './kit/contract.ts';

export type ChangeKind = 'add' | 'remove';

/** What one caller asked for. */
interface Part {
  readonly records: readonly TxtRecord[];
  readonly signal: AbortSignal;
  settle(outcome: Promise<void>): void;
}

interface Batch {
  readonly kind: ChangeKind;
  readonly parts: Part[];
}

export interface BatchOptions {
  apply(zone: Zone, kind: ChangeKind, records: readonly TxtRecord[], signal: AbortSignal): Promise<void>;
  /** Milliseconds between the end of one change and the next addition: `<PREFIX>_SEQUENCE_INTERVAL`. */
  readonly pauseMs: number;
  onPause(pauseMs: number): void;
}

/**
 * Many APIs read, modify and write whole sets or zones: one change at a time for each zone, zones side by side. What is asked
 * for while a zone is busy waits together and is done in one go. If that is refused each part is done by itself, so that one
 * certificate's bad name is not the failure of all.
 */
export function createBatches({ apply, pauseMs, onPause }: BatchOptions) {
  /** By zone: the last change in line. */
  const busy = new Map<string, Promise<void>>();
  const waiting = new Map<string, Batch>();
  let lastChange = Number.NEGATIVE_INFINITY;

  async function pause(signal: AbortSignal): Promise<void> {
    const rest = lastChange + pauseMs - performance.now();
    if (pauseMs === 0 || rest <= 0) return;
    onPause(rest);
    await sleep(rest, undefined, { signal });
  }

  async function change(zone: Zone, kind: ChangeKind, records: readonly TxtRecord[], signal: AbortSignal) {
    if (kind === 'add') await pause(signal);
    try {
      await apply(zone, kind, records, signal);
    } finally {
      lastChange = performance.now();
    }
  }

  async function run(zone: Zone, batch: Batch): Promise<void> {
    if (waiting.get(zone.name) === batch) waiting.delete(zone.name);
    const { kind, parts } = batch;
    // Whoever came last has the most time left.
    const signal = parts.at(-1)?.signal as AbortSignal;
    const records = parts.flatMap((part) => part.records);
    const [first] = await Promise.allSettled([change(zone, kind, records, signal)]);
    for (const part of parts) {
      const apart = first.status === 'rejected' && parts.length > 1 && isOnesOwn(first.reason, signal);
      const outcome = apart ? change(zone, kind, part.records, part.signal) : settled(first);
      part.settle(outcome);
      await outcome.catch(() => {}); // Whoever asked hears of it; the queue goes on.
    }
  }

  return (zone: Zone, kind: ChangeKind, records: readonly TxtRecord[], signal: AbortSignal): Promise<void> =>
    new Promise((settle) => {
      const part: Part = { records: [...records], signal, settle };
      const joined = waiting.get(zone.name);
      if (joined?.kind === kind) {
        joined.parts.push(part);
        return;
      }
      const batch: Batch = { kind, parts: [part] };
      waiting.set(zone.name, batch);
      const done = (busy.get(zone.name) ?? Promise.resolve()).then(() => run(zone, batch));
      busy.set(zone.name, done);
      done.then(() => {
        if (busy.get(zone.name) === done) busy.delete(zone.name);
      });
    });
}

const settled = (result: PromiseSettledResult<void>): Promise<void> =>
  result.status === 'fulfilled' ? Promise.resolve() : Promise.reject(result.reason);

/** Whether the failure may be that of one part alone; an API that is down or refuses the credentials does so for all. */
const isOnesOwn = (error: unknown, signal: AbortSignal): boolean =>
  !signal.aborted && !(isProviderError(error) && (error.passing || error.fault === 'auth'));
