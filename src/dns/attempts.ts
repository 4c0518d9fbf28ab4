import { setTimeout as sleep } from 'node:timers/promises';
import { isAppError, isProviderError, ProviderError } from '../errors.ts';
import type { Log } from '../log.ts';

export interface AttemptOptions {
  /** Who is named in messages: the provider's id. */
  readonly who: string;
  readonly log: Log;
  /** Puts what the provider says of itself and its variables into the words of this account. */
  rename(text: string): string;
  /** The first wait in milliseconds; it doubles, give or take a fifth so that parallel runs spread out. */
  readonly retryDelayMs: number;
  /** All waits of one task together, in seconds; a provider that asks for more ends it at once. */
  readonly maxWaitSeconds: number;
}

export type Attempt = <T>(doing: string, signal: AbortSignal, run: () => Promise<T>) => Promise<T>;

const ATTEMPTS = 4;

/** The only retry loop of the provider half. What it runs must be idempotent; only passing faults are tried again. */
export function createAttempt({ who, log, rename, retryDelayMs, maxWaitSeconds }: AttemptOptions): Attempt {
  return async (doing, signal, run) => {
    let waited = 0;
    for (let round = 1; ; round += 1) {
      signal.throwIfAborted();
      try {
        return await run();
      } catch (error) {
        signal.throwIfAborted();
        if (!isAppError(error)) {
          throw new ProviderError('api', `${who}: could not ${doing}: ${(error as Error).message}`, { cause: error });
        }
        const { message, hint } = error;
        Object.assign(error, { message: rename(message), ...(hint === undefined ? {} : { hint: rename(hint) }) });
        if (round === ATTEMPTS || !(isProviderError(error) && error.passing)) throw error;
        const growing = (retryDelayMs * 2 ** (round - 1) * (0.8 + Math.random() * 0.4)) / 1000;
        const wait = error.retryAfter ?? growing;
        waited += wait;
        if (waited > maxWaitSeconds) {
          throw new ProviderError(error.fault, `${error.message}; it asks to wait ${Math.ceil(wait)} s`, {
            status: error.status,
            retryAfter: error.retryAfter,
            cause: error,
            hint: 'run again later, or allow longer waits with --max-wait',
          });
        }
        log.warn(`${error.message}; trying again in ${Math.ceil(wait)} s`);
        await sleep(wait * 1000, undefined, { signal });
      }
    }
  };
}
