import { setTimeout as sleep } from 'node:timers/promises';
import type { TxtRecord, Zone } from './kit/contract.ts';

export type ChangeKind = 'add' | 'remove';

interface Batch {
  readonly kind: ChangeKind;
  readonly records: TxtRecord[];
  readonly done: Promise<void>;
}

export interface BatchOptions {
  apply(zone: Zone, kind: ChangeKind, records: readonly TxtRecord[], signal: AbortSignal): Promise<void>;
  /** Milliseconds between the end of one change and the next addition: `<PREFIX>_SEQUENCE_INTERVAL`. */
  readonly pauseMs: number;
  onPause(pauseMs: number): void;
}

/**
 * Many APIs read, modify and write whole sets or zones: one change at a time for each zone, zones side by side. What is asked
 * for while a zone is busy waits together and is done in one go.
 */
export function createBatches({ apply, pauseMs, onPause }: BatchOptions) {
  const busy = new Map<string, Promise<unknown>>();
  const waiting = new Map<string, Batch>();
  let lastChange = Number.NEGATIVE_INFINITY;

  async function pause(signal: AbortSignal): Promise<void> {
    const rest = lastChange + pauseMs - performance.now();
    if (pauseMs === 0 || rest <= 0) return;
    onPause(rest);
    await sleep(rest, undefined, { signal });
  }

  return (zone: Zone, kind: ChangeKind, records: readonly TxtRecord[], signal: AbortSignal): Promise<void> => {
    const joined = waiting.get(zone.name);
    if (joined?.kind === kind) {
      joined.records.push(...records);
      return joined.done;
    }
    const before = busy.get(zone.name) ?? Promise.resolve();
    const gathered = [...records];
    const run = async () => {
      if (waiting.get(zone.name) === batch) waiting.delete(zone.name);
      if (kind === 'add') await pause(signal);
      try {
        await apply(zone, kind, gathered, signal);
      } finally {
        lastChange = performance.now();
      }
    };
    const batch: Batch = { kind, records: gathered, done: before.then(run, run) };
    batch.done.catch(() => {}); // Whoever asked hears of it; the queue goes on.
    waiting.set(zone.name, batch);
    busy.set(zone.name, batch.done);
    return batch.done;
  };
}
