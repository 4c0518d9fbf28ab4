import type { Store } from '../../acme/storage.ts';
import { isAppError } from '../../errors.ts';
import { pauseForOthers, secureAll } from '../certificates/batch.ts';
import { readSettingsOf } from '../certificates/credentials.ts';
import type { CertificatePlan } from '../certificates/plan.ts';
import type { Result } from '../certificates/secure.ts';
import type { Workshop } from '../certificates/workshop.ts';
import type { CommandContext } from '../main.ts';
import { failureOf } from '../render-error.ts';
import type { ConfigFile } from './config.ts';
import { createFetch } from './references.ts';
import { fetchSecrets } from './secrets.ts';
import type { Looked } from './show-plan.ts';

/** Does what is to be done, side by side: a certificate that fails does not stop the others. */
export async function carryOut(
  all: readonly Looked[],
  config: ConfigFile,
  store: Store,
  workshop: Workshop,
  context: CommandContext,
): Promise<Result[]> {
  const { log } = context;
  const failed: Result[] = [];
  const fail = (name: string, error: unknown) => {
    log.warn(failureOf(name, error));
    failed.push({ name, action: 'failed', error });
  };
  const rest: Result[] = [];
  const todo: Looked[] = [];
  for (const one of all) {
    const { draft, finding, error } = one;
    const { name } = draft.plan;
    if (!finding) fail(name, error);
    else if (finding.why !== undefined || finding.situation?.state.deploy) todo.push(one);
    else rest.push({ name, action: 'unchanged', renewAt: finding.situation?.due.at });
  }
  const strangers = await unregistered(todo, store);
  const ready = await readyPlans(todo, { config, strangers, fail }, context);
  if (ready.length > 0) await store.probe();
  if (ready.some(({ finding, draft }) => finding?.byAge && !draft.config.noRandomSleep)) await pauseForOthers(context);
  const registered = await registerAccounts(ready, { strangers, fail }, workshop, context.io);
  const plans = registered.map(({ plan }) => plan);
  return [...failed, ...rest, ...(await secureAll(plans, store, workshop, context))];
}

type Ready = Looked & { readonly plan: CertificatePlan };

interface Surroundings {
  readonly config: ConfigFile;
  /** Accounts that some CA does not know. */
  readonly strangers: ReadonlySet<string>;
  /** Takes note of a failure; the others go on. */
  fail(name: string, error: unknown): void;
}

const accountOf = ({ servers, settings }: CertificatePlan): string => `${settings.accountId} ${servers.join(' ')}`;

/** An account that cannot be read counts as known: whoever needs it will say what is the matter. */
async function unregistered(todo: readonly Looked[], store: Store): Promise<Set<string>> {
  const plans = new Map(todo.map(({ draft: { plan } }) => [accountOf(plan), plan]));
  const strangers = new Set<string>();
  for (const [key, { servers, settings }] of plans) {
    for (const server of servers) {
      const known = await store.loadAccount(server, settings.accountId).catch((error: unknown) => {
        if (!isAppError(error)) throw error;
        return { url: '?' };
      });
      if (!known?.url) strangers.add(key);
    }
  }
  return strangers;
}

/** The plans with their secrets, which are fetched for what is to be done, and not before. */
async function readyPlans(
  todo: readonly Looked[],
  { config, strangers, fail }: Surroundings,
  context: CommandContext,
): Promise<Ready[]> {
  const { io, log, redactor } = context;
  if (todo.length === 0) return [];
  const drafts = todo.map(({ draft }) => draft);
  const fetch = createFetch({ env: io.env, folder: config.folder, redactor, log, signal: io.signal });
  const withSecrets = await fetchSecrets(drafts, config.secretVariables, fetch);
  const ready: Ready[] = [];
  for (const one of todo) {
    try {
      const plan = await withSecrets(one.draft, strangers.has(accountOf(one.draft.plan)));
      await readSettingsOf(plan, context);
      ready.push({ ...one, plan });
    } catch (error) {
      io.signal.throwIfAborted();
      fail(one.draft.plan.name, error);
    }
  }
  return ready;
}

/**
 * Registers the accounts that are not: a CA that will not have one is asked once, and not by each of a thousand certificates.
 * Where there is a second CA each certificate sees to that itself.
 */
async function registerAccounts(
  ready: readonly Ready[],
  { strangers, fail }: Pick<Surroundings, 'strangers' | 'fail'>,
  workshop: Workshop,
  { signal }: CommandContext['io'],
): Promise<Ready[]> {
  const accounts = new Map(ready.map(({ plan }) => [accountOf(plan), plan]));
  const refusals = new Map<string, unknown>();
  for (const [key, plan] of accounts) {
    const [server = '', ...others] = plan.servers;
    if (others.length > 0 || !strangers.has(key)) continue;
    try {
      await workshop.connect(server, plan);
    } catch (error) {
      signal.throwIfAborted();
      refusals.set(key, error);
    }
  }
  const isWelcome = ({ plan }: Ready) => !refusals.has(accountOf(plan));
  for (const one of ready) if (!isWelcome(one)) fail(one.plan.name, refusals.get(accountOf(one.plan)));
  return ready.filter(isWelcome);
}
