import type { CertificateSettings, Store } from '../../acme/storage.ts';
import { isAppError } from '../../errors.ts';
import { changedLater } from '../certificates/reason.ts';
import { type Finding, waitUntil } from '../certificates/secure.ts';
import type { CommandContext, Outcome } from '../main.ts';
import { errorJson, exitCodeOf } from '../render-error.ts';
import type { Draft } from './drafts.ts';

/** A certificate of the file, and what is in the store: `error` where that cannot be read. */
export interface Looked {
  readonly draft: Draft;
  readonly finding?: Finding | undefined;
  readonly error?: unknown;
}

interface Step {
  readonly name: string;
  readonly action: 'issue' | 'renew' | 'deploy' | 'wait' | 'none' | 'failed';
  readonly why?: string | undefined;
  /** When its age will make it due; with `wait` when it will be tried again. */
  readonly at?: string | undefined;
  /** What the next certificate will have otherwise, and no reason to renew this one. */
  readonly later: readonly string[];
  readonly settings: CertificateSettings;
  readonly error?: unknown;
}

/** What `quoin apply` would do. `unlisted` are certificates in the store that are not in the file. */
export async function showPlan(
  all: readonly Looked[],
  unlisted: readonly string[],
  store: Store,
  context: CommandContext,
): Promise<Outcome> {
  const steps: Step[] = [];
  for (const one of all) steps.push(await stepOf(one, store, context));
  const failed = steps.find(({ error }) => error !== undefined);
  return {
    isAnswer: true,
    exitCode: failed ? exitCodeOf(failed.error) : 0,
    json: {
      certificates: steps.map(({ error, ...step }) => ({ ...step, ...(error === undefined ? {} : errorJson(error)) })),
      unlisted,
    },
    text: [...steps.map(lineOf), ...unlistedLine(unlisted)].map((line) => `${line}\n`).join(''),
  };
}

async function stepOf({ draft, finding, error }: Looked, store: Store, context: CommandContext): Promise<Step> {
  const { name, settings } = draft.plan;
  if (!finding) return { name, action: 'failed', later: [], settings, error };
  const { stored, situation, why } = finding;
  const later = stored ? changedLater(stored.settings, settings) : [];
  if (why === undefined) {
    const at = situation?.due.at.toISOString();
    if (situation?.state.deploy) return { name, action: 'deploy', why: NOT_DEPLOYED, at, later, settings };
    return { name, action: 'none', at, later, settings };
  }
  const failure = (situation?.state ?? (await store.readRenewal(name)))?.failure;
  const until = failure && waitUntil(failure, finding, draft.plan, context, new Date());
  if (failure && until !== undefined) return { name, action: 'wait', why: failure.message, at: until, later, settings };
  return { name, action: stored ? 'renew' : 'issue', why, later: [], settings };
}

const NOT_DEPLOYED = 'the deploy hook did not run to its end the last time';

function lineOf({ name, action, why, at, later, error }: Step): string {
  const day = at?.slice(0, 10);
  const also = later.length > 0 ? `; with the next one: ${later.join(', ')} changed` : '';
  switch (action) {
    case 'issue':
    case 'renew':
      return `${action} ${name}: ${why}`;
    case 'deploy':
      return `deploy ${name}: ${why}${also}`;
    case 'wait':
      return `wait with ${name} until ${at}: the last attempt failed: ${why}`;
    case 'none':
      return `nothing for ${name}${day ? ` until ${day}` : ''}${also}`;
    default:
      return `FAILED ${name}: ${isAppError(error) ? error.message : String(error)}`;
  }
}

/** Enough to see that the right store is meant. */
const MOST_LISTED = 20;

export function unlistedLine(unlisted: readonly string[]): string[] {
  if (unlisted.length === 0) return [];
  const more = unlisted.length > MOST_LISTED ? ` and ${unlisted.length - MOST_LISTED} more` : '';
  return [`left alone, since the file does not name them: ${unlisted.slice(0, MOST_LISTED).join(', ')}${more}`];
}
