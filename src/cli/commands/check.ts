import { caaIdentities } from '../../acme/caa-identities.ts';
import { directoryUrl } from '../../acme/directories.ts';
import { challengeName, normalizeNames } from '../../acme/names.ts';
import { openJournal } from '../../dns/journal.ts';
import type { Provider } from '../../dns/kit/contract.ts';
import type { EnvSchema } from '../../dns/kit/env.ts';
import { type Rehearsal, type RehearsalOptions, rehearse, type Writer, withZonesSeen } from '../../dns/rehearsal.ts';
import { resolveProvider } from '../../dns/resolve.ts';
import type { DnsSession } from '../../dns/session.ts';
import { readSettings, tuningSchema } from '../../dns/settings.ts';
import { type AppError, ConfigError, isAppError } from '../../errors.ts';
import { settleSideBySide } from '../../side-by-side.ts';
import { type CheckResult, type Credentials, checkJson, checkTable } from '../check-result.ts';
import { lookupOf, sessionOf, storeOf } from '../compose.ts';
import type { CommandContext, Outcome } from '../main.ts';

const SIDE_BY_SIDE = 8;
/** Of several kinds of problems the first of these decides: settings, the store, the provider, DNS, CAA. */
const EXIT_CODES = [2, 6, 4, 5, 3];
/** See src/sandbox/ca/caa.ts, which only `quoin sandbox` loads. */
const SANDBOX_IDENTITIES = ['sandbox.test'];

/** The rehearsal: all that a run does with DNS, with a harmless value and without a CA. */
export async function check(context: CommandContext): Promise<Outcome> {
  const { options, io, log } = context;
  const { signal } = io;
  const challenges = challengesOf(normalizeNames(options.domains));
  const server = directoryUrl(options.server);
  const identities = server === io.env.QUOIN_SANDBOX_DIRECTORY ? SANDBOX_IDENTITIES : caaIdentities(server);
  if (!options.dns)
    throw new ConfigError('no DNS provider was given', { hint: 'name one with --dns; quoin dnshelp lists them' });
  const provider = await resolveProvider(options.dns, io.cwd);
  const store = storeOf(context);
  await store.probe();

  const lookup = lookupOf(context);
  const zones = new Map<string, string>();
  const opened = await open(provider, zones, lookup, context);
  const { session } = opened;
  const all = { lookup, log, signal, identities };
  let rehearsals: readonly Rehearsal[];
  try {
    const journal = session && (await openJournal(store.journalFolder));
    try {
      const writer = session &&
        journal && {
          session,
          provider: options.dns,
          journal,
          zones,
          propagation: propagationOf(session, provider, context),
        };
      rehearsals = await rehearseAll(challenges, all, writer);
    } finally {
      await journal?.close();
    }
  } finally {
    await session?.close();
  }
  signal.throwIfAborted();

  const problems = withoutRepeats([...opened.problems, ...rehearsals.flatMap((rehearsal) => rehearsal.problems)]);
  const credentials = credentialsOf(opened.problems, problems, rehearsals);
  const result: CheckResult = { provider: options.dns, credentials, server, identities, rehearsals, problems };
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

/** Without credentials the rest can still be looked at. */
async function open(
  provider: Provider,
  zones: Map<string, string>,
  lookup: RehearsalOptions['lookup'],
  context: CommandContext,
): Promise<Opened> {
  try {
    const { config } = readSettings(provider, context.io.env, (secret) => context.redactor.hide(secret));
    refuseRaw(provider, config);
    return { session: await sessionOf(withZonesSeen(provider, zones), lookup, context), problems: [] };
  } catch (error) {
    context.io.signal.throwIfAborted();
    if (!isAppError(error)) throw error;
    return { problems: [error] };
  }
}

/** Before anything is in the journal: what is never written cannot be removed either. */
function refuseRaw({ id, env }: Provider, config: object): void {
  if (!('mode' in config) || config.mode !== 'RAW') return;
  const { mode } = env as EnvSchema;
  const variable = mode && 'names' in mode ? (mode.names[0] ?? 'mode') : 'mode';
  throw new ConfigError(`${id}: mode RAW hands over the challenge of a CA, so it cannot be rehearsed`, {
    hint: `unset ${variable} for the rehearsal, if your side understands both`,
  });
}

function propagationOf(session: DnsSession, provider: Provider, { options }: CommandContext): Writer['propagation'] {
  return {
    timeoutMs: session.tuning.propagationTimeout * 1000,
    intervalMs: session.tuning.pollingInterval * 1000,
    timeoutVariable: tuningSchema(provider.tuning).propagationTimeout.names[0] ?? '',
    fixedWaitMs: options.propagationWait,
    authoritative: !options.disableAns,
    recursive: options.rns,
  };
}

/** Names side by side, unless the provider holds one value at a time. All come to rest before anything is thrown. */
async function rehearseAll(
  challenges: readonly Pick<Rehearsal, 'name' | 'identifiers'>[],
  all: Omit<RehearsalOptions, 'writer'>,
  writer: Writer | undefined,
): Promise<Rehearsal[]> {
  const limit = writer?.session.oneValueAtATime ? 1 : SIDE_BY_SIDE;
  const settled = await settleSideBySide(challenges, limit, (challenge) => rehearse(challenge, { ...all, writer }));
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}

/** Refused credentials are refused for every name. */
const withoutRepeats = (problems: readonly AppError[]): AppError[] => [
  ...new Map(problems.map((problem) => [`${problem.code} ${problem.message}`, problem])).values(),
];

function credentialsOf(
  opening: readonly AppError[],
  problems: readonly AppError[],
  rehearsals: readonly Rehearsal[],
): Credentials {
  if (problems.some(({ code }) => code === 'PROVIDER_AUTH')) return 'refused';
  if (opening.some(({ exitCode }) => exitCode === 2)) return 'missing';
  return rehearsals.some(({ writtenMs }) => writtenMs !== undefined) ? 'accepted' : 'unknown';
}
