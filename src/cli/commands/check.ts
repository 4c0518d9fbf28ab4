import { caaIdentities } from '../../acme/caa-identities.ts';
import { directoryUrl } from '../../acme/directories.ts';
import { challengeName, normalizeNames } from '../../acme/names.ts';
import { expectedFor } from '../../dns/accounts.ts';
import { type Assignment, assignmentFor, parseAssignments } from '../../dns/assignments.ts';
import { withZonesSeen } from '../../dns/harmless.ts';
import { sharedJournal } from '../../dns/journal.ts';
import type { Provider } from '../../dns/kit/contract.ts';
import type { EnvSchema } from '../../dns/kit/env.ts';
import { type Rehearsal, type RehearsalOptions, rehearse } from '../../dns/rehearsal.ts';
import { resolveProvider } from '../../dns/resolve.ts';
import type { DnsSession } from '../../dns/session.ts';
import { readSettings } from '../../dns/settings.ts';
import { takeTurns } from '../../dns/turns.ts';
import { type AppError, ConfigError, isAppError } from '../../errors.ts';
import { settleSideBySide } from '../../side-by-side.ts';
import { type CheckedProvider, type CheckResult, type Credentials, checkJson, checkTable } from '../check-result.ts';
import { lookupOf, storeOf } from '../compose.ts';
import type { CommandContext, Outcome } from '../main.ts';
import { sessionsOf } from '../shared-dns.ts';

const SIDE_BY_SIDE = 8;
/** Of several kinds of problems the first of these decides: settings, the store, the provider, DNS, CAA. */
const EXIT_CODES = [2, 6, 4, 5, 3];
/** See src/sandbox/ca/caa.ts, which only `quoin sandbox` loads. */
const SANDBOX_IDENTITIES = ['sandbox.test'];

/** The rehearsal: all that a run does with DNS, with a harmless value and without a CA. */
export async function check(context: CommandContext): Promise<Outcome> {
  const { options, io, log } = context;
  const { signal } = io;
  const names = normalizeNames(options.domains);
  const server = directoryUrl(options.server);
  const identities = server === io.env.QUOIN_SANDBOX_DIRECTORY ? SANDBOX_IDENTITIES : caaIdentities(server);
  const assignments = parseAssignments(options.dns);
  for (const { code } of assignments) await resolveProvider(code, io.cwd);
  const store = storeOf(context);
  await store.probe();

  const lookup = lookupOf(context);
  const zones = new Map<string, string>();
  const accounts = openAccounts(zones, lookup, context);
  const { locks } = accounts;
  const journal = sharedJournal(store.journalFolder);
  const propagation = {
    fixedWaitMs: options.propagationWait,
    authoritative: !options.disableAns,
    recursive: options.rns,
  };
  const writerFor: RehearsalOptions['writerFor'] = async (place) => {
    const { session } = await accounts.open(assignmentFor(assignments, place));
    return session && { session, locks, journal, propagation, zones };
  };
  let rehearsals: readonly Rehearsal[];
  try {
    // Credentials that the names call for are tried, whatever DNS says of the names.
    await Promise.all(expectedFor(assignments, names).map(accounts.open));
    rehearsals = await rehearseAll(challengesOf(names), { lookup, log, signal, identities, writerFor });
  } finally {
    await accounts.close();
    await journal.close();
  }
  signal.throwIfAborted();

  const providers = await Promise.all(assignments.map((one) => judge(one, accounts.opened.get(one.label), rehearsals)));
  const opening = (await Promise.all(accounts.opened.values())).flatMap(({ problems }) => problems);
  const problems = withoutRepeats([...opening, ...rehearsals.flatMap((rehearsal) => rehearsal.problems)]);
  const turns = await turnsOf(rehearsals, accounts.opened);
  const result: CheckResult = { providers, turns, server, identities, rehearsals, problems };
  return {
    json: checkJson(result),
    text: checkTable(result),
    isAnswer: true,
    exitCode: EXIT_CODES.find((code) => problems.some((problem) => problem.exitCode === code)) ?? 0,
  };
}

