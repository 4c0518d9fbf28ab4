import { setTimeout as sleep } from 'node:timers/promises';
import { ProviderError } from '../../errors.ts';

export interface PollOptions {
  /** For the message when it takes too long: `bunny: publishing example.com`. */
  readonly what: string;
  readonly signal: AbortSignal;
  /** Milliseconds between two questions. Default: 1000. */
  readonly intervalMs?: number;
  /** Milliseconds for all of it. Default: 60 000. */
  readonly timeoutMs?: number;
}

/**
 * Asks until there is an answer: `undefined` means "not yet". For changes that a vendor makes in the background.
 * @throws ProviderError `api` after `timeoutMs`; whatever `ask` throws; the reason of an abort
 */
export async function pollUntil<T>(
  ask: () => Promise<T | undefined>,
  { what, signal, intervalMs = 1000, timeoutMs = 60_000 }: PollOptions,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() + intervalMs > deadline)
      throw new ProviderError('api', `${what} is not done after ${Math.ceil(timeoutMs / 1000)} s`);
    await sleep(intervalMs, undefined, { signal });
  }
}
