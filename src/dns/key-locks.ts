import { setMaxListeners } from 'node:events';

/** Work that must not overlap, by names of what it touches. */
export interface KeyLocks {
  /** Runs once nobody holds any of the keys who asked before. No keys: at once. */
  hold<T>(keys: readonly string[], options: HoldOptions, run: () => Promise<T>): Promise<T>;
}

export interface HoldOptions {
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** Told of each key that has to be waited for. */
  onWait?(key: string): void;
}

export function createKeyLocks(): KeyLocks {
  /** Of each key: settles when the last one in line has let go, and all before it. */
  const tails = new Map<string, Promise<unknown>>();

  return {
    async hold(keys, { signal, onWait }, run) {
      let letGo = (): void => {};
      const gone = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      // A place in every line is taken at one moment, so no two can wait for each other.
      const before = [...new Set(keys)].flatMap((key) => {
        const last = tails.get(key);
        // Whoever leaves the line early lets nobody pass: those behind still wait for those before.
        const tail = Promise.all([last, gone]).then(() => {
          if (tails.get(key) === tail) tails.delete(key);
        });
        tails.set(key, tail);
        if (last) onWait?.(key);
        return last ?? [];
      });
      try {
        signal.throwIfAborted();
        if (before.length > 0) await unlessAborted(Promise.all(before), signal);
        return await run();
      } finally {
        letGo();
      }
    },
  };
}

function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    // Many certificates in one line are no leak, which Node would warn of.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', stop, { once: true });
    work.then(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, reject);
  });
}
