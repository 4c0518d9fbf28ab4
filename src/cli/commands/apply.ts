import { fileNameOf, type Store } from '../../acme/storage.ts';
import { sideBySide } from '../../side-by-side.ts';
import { applyFlags, refuseOtherFlags } from '../apply-options.ts';
import { withWorkshop } from '../certificates/batch.ts';
import { summarize } from '../certificates/results.ts';
import { examine } from '../certificates/secure.ts';
import type { Workshop } from '../certificates/workshop.ts';
import { storeOf } from '../compose.ts';
import { carryOut } from '../config-file/carry-out.ts';
import { type Draft, draftPlans } from '../config-file/drafts.ts';
import { readConfigFile } from '../config-file/read.ts';
import { type Looked, showPlan, unlistedLine } from '../config-file/show-plan.ts';
import { readFlags } from '../flags.ts';
import type { CommandContext, Outcome } from '../main.ts';

/** As many as are asked about, when they are to be renewed, at one time. */
const ASKED_AT_A_TIME = 8;

/** Sees to it that the certificates of a configuration file are there and good. What the file does not name is left alone. */
export async function apply(context: CommandContext): Promise<Outcome> {
  const { io, log, given, own = new Map(), words = [] } = context;
  const { plan: planOnly } = readFlags(applyFlags, own, {});
  const config = await readConfigFile(words[0], io.cwd);
  refuseOtherFlags(given, config.accounts.length > 0);
  for (const warning of config.warnings) log.warn(warning);
  const path = given.has('--path') ? context.options.path : (config.store ?? context.options.path);
  const store = storeOf({ ...context, options: { ...context.options, path } });
  // From here on what is relative is seen from the file: hooks, and providers of one's own.
  const inFolder: CommandContext = {
    ...context,
    io: { ...io, cwd: config.folder },
    options: { ...context.options, renewDays: undefined },
  };
  const drafts = await draftPlans(config, context);
  const unlisted = await unlistedIn(store, drafts);
  const reader = planOnly ? { ...store, writeRenewal: async () => {} } : store;
  return withWorkshop(inFolder, store, async (workshop) => {
    const all = await look(drafts, reader, workshop, inFolder);
    if (planOnly) return showPlan(all, unlisted, store, inFolder);
    const results = await carryOut(all, config, store, workshop, inFolder);
    const { json, text, exitCode } = summarize(results, store);
    const lines = unlistedLine(unlisted).map((line) => `${line}\n`);
    return { exitCode: exitCode ?? 0, json: { ...json, unlisted }, text: [text, ...lines].join('') };
  });
}

async function unlistedIn(store: Store, drafts: readonly Draft[]): Promise<string[]> {
  const named = new Set(drafts.map(({ plan }) => fileNameOf(plan.name)));
  const known = await store.listCertificates();
  return known.filter((name) => !named.has(name)).map((name) => name.replace(/^_\./u, '*.'));
}

async function look(
  drafts: readonly Draft[],
  store: Store,
  workshop: Workshop,
  context: CommandContext,
): Promise<Looked[]> {
  const { signal } = context.io;
  const found = await sideBySide(drafts, ASKED_AT_A_TIME, async (draft): Promise<Looked> => {
    signal.throwIfAborted();
    try {
      return { draft, finding: await examine(draft.plan, { store, workshop, context }) };
    } catch (error) {
      if (signal.aborted) throw error;
      return { draft, error };
    }
  });
  signal.throwIfAborted();
  return found;
}
