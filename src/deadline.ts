import { setMaxListeners } from 'node:events';

/** A signal that fires with another one or by itself, and lets go of the other one when it is no longer needed. */
export interface Linked {
  readonly signal: AbortSignal;
  /** Whether the time ran out. */
  readonly expired: boolean;
  abort(reason: Error): void;
  /** To be called in the end, whatever happened. */
  release(): void;
}

/**
 * Fires with `source`, or after so many milliseconds. In place of `AbortSignal.any`, whose signals Node 20 keeps in memory for as
 * long as their sources live: a run's signal lives as long as the process.
 */
export function link(source: AbortSignal | undefined, timeoutMs?: number): Linked {
  const controller = new AbortController();
  let expired = false;
  const follow = () => controller.abort(source?.reason);
  // A hundred look-ups at one time are no leak, which Node would warn of.
  if (source) setMaxListeners(0, source);
  if (source?.aborted) follow();
  source?.addEventListener('abort', follow, { once: true });
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(
          () => {
            expired = true;
            controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
          },
          Math.max(1, timeoutMs),
        );
  return {
    signal: controller.signal,
    get expired() {
      return expired;
    },
    abort: (reason) => controller.abort(reason),
    release() {
      clearTimeout(timer);
      source?.removeEventListener('abort', follow);
    },
  };
}
