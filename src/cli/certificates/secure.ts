import { describeCertificate } from '../../acme/certificate.ts';
import { dueOf, type FailureState, failedOnce, type RenewalState, stateOf } from '../../acme/renewal-state.ts';
import type { Store, StoredCertificate } from '../../acme/storage.ts';
import { AppError, isAppError, StorageError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { CommandContext } from '../main.ts';
import { checkFiles, storedFiles } from './files.ts';
import { type HookRunner, hookRunner } from './hook-runner.ts';
import { inspect, type Situation } from './inspect.ts';
import { obtain } from './obtain.ts';
import type { CertificatePlan } from './plan.ts';
import { changedLater, changeOf } from './reason.ts';
import { CLOCK_SKEW_MS, limitsAt, limitsIn } from './refusals.ts';
import type { Workshop } from './workshop.ts';

export interface Result {
  readonly name: string;
  readonly action: 'issued' | 'renewed' | 'unchanged' | 'postponed' | 'failed';
  /** What the store holds now, where it holds anything. */
  readonly stored?: StoredCertificate | undefined;
  /** When it will be due, by what is known now. */
  readonly renewAt?: Date | undefined;
  /** Why it failed; also beside `issued` and `renewed`: the certificate is saved, and a hook failed. */
  readonly error?: unknown;
}

export interface Bench {
  readonly store: Store;
  readonly workshop: Workshop;
  readonly context: CommandContext;
  /** Of this certificate. */
  readonly log: Log;
  /** The providers of all certificates of this run, as typed: hooks see the credentials of none. */
  readonly others?: readonly string[];
}

/** A certificate of the store beside what is wanted: what there is to do, and why. */
export interface Finding {
  readonly stored: StoredCertificate | undefined;
  readonly situation: Situation | undefined;
  /** In words; undefined when it is good as it is. */
  readonly why: string | undefined;
  /** Its age alone makes it due. */
  readonly byAge: boolean;
}

/** Reads the certificate and compares it with the plan; asks the CA when to renew, where it is time to ask. */
export async function examine(
  plan: CertificatePlan,
  { store, workshop, context }: Omit<Bench, 'log' | 'others'>,
): Promise<Finding> {
  const { options } = context;
  const stored = await read(plan.name, store, options.renewForce);
  if (!stored) return { stored, situation: undefined, why: 'there is none yet', byAge: false };
  if (options.renewForce) return { stored, situation: undefined, why: '--renew-force was given', byAge: false };
  const reach = workshop.reach(stored.settings?.directoryUrl ?? plan.settings.directoryUrl, plan);
  const situation = await inspect(stored, plan.settings, reach, store, context, new Date());
  const change = changeOf(stored, describeCertificate(stored.certificatePem), plan.settings);
  const age = situation.isDue
    ? `${situation.due.why}, and it ends on ${situation.state.notAfter.slice(0, 10)}`
    : undefined;
  return { stored, situation, why: change ?? age, byAge: change === undefined && age !== undefined };
}

/** A damaged one is replaced only when that was asked for. */
async function read(name: string, store: Store, force: boolean): Promise<StoredCertificate | undefined> {
  try {
    return await store.readCertificate(name);
  } catch (error) {
    if (force && error instanceof StorageError) return undefined;
    throw error;
  }
}

/**
 * Sees to it that the certificate of this plan is there and good: nobody else touches it meanwhile. Failures are results, and are
 * remembered, so that the next run does not come too soon; only what ends the whole program is thrown.
 */
export async function secure(plan: CertificatePlan, bench: Bench): Promise<Result> {
  const { store, context, log } = bench;
  const { signal } = context.io;
  const { name } = plan;
  const lock = await store.lockCertificate(name, { log, signal });
  try {
    const finding = await examine(plan, bench);
    const { stored, situation, why } = finding;
    const hooks = await hookRunner(plan, bench);
    if (why === undefined) {
      const later = changedLater(stored?.settings, plan.settings);
      if (later.length > 0)
        log.info(`${name}: ${later.join(', ')} changed, from the next certificate on (--renew-force obtains one now)`);
      const unchanged: Result = { name, action: 'unchanged', stored, renewAt: situation?.due.at };
      if (!situation?.state.deploy || !stored) return unchanged;
      log.info(`the deploy hook of ${name} did not run to its end the last time`);
      return { ...unchanged, error: await deploy(plan, stored, situation.state, 'renewed', hooks, bench) };
    }
    const failure = (situation?.state ?? (await store.readRenewal(name)))?.failure;
    const until = failure && waitUntil(failure, finding, plan, context, new Date());
    if (failure && until !== undefined) {
      const error = postponed(name, failure, until);
      return { name, action: 'postponed', stored, error };
    }
    log.debug(`${name}: obtaining a certificate, because ${why}`);
    return await renewNow(plan, stored, hooks, bench);
  } finally {
    await lock.release();
  }
}

/**
 * A renewal that failed is not tried again at once, since cron would wear out the CA's limits; and never before the time that the
 * CAs named. Who changed something, or has no certificate, has reason to try. The time until which to wait, ISO 8601.
 */
export function waitUntil(
  failure: FailureState,
  { byAge }: Finding,
  { servers }: Pick<CertificatePlan, 'servers'>,
  { options }: CommandContext,
  now: Date,
): string | undefined {
  const { at, notBefore } = failure;
  if (options.renewForce || Date.parse(notBefore) <= now.getTime()) return undefined;
  // It failed tomorrow, by a clock that was wrong: nobody knows how long ago that was.
  if (Date.parse(at) > now.getTime() + CLOCK_SKEW_MS) return undefined;
  if (byAge) return notBefore;
  // Another CA may be asked at any time.
  const limits = limitsAt(now, failure);
  const times = servers.map((server) => limits[server]).filter((time) => time !== undefined);
  if (times.length < servers.length) return undefined;
  return times.sort((a, b) => Date.parse(a) - Date.parse(b))[0];
}

/** The hooks around the attempt; what they throw must not hide what happened before. */
async function renewNow(
  plan: CertificatePlan,
  stored: StoredCertificate | undefined,
  hooks: HookRunner,
  bench: Bench,
): Promise<Result> {
  const action = stored ? 'renewed' : 'issued';
  const result = await attempt(plan, stored, hooks, bench).catch(async (error: unknown) => {
    await hooks.finish('failed', action, stored, error);
    throw error;
  });
  const { error } = result;
  const late = await hooks.finish(result.action === 'failed' ? 'failed' : action, action, result.stored, error);
  return late === undefined || error !== undefined ? result : { ...result, error: late };
}

async function attempt(
  plan: CertificatePlan,
  stored: StoredCertificate | undefined,
  hooks: HookRunner,
  bench: Bench,
): Promise<Result> {
  const { store, context, log } = bench;
  const { name } = plan;
  const action = stored ? 'renewed' : 'issued';
  try {
    await hooks.check();
    await checkFiles(plan, store, log);
    await hooks.run('pre', action);
    const { certificate, directory } = await obtain(plan, stored, bench);
    const files = await storedFiles(plan, certificate);
    // Noted before the files are in place: who is killed in between owes the hook all the same.
    if (hooks.has('deploy'))
      await store.writeRenewal(name, { ...((await store.readRenewal(name)) ?? NOTHING), deploy: 'pending' });
    await store.writeCertificate(certificate, files);
    const state = freshState(certificate, directory.renewalInfo, hooks.has('deploy'));
    await note(() => store.removePending(name), log);
    await note(() => store.writeRenewal(name, state), log);
    const error = await deploy(plan, certificate, state, action, hooks, bench);
    return { name, action, stored: certificate, renewAt: dueOf(state, plan.settings).at, error };
  } catch (error) {
    context.io.signal.throwIfAborted();
    if (!isAppError(error)) throw error;
    await remember(plan, stored, error, bench);
    return { name, action: 'failed', stored, error };
  }
}

/** The certificate is saved: what cannot be noted down then is no reason to keep it from who needs it. */
async function note(write: () => Promise<void>, log: Log): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!isAppError(error)) throw error;
    log.warn(`${error.message}; the certificate is saved`);
  }
}

