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
import { changeOf } from './reason.ts';
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
  const reach = async () => ({
    transport: workshop.acmeOptions(plan).transport,
    directory: () => workshop.directory(stored.settings?.directoryUrl ?? plan.settings.directoryUrl, plan),
  });
  if (options.renewForce) return { stored, situation: undefined, why: '--renew-force was given', byAge: false };
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
      const unchanged: Result = { name, action: 'unchanged', stored, renewAt: situation?.due.at };
      if (!situation?.state.deploy || !stored) return unchanged;
      log.info(`the deploy hook of ${name} did not run to its end the last time`);
      return { ...unchanged, error: await deploy(plan, stored, situation.state, 'renewed', hooks, bench) };
    }
    const failure = (situation?.state ?? (await store.readRenewal(name)))?.failure;
    if (failure && mustWait(failure, finding, context, new Date())) {
      const error = postponed(name, failure);
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
 * CA named. Who changed something, or has no certificate, has reason to try.
 */
export function mustWait(
  { notBefore, code }: FailureState,
  { byAge }: Finding,
  { options }: CommandContext,
  now: Date,
): boolean {
  if (options.renewForce || Date.parse(notBefore) <= now.getTime()) return false;
  return byAge || code === 'ACME_RATE_LIMITED';
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
    await store.writeCertificate(certificate, await storedFiles(plan, certificate));
    await store.removePending(name);
    const state = freshState(certificate, directory.renewalInfo, hooks.has('deploy'));
    await store.writeRenewal(name, state);
    const error = await deploy(plan, certificate, state, action, hooks, bench);
    return { name, action, stored: certificate, renewAt: dueOf(state, plan.settings).at, error };
  } catch (error) {
    context.io.signal.throwIfAborted();
    if (!isAppError(error)) throw error;
    await remember(plan, stored, error, bench);
    return { name, action: 'failed', stored, error };
  }
}

/** Runs the deploy hook, and forgets that it has to be run only when it has been. Gives its failure. */
async function deploy(
  { name }: CertificatePlan,
  certificate: StoredCertificate,
  state: RenewalState,
  action: 'issued' | 'renewed',
  hooks: HookRunner,
  { store }: Bench,
): Promise<unknown> {
  try {
    await hooks.run('deploy', action, certificate);
    if (state.deploy) await store.writeRenewal(name, { ...state, deploy: undefined });
    return undefined;
  } catch (error) {
    if (!isAppError(error)) throw error;
    return error;
  }
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

/** What the CA, the provider and DNS refused (exit codes 3 to 5); the user's own files and settings are mended in a moment. */
async function remember(
  { name }: CertificatePlan,
  stored: StoredCertificate | undefined,
  error: AppError,
  { store, log }: Bench,
): Promise<void> {
  if (error.exitCode < 3 || error.exitCode > 5) return;
  const known = await store.readRenewal(name);
  const { certificatePem } = stored ?? {};
  const state: RenewalState = certificatePem
    ? stateOf(certificatePem, known, () => describeCertificate(certificatePem))
    : { certificate: '', notBefore: '', notAfter: '' };
  const { notBefore } = error.facts;
  const asked = typeof notBefore === 'string' && !Number.isNaN(Date.parse(notBefore)) ? new Date(notBefore) : undefined;
  const failure = failedOnce(known?.failure, error, asked, new Date());
  await store.writeRenewal(name, { ...state, failure }).catch((cause: Error) => log.warn(cause.message));
}

function postponed(name: string, { notBefore, code, exitCode, message }: FailureState): AppError {
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
