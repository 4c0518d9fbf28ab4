import { randomBytes } from 'node:crypto';
import { AcmeError, type AppError, isAppError, isProviderError, ProviderError } from '../errors.ts';
import type { Log } from '../log.ts';
import { plainText } from '../plain-text.ts';
import { type CaaJudgement, type CaaSet, findCaa, judgeCaa } from './caa.ts';
import type { Provider, TxtEditor } from './kit/contract.ts';
import type { Lookup } from './lookup.ts';
import type { Look } from './propagation.ts';
import { recordsOf } from './resolvers.ts';
import type { DnsSession } from './session.ts';
import { createSolver, type SolverOptions } from './solver.ts';

/** Everything that a run does with DNS for one challenge name, with a harmless value and without a CA. */
export interface Rehearsal {
  /** `_acme-challenge.example.com`. */
  readonly name: string;
  readonly identifiers: readonly string[];
  /** Where CNAMEs lead, and the zone of that by DNS. */
  readonly target?: string | undefined;
  readonly zone?: string | undefined;
  /** The zone that the provider wrote to, or tried to. */
  readonly providerZone?: string | undefined;
  readonly nameServers: readonly SeenServer[];
  /** Where they were asked as well. */
  readonly resolvers: readonly SeenServer[];
  readonly values: readonly string[];
  /** How long the provider took, where it took them. */
  readonly writtenMs?: number | undefined;
  /** Undefined: nothing was written. */
  readonly removed?: boolean | undefined;
  readonly caa: readonly CaaFinding[];
  readonly problems: readonly AppError[];
  readonly warnings: readonly string[];
}

export interface SeenServer {
  /** `ns1.example.com (192.0.2.1)`. */
  readonly server: string;
  /** Since the value was written; undefined: it did not show it, or was not asked. */
  readonly shownAfterMs?: number | undefined;
  /** What it did instead. */
  readonly said?: string | undefined;
}

export interface CaaFinding extends CaaJudgement {
  readonly identifier: string;
  /** Undefined: there are none, or they could not be read. */
  readonly set?: CaaSet | undefined;
}

export interface RehearsalOptions {
  readonly lookup: Lookup;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** What CAA records call the CA. */
  readonly identities?: readonly string[] | undefined;
  /** Absent: nothing can be written, which has been told. */
  readonly writer?: Writer | undefined;
}

export interface Writer extends Pick<SolverOptions, 'session' | 'provider' | 'journal' | 'propagation'> {
  /** By name, from `withZonesSeen`. */
  readonly zones: ReadonlyMap<string, string>;
}

const MARK = 'quoin-check-';
/** As long as what a CA wants to see, of the same characters: some providers accept nothing else. */
const LENGTH = 43;

export const harmlessValue = (): string => `${MARK}${randomBytes(LENGTH).toString('base64url')}`.slice(0, LENGTH);

/** The provider, telling which zone it was about to change for a name. */
export function withZonesSeen(provider: Provider, zones: Map<string, string>): Provider {
  const watch = (editor: TxtEditor): TxtEditor => ({
    ...(editor.oneValueAtATime === undefined ? {} : { oneValueAtATime: editor.oneValueAtATime }),
    ...(editor.findZone ? { findZone: async (name) => editor.findZone?.(name) } : {}),
    ...(editor.zoneOf ? { zoneOf: async (name) => editor.zoneOf?.(name) } : {}),
    ...(editor.listZones ? { listZones: async () => editor.listZones?.() ?? [] } : {}),
    apply(zone, changes) {
      for (const { fqdn } of changes.add) zones.set(fqdn, zone.name);
      return editor.apply(zone, changes);
    },
    close: async () => editor.close?.(),
  });
  return { ...provider, connect: async (context) => watch(await provider.connect(context)) };
}

/** Never fails for what a user can mend: that is among the problems. Throws when it was aborted. */
export async function rehearse(
  { name, identifiers }: Pick<Rehearsal, 'name' | 'identifiers'>,
  options: RehearsalOptions,
): Promise<Rehearsal> {
  const { lookup, signal, writer } = options;
  const problems: AppError[] = [];
  const warnings: string[] = [];
  const attempt = async <T>(doing: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await doing();
    } catch (error) {
      signal.throwIfAborted();
      if (!isAppError(error)) throw error;
      problems.push(error);
      return undefined;
    }
  };

  const target = await attempt(() => lookup.follow(name, signal));
  const servers = (target && (await attempt(() => lookup.nameServers(target.zone, signal)))) ?? [];
  const looks = new Map<string, Look>();
  const written = target && writer && (await attempt(() => write(identifiers, name, writer, looks, options)));
  problems.push(...(written?.problems ?? []));
  const providerZone = target && writer?.zones.get(target.fqdn);
  if (target && providerZone !== undefined && providerZone !== target.zone) {
    warnings.push(
      `${target.fqdn}: the provider wrote to the zone ${providerZone}, but by DNS its zone is ${target.zone}`,
    );
  }
  const caa: CaaFinding[] = [];
  for (const identifier of identifiers) {
    caa.push(await readPolicy(identifier, options, problems, warnings));
  }
  // A name server may give them in another order each time.
  const named = servers.map((server) => `${server.name} (${server.address})`).sort();
  const others = [...looks.keys()].filter((server) => looks.get(server)?.zone === '');
  return {
    name,
    identifiers,
    target: target?.fqdn,
    zone: target?.zone,
    providerZone,
    nameServers: named.map((server) => seen(server, looks)),
    resolvers: others.map((server) => seen(server, looks)),
    values: written?.values ?? [],
    writtenMs: written?.writtenMs,
    removed: written?.removed,
    caa,
    problems,
    warnings,
  };
}