/** Runs the deploy hook, and forgets that it has to be run only when it has been. Gives its failure. */
async function deploy(
  { name }: CertificatePlan,
  certificate: StoredCertificate,
  state: RenewalState,
  action: 'issued' | 'renewed',
  hooks: HookRunner,
  { store, log }: Bench,
): Promise<unknown> {
  try {
    await hooks.run('deploy', action, certificate);
  } catch (error) {
    if (!isAppError(error)) throw error;
    return error;
  }
  if (state.deploy) await note(() => store.writeRenewal(name, { ...state, deploy: undefined }), log);
  return undefined;
}

const freshState = (
  { certificatePem }: StoredCertificate,
  renewalInfo: string | undefined,
  deploy: boolean,
): RenewalState => ({
  ...stateOf(certificatePem, undefined, () => describeCertificate(certificatePem)),
  ...(renewalInfo ? { ari: { url: renewalInfo, askAgain: new Date().toISOString() } } : {}),
  ...(deploy ? { deploy: 'pending' as const } : {}),
});

/** What is known of a certificate that is not there. */
const NOTHING: RenewalState = { certificate: '', notBefore: '', notAfter: '' };

/** What the CA, the provider and DNS refused (exit codes 3 to 5); the user's own files and settings are mended in a moment. */
async function remember(
  plan: CertificatePlan,
  stored: StoredCertificate | undefined,
  error: AppError,
  { store, log, context }: Bench,
): Promise<void> {
  const { name } = plan;
  const told = limitsIn(error, plan);
  if ((error.exitCode < 3 || error.exitCode > 5) && Object.keys(told).length === 0) return;
  const known = await store.readRenewal(name);
  const { certificatePem } = stored ?? {};
  const state: RenewalState = certificatePem
    ? stateOf(certificatePem, known, () => describeCertificate(certificatePem))
    : NOTHING;
  const { notBefore } = error.facts;
  const asked = typeof notBefore === 'string' && !Number.isNaN(Date.parse(notBefore)) ? new Date(notBefore) : undefined;
  const { code, exitCode } = error;
  // Read by commands that do not know what is a secret.
  const message = context.redactor.clean(error.message);
  const now = new Date();
  const limits = { ...limitsAt(now, known?.failure), ...told };
  const failure = {
    ...failedOnce(known?.failure, { code, exitCode, message }, asked, now),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
  };
  await store.writeRenewal(name, { ...state, failure }).catch((cause: Error) => log.warn(cause.message));
}

function postponed(name: string, { code, exitCode, message }: FailureState, notBefore: string): AppError {
  return new AppError(
    code,
    exitCode,
    `${name} is not tried again before ${notBefore}, because the last attempt failed: ${message}`,
    {
      hint: 'mend the cause, then run with --renew-force',
      facts: { notBefore },
    },
  );
}
