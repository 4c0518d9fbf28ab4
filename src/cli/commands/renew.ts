import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RenewalState } from '../../acme/renewal-state.ts';
import type { Store } from '../../acme/storage.ts';
import { ConfigError, isAppError, StorageError } from '../../errors.ts';
import { sideBySide } from '../../side-by-side.ts';
import { domainsOf } from '../certificates/domains.ts';
import { inspect, recall, type Situation } from '../certificates/inspect.ts';
import type { CertificatePlan } from '../certificates/plan.ts';
import { createReach } from '../certificates/reach.ts';
import { summarize } from '../certificates/results.ts';
import type { Result } from '../certificates/secure.ts';
import type { CommandContext, Outcome } from '../main.ts';
import { storeOf } from '../open-store.ts';
import { failureOf } from '../render-error.ts';
import { findName } from '../stored-certificate.ts';

const ASKED_AT_A_TIME = 8;
const HOUR_MS = 3_600_000;

interface Candidate {
  /** As the certificate calls itself, or as its files are called where that cannot be read. */
  readonly name: string;
  readonly file: string;
  readonly situation?: Situation | undefined;
  readonly error?: unknown;
}

/**
 * Renews what is due, of all certificates in the store or of those named. Finding that nothing is due looks at the files and asks
 * CAs when to renew, where it is time to ask: no ACME package is loaded for it.
 */
export async function renew(context: CommandContext): Promise<Outcome> {
  const store = storeOf(context);
  const now = new Date();
  const all = await look(await chosen(store, context), store, context, now);
  const results: Result[] = [];
  const todo: Candidate[] = [];
  for (const one of all) {
    const { name, situation, error } = one;
    if (error !== undefined) results.push({ name, action: 'failed', error });
    else if (!situation || situation.isDue || situation.state.deploy) todo.push(one);
    else results.push({ name, action: 'unchanged', renewAt: situation.due.at });
  }
  if (todo.length > 0) results.push(...(await renewAll(todo, store, context, now)));
  return summarize(results, store);
}

const dueAt = ({ situation }: Candidate): number => situation?.due.at.getTime() ?? Number.POSITIVE_INFINITY;

/**
 * The files of all certificates in the store; of those named as arguments; or of the one that lego 4 names by its first `-d`, or
 * by a request.
 */
async function chosen(store: Store, context: CommandContext): Promise<readonly string[]> {
  const { words = [], given, options, io } = context;
  const domains = domainsOf(context);
  if (words.length > 0 && domains.length > 0) {
    throw new ConfigError('name certificates, or the domains of one by -d, not both', {
      hint: 'quoin list shows the names',
    });
  }
  const csr = given.has('--csr') && options.csr ? await readRequest(resolve(io.cwd, options.csr)) : undefined;
  const named = words.length > 0 ? words : (csr?.names ?? domains).slice(0, 1);
  if (named.length === 0) return store.listCertificates();
  const files = new Set<string>();
  for (const name of named) files.add(await findName(store, name));
  return [...files];
}

const readRequest = async (path: string) => (await import('../certificates/plan.ts')).readCsrFile(path);

async function look(
  files: readonly string[],
  store: Store,
  context: CommandContext,
  now: Date,
): Promise<readonly Candidate[]> {
  const { options, io, log } = context;
  const isWanted =
    options.renewForce ||
    domainsOf(context).length > 1 ||
    ['--force-cert-domains', '--csr'].some((name) => context.given.has(name));
  const reachOf = createReach(store, context);
  const ask = async (file: string): Promise<Candidate> => {
    io.signal.throwIfAborted();
    try {
      const listed = await store.readListed(file);
      if (!listed) throw new StorageError(`the certificate ${file} is gone`);
      const { name, settings = {} } = listed;
      if (isWanted) return { name, file };
      return { name, file, situation: await inspect(listed, settings, reachOf(listed), store, context, now) };
    } catch (error) {
      if (io.signal.aborted) throw error;
      if (!isAppError(error)) log.warn(failureOf(file, error));
      return { name: file, file, error };
    }
  };
  const known: Candidate[] = [];
  const unknown: string[] = [];
  for (const file of files) {
    const situation = isWanted ? undefined : await recall(file, store, context, now);
    if (situation) known.push({ name: situation.name, file, situation });
    else unknown.push(file);
  }
  return [...known, ...(await sideBySide(unknown, ASKED_AT_A_TIME, ask))];
}

/** By the clock, an hour at a time: a timer holds 24 days at most, and stands still while the machine sleeps. */
async function waitUntil(time: number, signal: AbortSignal): Promise<void> {
  for (let left = time - Date.now(); left > 0; left = time - Date.now())
    await sleep(Math.min(left, HOUR_MS), undefined, { signal });
}

async function renewAll(
  todo: readonly Candidate[],
  store: Store,
  context: CommandContext,
  now: Date,
): Promise<Result[]> {
  const { io, log, options } = context;
  const { pauseForOthers, secureAll, withWorkshop } = await import('../certificates/batch.ts');
  const { planFromRecord } = await import('../certificates/from-record.ts');
  const { readSettingsOf } = await import('../certificates/credentials.ts');
  const plans: CertificatePlan[] = [];
  const failed: Result[] = [];
  for (const { name, file } of todo) {
    try {
      const listed = await store.readListed(file);
      if (!listed) throw new StorageError(`the certificate ${name} is gone`);
      const plan = await planFromRecord(listed, store, context);
      await readSettingsOf(plan, context);
      plans.push(plan);
    } catch (error) {
      if (io.signal.aborted) throw error;
      log.warn(failureOf(name, error));
      failed.push({ name, action: 'failed', error });
    }
  }
  if (plans.length === 0) return failed;
  // A store that cannot be written to is told before the pause, and nobody pauses for what is not to be tried yet.
  await store.probe();
  const isTried = ({ failure }: RenewalState) => !failure || Date.parse(failure.notBefore) <= now.getTime();
  if (todo.some(({ situation }) => situation?.isDue && isTried(situation.state))) await pauseForOthers(context);
  const latest = Math.max(...todo.map((one) => (one.situation?.isDue ? dueAt(one) : 0)));
  const wait = latest - now.getTime();
  // What is due before the next run is not waited for; with --ari-wait-to-renew-duration the CA's own time is.
  if (options.ariWait !== undefined && wait > options.runInterval) {
    log.info(`waiting until ${new Date(latest).toISOString().slice(0, 19)}Z, when the CA suggests to renew`);
    await waitUntil(latest, io.signal);
  }
  return [...failed, ...(await withWorkshop(context, store, (workshop) => secureAll(plans, store, workshop, context)))];
}