/** A name and its wildcard have one challenge name. */
function challengesOf(names: readonly string[]): Pick<Rehearsal, 'name' | 'identifiers'>[] {
  const challenges = [...new Set(names.map(challengeName))];
  return challenges.map((name) => ({ name, identifiers: names.filter((one) => challengeName(one) === name) }));
}

interface Opened {
  readonly session?: DnsSession;
  readonly problems: readonly AppError[];
}

/** Sessions by label; without credentials the rest can still be looked at, so a failure is a result. */
function openAccounts(zones: Map<string, string>, lookup: RehearsalOptions['lookup'], context: CommandContext) {
  const { io, redactor } = context;
  const load = (code: string) => resolveProvider(code, io.cwd);
  const sessions = sessionsOf(context, { load: async (code) => withZonesSeen(await load(code), zones) });
  const opened = new Map<string, Promise<Opened>>();

  async function begin(assignment: Assignment): Promise<Opened> {
    try {
      const provider = await load(assignment.code);
      const read = readSettings(provider, io.env, (secret) => redactor.hide(secret), undefined, assignment.prefix);
      refuseRaw(provider, read.config, read.account.nameOf);
      return { session: await sessions.open({ assignment, env: io.env, lookup }), problems: [] };
    } catch (error) {
      io.signal.throwIfAborted();
      if (!isAppError(error)) throw error;
      return { problems: [error] };
    }
  }

  return {
    opened,
    locks: sessions.locks,
    close: sessions.close,
    open(assignment: Assignment): Promise<Opened> {
      const known = opened.get(assignment.label) ?? begin(assignment);
      opened.set(assignment.label, known);
      return known;
    },
  };
}

/** Before anything is in the journal: what is never written cannot be removed either. */
function refuseRaw({ id, env }: Provider, config: object, nameOf: (name: string) => string): void {
  if (!('mode' in config) || config.mode !== 'RAW') return;
  const { mode } = env as EnvSchema;
  const variable = mode && 'names' in mode ? nameOf(mode.names[0] ?? 'mode') : 'mode';
  throw new ConfigError(`${id}: mode RAW hands over the challenge of a CA, so it cannot be rehearsed`, {
    hint: `unset ${variable} for the rehearsal, if your side understands both`,
  });
}

/** Names side by side; where a provider has a limit, its lock has them wait. All come to rest before anything is thrown. */
async function rehearseAll(
  challenges: readonly Pick<Rehearsal, 'name' | 'identifiers'>[],
  all: RehearsalOptions,
): Promise<Rehearsal[]> {
  const settled = await settleSideBySide(challenges, SIDE_BY_SIDE, (challenge) => rehearse(challenge, all));
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}

/** Refused credentials are refused for every name. */
const withoutRepeats = (problems: readonly AppError[]): AppError[] => [
  ...new Map(problems.map((problem) => [`${problem.code} ${problem.message}`, problem])).values(),
];

async function judge(
  { label, domain }: Assignment,
  opening: Promise<Opened> | undefined,
  rehearsals: readonly Rehearsal[],
): Promise<CheckedProvider> {
  const opened = await opening;
  const mine = rehearsals.filter(({ provider }) => provider === label);
  const found = (): Credentials => {
    if (!opened) return 'unused';
    const problems = [...opened.problems, ...mine.flatMap((rehearsal) => rehearsal.problems)];
    if (problems.some(({ code }) => code === 'PROVIDER_AUTH')) return 'refused';
    if (opened.problems.some(({ exitCode }) => exitCode === 2)) return 'missing';
    return mine.some(({ writtenMs }) => writtenMs !== undefined) ? 'accepted' : 'unknown';
  };
  return { label, domain, credentials: found() };
}

/** How many times a run has to publish, because some provider cannot show all values at a time. */
async function turnsOf(
  rehearsals: readonly Rehearsal[],
  opened: ReadonlyMap<string, Promise<Opened>>,
): Promise<number> {
  const places = await Promise.all(
    rehearsals.map(async ({ target, provider, identifiers }) => {
      const session = (await opened.get(provider ?? ''))?.session;
      if (target === undefined || !session) return [];
      return identifiers.map((value) => ({ challenge: { value }, fqdn: target, session }));
    }),
  );
  return takeTurns(places.flat()).length;
}
