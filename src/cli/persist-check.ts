import { draftName, persistName } from '../acme/persist.ts';
import { dateOf, judgePersist, type PersistJudgement, type PersistQuestion } from '../acme/persist-judge.ts';
import type { Lookup } from '../dns/lookup.ts';
import { readTxt, type TxtSight } from '../dns/txt-lookup.ts';
import { type AppError, isAppError, PropagationError } from '../errors.ts';
import { sideBySide } from '../side-by-side.ts';
import { lookupOf } from './compose.ts';
import type { CommandContext, Outcome } from './main.ts';
import { persistCa } from './persist-ca.ts';
import type { PersistFlags } from './persist-options.ts';
import { checkedJson, checkedTable } from './persist-report.ts';

const SIDE_BY_SIDE = 8;
const NOT_COVERED = 5;
/** So long before its end a record is worth a word. */
const SOON_SECONDS = 30 * 86_400;

/** What DNS says about one name of a certificate. */
export interface Checked {
  readonly name: string;
  /** Of the TXT record. */
  readonly record: string;
  readonly sight?: TxtSight | undefined;
  /** Whether every server that answers shows a record that lets this account have a certificate. */
  readonly covered: boolean;
  /** When that ends, in seconds since 1970; undefined: it does not, or it is not covered. */
  readonly until?: number | undefined;
  /** The values, each once; those that cover come first. */
  readonly found: readonly Found[];
  /** A record at a name above that covers names below it. */
  readonly above?: string | undefined;
  readonly warnings: readonly string[];
  readonly problem?: AppError | undefined;
}

export interface Found extends PersistJudgement {
  /** Those that do not show it, although they answer. */
  readonly missingAt: readonly string[];
}

/** Whether DNS has the records that `print` prints, or others that will do. Reads only. */
export async function checkPersist(
  names: readonly string[],
  flags: PersistFlags,
  context: CommandContext,
): Promise<Outcome> {
  const places = new Map(names.map((name) => [name, persistName(name)]));
  const ca = await persistCa(flags, context);
  const { signal } = context.io;
  const lookup = lookupOf(context);
  const question: PersistQuestion = { ...ca, now: Date.now() / 1000 };
  const sights = new Map<string, Promise<TxtSight | AppError>>();
  const read = (place: string) => {
    const sight = sights.get(place) ?? look(place, lookup, context);
    sights.set(place, sight);
    return sight;
  };
  const checked = await sideBySide([...places], SIDE_BY_SIDE, async ([name, place]) => {
    const sight = await read(place);
    if (isAppError(sight)) return { name, record: place, covered: false, found: [], warnings: [], problem: sight };
    const judged = judge(name, place, sight, question);
    if (judged.covered) return judged;
    const above = await findAbove(name, lookup, question, signal);
    return { ...judged, above, problem: uncovered(judged, above, ca.draft) };
  });
  signal.throwIfAborted();
  const isFine = checked.every(({ covered }) => covered);
  return {
    json: checkedJson(ca, checked),
    text: checkedTable(ca, checked),
    isAnswer: true,
    exitCode: isFine ? 0 : NOT_COVERED,
  };
}

/** How far a record is from one that counts. */
const WEIGHTS = { malformed: 16, issuer: 8, account: 4, policy: 1, expired: 1 };
const distance = ({ misses }: PersistJudgement): number => misses.reduce((sum, { kind }) => sum + WEIGHTS[kind], 0);

async function look(place: string, lookup: Lookup, { options, io }: CommandContext): Promise<TxtSight | AppError> {
  const how = { lookup, signal: io.signal, authoritative: !options.disableAns };
  try {
    const sight = await readTxt(place, options.rns ? { ...how, recursive: true } : how);
    if (sight.servers.some(({ values }) => values)) return sight;
    const said = sight.servers.map(({ server, said: what }) => `${server} ${what}`).join('; ');
    return new PropagationError(
      `cannot look up TXT of ${place}: ${said}`,
      { hint: 'name a resolver that answers: --dns.resolvers host:port' },
      'DNS_LOOKUP',
    );
  } catch (error) {
    io.signal.throwIfAborted();
    if (!isAppError(error)) throw error;
    return error;
  }
}

function judge(name: string, record: string, sight: TxtSight, question: PersistQuestion): Checked {
  const answered = sight.servers.filter(({ values }) => values !== undefined);
  const values = [...new Set(answered.flatMap((seen) => seen.values ?? []))];
  const found = values
    .map((value) => ({
      ...judgePersist(value, name, question),
      missingAt: answered.filter((seen) => !seen.values?.includes(value)).map(({ server }) => server),
    }))
    .sort((a, b) => distance(a) - distance(b));
  const good = found.filter(({ misses }) => misses.length === 0);
  const covered = answered.every((seen) => good.some(({ value }) => seen.values?.includes(value)));
  // Of each server the record that lasts longest; of the servers the one whose record ends first.
  const ends = answered.map((seen) =>
    Math.max(...good.filter(({ value }) => seen.values?.includes(value)).map((one) => one.record?.until ?? Infinity)),
  );
  const until = Math.min(...ends);
  const silent = sight.servers.filter((seen) => seen.values === undefined);
  const warnings = silent.map(({ server, said }) => `${record}: ${server} ${said}`);
  if (covered && until - question.now < SOON_SECONDS)
    warnings.push(`the record for ${name} counts until ${dateOf(until)} only`);
  return { name, record, sight, covered, ...(covered && until < Infinity ? { until } : {}), found, warnings };
}

/** CAs may go up from a name to a record that covers what is below it (draft -02 section 6); whether one does, it alone knows. */
async function findAbove(
  name: string,
  lookup: Lookup,
  question: PersistQuestion,
  signal: AbortSignal,
): Promise<string | undefined> {
  const labels = name.replace(/^\*\./u, '').split('.');
  for (let above = 1; above < labels.length - 1; above += 1) {
    const parent = labels.slice(above).join('.');
    const place = persistName(parent);
    const sight = await readTxt(place, { lookup, signal, authoritative: false }).catch((error: unknown) => {
      signal.throwIfAborted();
      if (!isAppError(error)) throw error;
      return undefined;
    });
    const values = sight?.servers.flatMap((seen) => seen.values ?? []) ?? [];
    if (values.some((value) => judgePersist(value, `*.${parent}`, question).misses.length === 0)) return place;
  }
  return undefined;
}

function uncovered({ name, record, found }: Checked, above: string | undefined, draft: '01' | '02'): PropagationError {
  const [best] = found;
  const why = !best
    ? 'there is none'
    : best.misses.length === 0
      ? `${best.missingAt.join(', ')} does not show it`
      : best.misses.map((miss) => miss.why).join(', and ');
  const wildcard = name.startsWith('*.') ? ' --wildcard' : '';
  const hint = above
    ? `the one at ${above} covers it for CAs that look there; for the others make one at ${record}`
    : `print the one to make: quoin persist print --experimental -d ${name.replace(/^\*\./u, '')}${wildcard}`;
  return new PropagationError(`no record at ${record} lets this account have a certificate for ${name}: ${why}`, {
    hint,
    facts: { name, record, draft: draftName(draft) },
  });
}
