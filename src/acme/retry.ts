import { setTimeout as sleep } from 'node:timers/promises';
import { AcmeError } from '../errors.ts';
import { type Transport, TransportError } from '../http.ts';
import type { Log } from '../log.ts';
import { plainText } from '../plain-text.ts';
import type { LibraryResponse } from './answer.ts';
import { isPaused, problemError, readProblem } from './problem.ts';

export interface AcmeOptions {
  readonly transport: Transport;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** No single wait that the CA asks for, and not all of them for one request together, may be longer. */
  readonly maxWaitMs: number;
}

const TRIES = 6;
/** Longer waits are nobody's; and a Date has an end. */
const LONGEST_WAIT_MS = 366 * 86_400_000;

/** Milliseconds that a Retry-After header asks for (RFC 9110 section 10.2.3); a date that has passed is 0. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const wait = /^\s*\d+\s*$/u.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(0, wait), LONGEST_WAIT_MS);
}

/** Sends with retries. What is sent must be safe to repeat; `send` signs anew each time. */
export async function persist(
  send: () => Promise<LibraryResponse>,
  doing: string,
  { log, signal, maxWaitMs }: AcmeOptions,
): Promise<LibraryResponse> {
  let waited = 0;
  for (let round = 1; ; round += 1) {
    let failure: AcmeError;
    let wait: number | undefined;
    try {
      const response = await send();
      if (response.status !== 429 && response.status < 500) return response;
      wait = retryAfterMs(response.headers['retry-after'], Date.now());
      const { status } = response;
      const facts = { status, ...(wait === undefined ? {} : { notBefore: new Date(Date.now() + wait).toISOString() }) };
      const problem = readProblem(response.data);
      if (problem && isPaused(problem)) throw problemError(problem, doing, facts);
      failure = problem
        ? problemError(problem, doing, facts)
        : new AcmeError(
            status === 429 ? 'ACME_RATE_LIMITED' : 'ACME_UNAVAILABLE',
            `acme: could not ${doing}: the CA answered ${status} ${plainText(response.text, 120)}`.trim(),
            { facts },
          );
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TransportError)) throw error;
      const hint = error.fault === 'tls' ? 'name the roots of a private CA with --ca-certificates' : undefined;
      failure = new AcmeError('ACME_UNAVAILABLE', `acme: could not ${doing}: ${error.message}`, { cause: error, hint });
      if (error.fault === 'tls' || error.fault === 'too-large') throw failure;
    }
    // Not less than our own pause: `Retry-After: 0` and dates gone by would spend all tries at once.
    const pause = Math.max(wait ?? 0, 500 * 2 ** (round - 1) * (0.75 + Math.random() / 2));
    if (round === TRIES || waited + pause > maxWaitMs) throw failure;
    log.warn(`${failure.message}; trying again in ${Math.max(1, Math.round(pause / 1000))} s`);
    await sleep(pause, undefined, { signal });
    waited += pause;
  }
}
