import type { CaaFinding, Rehearsal, SeenServer } from '../dns/rehearsal.ts';
import type { AppError } from '../errors.ts';
import { plainText } from '../plain-text.ts';

/** `unknown`: nothing was written, for another reason. */
export type Credentials = 'accepted' | 'refused' | 'missing' | 'unknown';

export interface CheckResult {
  /** As typed after `--dns`. */
  readonly provider: string;
  readonly credentials: Credentials;
  /** Directory of the CA, which was not asked. */
  readonly server: string;
  readonly identities: readonly string[] | undefined;
  readonly rehearsals: readonly Rehearsal[];
  readonly problems: readonly AppError[];
}

const seconds = (ms: number): number => Math.round(ms) / 1000;

/** The document of `quoin check --json`: docs/reference/json.md. */
export function checkJson({ provider, credentials, server, identities, rehearsals, problems }: CheckResult): object {
  return {
    ok: problems.length === 0,
    provider: { code: provider, credentials },
    ca: { directory: server, identities: identities ?? null },
    challenges: rehearsals.map((rehearsal) => ({
      name: rehearsal.name,
      names: rehearsal.identifiers,
      target: rehearsal.target ?? null,
      zone: rehearsal.zone ?? null,
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
  const { provider, credentials, server, identities, rehearsals, problems } = result;
  const warnings = rehearsals.flatMap((rehearsal) => rehearsal.warnings);
  const told = { accepted: 'accepted', refused: 'refused', missing: 'missing or wrong', unknown: 'not known' };
  return `${[
    row('provider', `${provider}: credentials ${told[credentials]}`),
    row('CA', `${new URL(server).host}, ${identities ? `in CAA: ${identities.join(', ')}` : 'name in CAA not known'}`),
    ...rehearsals.flatMap(sectionOf),
    ...(warnings.length > 0 ? ['', ...warnings.map((warning) => `warning: ${warning}`)] : []),
    ...(problems.length > 0 ? [''] : []),
    ...problems.flatMap(({ message, hint }) => [`problem: ${message}`, ...(hint ? [`  → ${hint}`] : [])]),
    '',
    problems.length === 0 ? 'all is well' : `${problems.length} problem${problems.length === 1 ? '' : 's'}`,
  ].join('\n')}\n`;
}

function sectionOf(rehearsal: Rehearsal): string[] {
  const { name, identifiers, target, zone, providerZone, nameServers, resolvers, caa } = rehearsal;
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
