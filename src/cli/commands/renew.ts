import { setTimeout as sleep } from 'node:timers/promises';
import type { ListedCertificate, Store } from '../../acme/storage.ts';
import { ConfigError, isAppError } from '../../errors.ts';
import { settleSideBySide } from '../../side-by-side.ts';
import { inspect, type Situation } from '../certificates/inspect.ts';
import type { CertificatePlan } from '../certificates/plan.ts';
import { domainsOf } from '../certificates/plan.ts';
import { createReach } from '../certificates/reach.ts';
import { summarize } from '../certificates/results.ts';
import type { Result } from '../certificates/secure.ts';
import { storeOf } from '../compose.ts';
import type { CommandContext, Outcome } from '../main.ts';
import { findName } from '../stored-certificate.ts';

const ASKED_AT_A_TIME = 8;

interface Candidate {
  readonly listed: ListedCertificate;
  readonly situation?: Situation | undefined;
  readonly error?: unknown;
}

/**
 * Renews what is due, of all certificates in the store or of those named. Finding that nothing is due reads the files and asks
 * CAs when to renew, where it is time to ask: no ACME package is loaded for it.
 */
export async function renew(context: CommandContext): Promise<Outcome> {
  const { log } = context;
  const store = storeOf(context);
  const { certificates, problems } = await chosen(store, context);
  for (const problem of problems) log.warn(problem.message);

  const now = new Date();
  const all = await look(certificates, store, context, now);
  const todo = all.filter(
    ({ situation, error }) => error === undefined && (!situation || situation.isDue || situation.state.deploy),
  );
  const broken = all.filter(({ error }) => error !== undefined);
  const rest = all.filter((one) => !todo.includes(one) && !broken.includes(one));
  const results = todo.length > 0 ? await renewAll(todo, store, context, now) : [];
  for (const { error } of broken) log.warn((error as Error).message);

  return summarize(
    [
      ...results,
      ...broken.map(({ listed: { name }, error }): Result => ({ name, action: 'failed', error })),
      ...rest.map(
        ({ listed: { name }, situation }): Result => ({ name, action: 'unchanged', renewAt: situation?.due.at }),
      ),
    ],
    problems,
    store,
  );
}

const dueAt = ({ situation }: Candidate): number => situation?.due.at.getTime() ?? Number.POSITIVE_INFINITY;

/** All certificates of the store; those named as arguments; or the one that lego 4 names by its first `-d`. */
async function chosen(store: Store, context: CommandContext) {
  const { words = [] } = context;
  const domains = domainsOf(context);
  const found = await store.readCertificates({ trusting: true });
  const named = words.length > 0 ? words : domains.slice(0, 1);
  if (named.length === 0) return found;
  if (words.length > 0 && domains.length > 0) {
    throw new ConfigError('name certificates, or the domains of one by -d, not both', {
      hint: 'quoin list shows the names',
    });
  }
  const files = new Set<string>();
  for (const name of named) files.add(await findName(store, name));
  const { fileNameOf } = await import('../../acme/storage.ts');
  return {
    certificates: found.certificates.filter(({ name }) => files.has(fileNameOf(name))),
    problems: found.problems,
  };
}

async function look(
  certificates: readonly ListedCertificate[],
  store: Store,
  context: CommandContext,
  now: Date,
): Promise<Candidate[]> {
  const { options, io } = context;
  const reachOf = createReach(store, context);
  const settled = await settleSideBySide(certificates, ASKED_AT_A_TIME, async (listed): Promise<Candidate> => {
    io.signal.throwIfAborted();
    if (options.renewForce || domainsOf(context).length > 1) return { listed };
    try {
      const settings = listed.settings ?? {};
      return { listed, situation: await inspect(listed, settings, reachOf(listed), store, context, now) };
    } catch (error) {
      if (!isAppError(error) || io.signal.aborted) throw error;
      return { listed, error };
    }
  });
  io.signal.throwIfAborted();
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
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
  for (const { listed } of todo) {
    try {
      const plan = await planFromRecord(listed, store, context);
      await readSettingsOf(plan, context);
      plans.push(plan);
    } catch (error) {
      if (!isAppError(error)) throw error;
      log.warn(`${listed.name}: ${error.message}`);
      failed.push({ name: listed.name, action: 'failed', error });
    }
  }
  if (plans.length === 0) return failed;
  const byAge = todo.some(({ situation }) => situation?.isDue);
  if (byAge) await pauseForOthers(context);
  const latest = Math.max(...todo.map((one) => (one.situation?.isDue ? dueAt(one) : 0)));
  const wait = latest - now.getTime();
  // What is due before the next run is not waited for; with --ari-wait-to-renew-duration the CA's own time is.
  if (options.ariWait !== undefined && wait > options.runInterval) {
    log.info(`waiting until ${new Date(latest).toISOString().slice(0, 19)}Z, when the CA suggests to renew`);
    await sleep(wait, undefined, { signal: io.signal });
  }
  return [...failed, ...(await withWorkshop(context, store, (workshop) => secureAll(plans, store, workshop, context)))];
}
