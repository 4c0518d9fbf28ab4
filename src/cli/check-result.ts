import type { CaaFinding, Rehearsal, SeenServer } from '../dns/rehearsal.ts';
import type { AppError } from '../errors.ts';
import { plainText } from '../plain-text.ts';

/** `unknown`: nothing was written, for another reason. `unused`: no name leads to this provider. */
export type Credentials = 'accepted' | 'refused' | 'missing' | 'unknown' | 'unused';

export interface CheckedProvider {
  /** `cloudflare@ORG`. */
  readonly label: string;
  /** What it is meant for; undefined: all names that no other one is meant for. */
  readonly domain: string | undefined;
  readonly credentials: Credentials;
}

export interface CheckResult {
  readonly providers: readonly CheckedProvider[];
  /** How many times a run has to publish; 0 where nothing can be. */
  readonly turns: number;
  /** Directory of the CA, which was not asked. */
  readonly server: string;
  readonly identities: readonly string[] | undefined;
  readonly rehearsals: readonly Rehearsal[];
  readonly problems: readonly AppError[];
}

const seconds = (ms: number): number => Math.round(ms) / 1000;

/** The document of `quoin check --json`: docs/reference/json.md. */
export function checkJson({ providers, turns, server, identities, rehearsals, problems }: CheckResult): object {
  return {
    ok: problems.length === 0,
    providers: providers.map(({ label, domain, credentials }) => ({
      code: label,
      domain: domain ?? null,
      credentials,
    })),
    turns,
    ca: { directory: server, identities: identities ?? null },
    challenges: rehearsals.map((rehearsal) => ({
      name: rehearsal.name,
      names: rehearsal.identifiers,
      target: rehearsal.target ?? null,
      zone: rehearsal.zone ?? null,
      provider: rehearsal.provider ?? null,
      providerZone: rehearsal.providerZone ?? null,
      values: rehearsal.values,
      written: rehearsal.writtenMs !== undefined,
      writtenSeconds: rehearsal.writtenMs === undefined ? null : seconds(rehearsal.writtenMs),
      removed: rehearsal.removed ?? null,
      nameServers: rehearsal.nameServers.map(serverJson),
      resolvers: rehearsal.resolvers.map(serverJson),
      caa: rehearsal.caa.map(({ identifier, set, verdict, why, accounts }) => ({
        name: identifier,
        at: set?.at ?? null,
        records: set?.properties ?? [],
        verdict,
        why,
        accounts,
      })),
    })),
    warnings: rehearsals.flatMap(({ warnings }) => warnings),
    problems: problems.map(({ code, message, hint, facts }) => ({
      ...facts,
      code,
      message,
      ...(hint ? { hint } : {}),
    })),
  };
}

const serverJson = ({ server, shownAfterMs, said }: SeenServer) => ({
  server,
  seconds: shownAfterMs === undefined ? null : seconds(shownAfterMs),
  ...(said === undefined ? {} : { said }),
});

const COLUMN = 15;
const row = (label: string, value: string): string => `  ${label.padEnd(COLUMN)}${value}`;

/** The same for people. */
export function checkTable(result: CheckResult): string {
  const { providers, turns, server, identities, rehearsals, problems } = result;
  const warnings = rehearsals.flatMap((rehearsal) => rehearsal.warnings);
  return `${[
    ...providers.map((provider) => row('provider', providerRow(provider))),
    row('CA', `${new URL(server).host}, ${identities ? `in CAA: ${identities.join(', ')}` : 'name in CAA not known'}`),
    ...(turns > 1
      ? [row('turns', `${turns}: not all values can be shown at a time, so a run publishes in turns`)]
      : []),
    ...rehearsals.flatMap((rehearsal) => sectionOf(rehearsal, providers.length > 1)),
    ...(warnings.length > 0 ? ['', ...warnings.map((warning) => `warning: ${warning}`)] : []),
    ...(problems.length > 0 ? [''] : []),
    ...problems.flatMap(({ message, hint }) => [`problem: ${message}`, ...(hint ? [`  → ${hint}`] : [])]),
    '',
    problems.length === 0 ? 'all is well' : `${problems.length} problem${problems.length === 1 ? '' : 's'}`,
  ].join('\n')}\n`;
}

const told: Readonly<Record<Credentials, string>> = {
  accepted: 'credentials accepted',
  refused: 'credentials refused',
  missing: 'credentials missing or wrong',
  unknown: 'credentials not known',
  unused: 'not needed for these names',
};

const providerRow = ({ label, domain, credentials }: CheckedProvider): string =>
  `${domain === undefined ? label : `${label} for ${domain}`}: ${told[credentials]}`;

function sectionOf(rehearsal: Rehearsal, isOneOfSeveral: boolean): string[] {
  const { name, identifiers, target, zone, provider, providerZone, nameServers, resolvers, caa } = rehearsal;
  const all = [
    ...nameServers.map((server) => ['name server', server] as const),
    ...resolvers.map((server) => ['resolver', server] as const),
  ];
  const width = Math.max(0, ...all.map(([, { server }]) => server.length));
  return [
    '',
    identifiers.join(', '),
    row('challenge', name),
    ...(target !== undefined && target !== name ? [row('CNAME to', target)] : []),
    row('zone', zone === undefined ? 'not found' : `${zone}${providerZone ? `, at the provider ${providerZone}` : ''}`),
    ...(isOneOfSeveral ? [row('provider', provider ?? 'none')] : []),
    row('TXT value', txtRow(rehearsal)),
    ...all.map(([label, server]) => row(label, `${server.server.padEnd(width)}  ${sightOf(server)}`)),
    ...caa.map((finding) => row('CAA', caaOf(finding))),
  ];
}

function txtRow({ values, writtenMs, removed }: Rehearsal): string {
  if (writtenMs === undefined) return 'not written';
  return `${values.join(', ')}: written in ${shown(writtenMs)}, ${removed ? 'removed' : 'NOT REMOVED'}`;
}

const shown = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 0)} s`;

function sightOf({ shownAfterMs, said }: SeenServer): string {
  if (shownAfterMs !== undefined) return `after ${shown(shownAfterMs)}`;
  return said ?? 'not asked';
}

function caaOf({ identifier, set, verdict, why }: CaaFinding): string {
  const said = { allowed: 'allowed', forbidden: 'FORBIDDEN', unknown: 'not known' }[verdict];
  const judged = `${identifier} ${said}: ${plainText(why, 200)}`;
  if (!set) return judged;
  const records = set.properties.map(
    ({ critical, tag, value }) => `${critical ? '128 ' : ''}${plainText(tag, 50)} "${plainText(value, 200)}"`,
  );
  return `${judged} (${set.at}: ${records.join(', ')})`;
}