function seen(server: string, looks: ReadonlyMap<string, Look>): SeenServer {
  const found = looks.get(server);
  if (!found) return { server };
  return found.complete ? { server, shownAfterMs: found.afterMs } : { server, said: plainText(found.said, 200) };
}

/** Publishes, watches and removes the values by the way that a run takes, and tells how it went. */
async function write(
  identifiers: readonly string[],
  fqdn: string,
  { session, provider, journal, propagation }: Writer,
  looks: Map<string, Look>,
  { lookup, log, signal }: RehearsalOptions,
) {
  // One value at a time is all that such a provider can be asked for; a run takes turns, too.
  const wanted = session.oneValueAtATime ? identifiers.slice(0, 1) : identifiers;
  const challenges = wanted.map((identifier) => ({ identifier, fqdn, value: harmlessValue() }));
  const problems: AppError[] = [];
  let writtenMs: number | undefined;
  let left: unknown;
  const watched: DnsSession = {
    ...session,
    async add(values) {
      const started = performance.now();
      await session.add(values);
      writtenMs = performance.now() - started;
    },
    async remove(values) {
      try {
        await session.remove(values);
      } catch (error) {
        left = error;
        throw error;
      }
    },
  };
  const onLook = (look: Look) => {
    // That it still shows everything at a later look does not change since when.
    if (!(look.complete && looks.get(look.server)?.complete)) looks.set(look.server, look);
  };
  const solver = createSolver({
    session: watched,
    provider,
    lookup,
    journal,
    propagation: { ...propagation, onLook },
    log,
    signal,
  });
  try {
    await solver.solve(challenges, async () => {});
  } catch (error) {
    signal.throwIfAborted();
    if (!isAppError(error)) throw error;
    problems.push(error);
  }
  // Where it could not even be written, that is the problem; the warning has been given.
  if (left !== undefined && writtenMs !== undefined) problems.push(leftBehind(fqdn, provider, left));
  const values = challenges.map(({ value }) => value);
  return { problems, values, writtenMs, removed: writtenMs === undefined ? undefined : left === undefined };
}

function leftBehind(fqdn: string, provider: string, cause: unknown): ProviderError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ProviderError(
    isProviderError(cause) ? cause.fault : 'api',
    `${provider}: the TXT value for ${fqdn} is still there: ${why}`,
    {
      cause,
      hint: 'quoin cleanup tries again to remove it',
    },
  );
}

async function readPolicy(
  identifier: string,
  { lookup, signal, identities }: RehearsalOptions,
  problems: AppError[],
  warnings: string[],
): Promise<CaaFinding> {
  let at = '';
  let set: CaaSet | undefined;
  try {
    set = await findCaa(identifier, async (name) => {
      at = name;
      return recordsOf(await lookup.resolvers.ask(name, 'CAA', signal), 'CAA');
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!isAppError(error)) throw error;
    // A CA that gets no answer either refuses (RFC 8659 section 6.2); above the name this may be a matter of this network.
    const isOwn = at === identifier.replace(/^\*\./u, '');
    if (isOwn) problems.push(error);
    else warnings.push(`${identifier}: ${error.message}; a CA that gets no answer either does not issue`);
    return { identifier, verdict: 'unknown', why: `the CAA records of ${at} could not be read`, accounts: [] };
  }
  const finding = { identifier, set, ...judgeCaa(set, { name: identifier, identities }) };
  const { verdict, why, accounts } = finding;
  const about = `the CAA records of ${set?.at}`;
  if (verdict === 'forbidden') {
    problems.push(
      new AcmeError('ACME_CAA', `${about} forbid a certificate for ${identifier}: ${plainText(why, 200)}`, {
        hint: identities
          ? `add: ${set?.at}. CAA 0 ${identifier.startsWith('*.') ? 'issuewild' : 'issue'} "${identities[0]}"`
          : undefined,
      }),
    );
  }
  if (verdict === 'unknown') warnings.push(`${about} restrict who may issue for ${identifier}, and ${why}`);
  if (accounts.length > 0) {
    const urls = accounts.map((url) => plainText(url, 200)).join(', ');
    warnings.push(`${about} let only these accounts have a certificate for ${identifier}: ${urls}`);
  }
  return finding;
}
