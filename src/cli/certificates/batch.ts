import { setTimeout as sleep } from 'node:timers/promises';
import { describeCertificate } from '../../acme/certificate.ts';
import type { Store } from '../../acme/storage.ts';
import { isAppError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { sideBySide } from '../../side-by-side.ts';
import type { CommandContext } from '../main.ts';
import { failureOf } from '../render-error.ts';
import type { CertificatePlan } from './plan.ts';
import { type Result, secure } from './secure.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

/** lego's: cron jobs all over the world begin at the same minute. */
const LONGEST_PAUSE_MS = 8 * 60_000;

/**
 * A random pause before something is renewed because of its age, where no person is waiting: once for a process, and before any
 * hook or lock.
 */
export async function pauseForOthers({ options, io, log }: CommandContext): Promise<void> {
  if (options.noRandomSleep || options.renewForce || io.stderr.isTTY) return;
  const pause = Math.random() * LONGEST_PAUSE_MS;
  log.info(`waiting ${Math.round(pause / 1000)} s, since others renew at this minute, too (--no-random-sleep)`);
  await sleep(pause, undefined, { signal: io.signal });
}

/** Opens what the certificates of one process share, for as long as `work` takes. */
export async function withWorkshop<T>(
  context: CommandContext,
  store: Store,
  work: (workshop: Workshop) => Promise<T>,
): Promise<T> {
  const workshop = openWorkshop(context, store);
  try {
    return await work(workshop);
  } finally {
    await workshop.close();
  }
}

/** Lines of several certificates at one time say which is meant. */
function logFor(name: string, log: Log): Log {
  const at = (level: keyof Log) => (message: string) =>
    log[level](message.includes(name) ? message : `${name}: ${message}`);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), waiting: at('waiting') };
}

/** Sees to all plans, some at a time, whatever becomes of the others, even by a bug. Throws only when it is interrupted. The caller has probed the store. */
export async function secureAll(
  plans: readonly CertificatePlan[],
  store: Store,
  workshop: Workshop,
  context: CommandContext,
): Promise<Result[]> {
  const { options, io, log } = context;
  const others = [...new Set(plans.flatMap(({ dns }) => dns))];
  const results = await sideBySide(plans, options.parallel, async (plan): Promise<Result> => {
    io.signal.throwIfAborted();
    const own = plans.length > 1 ? logFor(plan.name, log) : log;
    try {
      const result = await secure(plan, { store, workshop, context, log: own, others });
      if (plans.length > 1) tell(result, log);
      return withoutTexts(result, plans.length);
    } catch (error) {
      if (io.signal.aborted) throw error;
      if (plans.length > 1) log.warn(failureOf(plan.name, error));
      return { name: plan.name, action: 'failed', error };
    }
  });
  io.signal.throwIfAborted();
  return results;
}

function tell({ name, action, stored, error }: Result, log: Log): void {
  if (error !== undefined) log.warn(`${name}: ${isAppError(error) ? error.message : String(error)}`);
  if (stored && (action === 'issued' || action === 'renewed'))
    log.info(
      `${action} ${name}, valid until ${describeCertificate(stored.certificatePem).notAfter.toISOString().slice(0, 10)}`,
    );
}

/** A thousand keys and chains are not kept until the end. */
const withoutTexts = (result: Result, plans: number): Result =>
  plans > 1 && result.stored ? { ...result, stored: { ...result.stored, keyPem: undefined, issuerPem: '' } } : result;
