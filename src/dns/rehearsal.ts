import { AcmeError, type AppError, isAppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { plainText } from '../plain-text.ts';
import type { Place } from './assignments.ts';
import { type CaaJudgement, type CaaSet, findCaa, judgeCaa } from './caa.ts';
import { type Writer, writeHarmless } from './harmless.ts';
import type { Lookup } from './lookup.ts';
import type { Look } from './propagation.ts';
import { recordsOf } from './resolvers.ts';

/** Everything that a run does with DNS for one challenge name, with a harmless value and without a CA. */
export interface Rehearsal {
  /** `_acme-challenge.example.com`. */
  readonly name: string;
  readonly identifiers: readonly string[];
  /** Where CNAMEs lead, and the zone of that by DNS. */
  readonly target?: string | undefined;
  readonly zone?: string | undefined;
  /** `cloudflare@ORG`: who writes there. */
  readonly provider?: string | undefined;
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
  /** By whom the record at the end of the CNAMEs is written. Undefined: nothing can be written, which has been told. */
  readonly writerFor: (place: Place) => Promise<Writer | undefined>;
}

/** Never fails for what a user can mend: that is among the problems. Throws when it was aborted. */
export async function rehearse(
  { name, identifiers }: Pick<Rehearsal, 'name' | 'identifiers'>,
  options: RehearsalOptions,
): Promise<Rehearsal> {
  const { lookup, signal, writerFor } = options;
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
  const [identifier = ''] = identifiers;
  const writer = target && (await attempt(() => writerFor({ identifier, fqdn: target.fqdn })));
  const written = writer && (await attempt(() => writeHarmless(identifiers, name, writer, looks, options)));
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
    provider: writer?.session.label,
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
