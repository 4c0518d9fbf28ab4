import { cpus } from 'node:os';
import { type Client, clients } from './clients.ts';
import type { Dns } from './lab.ts';
import type { ManyResults } from './many.ts';
import type { Sample } from './measure.ts';
import type { StartTimes } from './start.ts';

export interface Row {
  readonly client: Client;
  readonly dns: Dns;
  readonly size: number;
  readonly failed?: boolean;
  readonly sample?: Sample;
  readonly runs?: number;
}

export interface Results {
  readonly rows: readonly Row[];
  readonly start: StartTimes;
  readonly many: ManyResults;
  readonly sizes: readonly number[];
  /** That the whole bench took. */
  readonly seconds: number;
}

const columns: readonly (readonly [string, keyof Sample, number])[] = [
  ['Wall time, s', 'wall', 2],
  ['CPU time of all processes, s', 'cpu', 2],
  ['Peak memory of the largest process, MiB', 'memory', 0],
  ['ACME requests', 'acme', 0],
  ['DNS messages: queries and updates', 'dns', 0],
];

const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

function table({ rows, sizes }: Results, dns: Dns, [title, key, digits]: (typeof columns)[number]): string[] {
  const heads = sizes.map((size) => (size === 2 ? '2 (apex, wildcard)' : `${size} name${size === 1 ? '' : 's'}`));
  const body = clients
    .filter((client) => client.dns.includes(dns))
    .map((client) => {
      const cells = sizes.map((size) => {
        const row = rows.find((one) => one.client === client && one.dns === dns && one.size === size);
        return row?.failed ? 'failed' : (row?.sample?.[key].toFixed(digits) ?? '-');
      });
      return line([client.name, ...cells]);
    });
  return [`### ${dns}: ${title}`, '', line(['', ...heads]), line(['---', ...heads.map(() => '---:')]), ...body, ''];
}

const wallOf = ({ rows }: Results, name: string, dns: Dns, size: number): number =>
  rows.find((row) => row.client.name === name && row.dns === dns && row.size === size)?.sample?.wall ?? Number.NaN;

function ratios(results: Results): string[] {
  const ratio = (a: string, b: string, size: number, dns: Dns = 'BIND') =>
    (wallOf(results, a, dns, size) / wallOf(results, b, dns, size)).toFixed(1);
  const { empty, version, help } = results.start;
  const { count, check, renewals } = results.many;
  const slowest = Math.min(...renewals.filter((one) => one.count === count).map(({ perMinute }) => perMinute));
  const rows: readonly (readonly [string, string, string])[] = [
    ['one name, times the floor, BIND', ratio('quoin', 'floor', 1), 'at most 3'],
    ['one name, times the floor, PowerDNS', ratio('quoin', 'floor', 1, 'PowerDNS'), 'at most 3'],
    ['100 names, times the floor, BIND', ratio('quoin', 'floor', 100), 'at most 4'],
    ['100 names, times the floor, PowerDNS', ratio('quoin', 'floor', 100, 'PowerDNS'), 'at most 4'],
    ['100 names, times faster than lego, BIND', ratio('lego', 'quoin', 100), 'more than 100'],
    ['100 names, times faster than certbot without checks', ratio('certbot', 'quoin', 100), '4'],
    ['`--version`, times an empty Node script', (version / empty).toFixed(2), 'at most 1.5'],
    ['`--help`, times an empty Node script', (help / empty).toFixed(2), 'at most 1.5'],
    [
      `${count} stored certificates, none due, times reading their files`,
      (check.quoin / check.reading).toFixed(2),
      'at most 1.5',
    ],
    [`certificates a minute, ${count} due in one process`, slowest.toFixed(0), '600 or more'],
  ];
  return [line(['', 'measured', 'wanted']), line(['---', '---:', '---']), ...rows.map((row) => line(row)), ''];
}

/** What a further name adds, from 10 names to 100. */
function growth(results: Results): string[] {
  const cells = clients.flatMap((client) =>
    client.dns.map((dns) => {
      const perName = (wallOf(results, client.name, dns, 100) - wallOf(results, client.name, dns, 10)) / 90;
      return line([client.name, dns, Number.isNaN(perName) ? '-' : (perName * 1000).toFixed(1)]);
    }),
  );
  return [line(['', 'DNS', 'ms for each further name']), line(['---', '---', '---:']), ...cells, ''];
}

/** A store of many certificates. */
function many({ many: { count, check, renewals, lego } }: Results): string[] {
  const ms = (seconds: number) => `${(seconds * 1000).toFixed(0)} ms`;
  const rows = renewals.map(({ count: size, parallel, perMinute, cpu, memory }) =>
    line([`${size} certificates, ${parallel} at a time`, perMinute.toFixed(0), cpu.toFixed(1), memory.toFixed(0)]),
  );
  const peers = lego
    ? [line([`lego, one after another in each of ${lego.processes} processes`, lego.perMinute.toFixed(0), '-', '-'])]
    : [];
  return [
    `To find that of ${count} certificates none is due takes \`quoin renew\` ${ms(check.quoin)}; a Node script that reads the same files takes`,
    `${ms(check.reading)}, and one that does nothing ${ms(check.empty)}. Renewed in one process, against \`quoin sandbox\` on the same two cores:`,
    '',
    line(['', 'a minute', 'CPU of quoin, s', 'peak memory, MiB']),
    line(['---', '---:', '---:', '---:']),
    ...rows,
    ...peers,
    '',
  ];
}

/** docs/performance.md. */
export function page(results: Results): string {
  const { rows, start, seconds } = results;
  const [cpu] = cpus();
  const milliseconds = (value: number) => `${(value * 1000).toFixed(0)} ms`;
  const versions = clients.map(
    (client) =>
      `- **${client.name}** ${client.version()}; ${client.checks ? 'asks the authoritative server for every value' : 'told not to wait, checks nothing'}`,
  );
  const runs = rows.filter(({ runs }) => runs && runs > 1).map(({ client }) => client.name);
  return [
    '<!-- Written by `npm run bench`; do not edit. -->',
    '# Performance',
    '',
    'From an empty folder to a stored certificate, account registration included, against Pebble on loopback, which validates by',
    'real DNS queries. One run of the bench made all numbers of this page.',
    '',
    '## In short',
    '',
    ...ratios(results),
    `An empty Node script takes ${milliseconds(start.empty)}, \`quoin --version\` ${milliseconds(start.version)}, \`quoin --help\` ${milliseconds(start.help)}.`,
    '',
    '## Growth',
    '',
    ...growth(results),
    '## Many certificates',
    '',
    ...many(results),
    '## All numbers',
    '',
    ...(['BIND', 'PowerDNS'] as const).flatMap((dns) => columns.flatMap((column) => table(results, dns, column))),
    '## How it was measured',
    '',
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} x ${cpu?.model ?? 'unknown'}, Node.js ${process.versions.node}; the bench took ${Math.round(seconds / 60)} minutes.`,
    '',
    ...versions,
    '',
    'The floor (`tools/bench/floor.mjs`) is a bare Node program without error handling that makes the same checks with built-ins only:',
    'what the job itself takes.',
    '',
    "- Servers: Debian 12's Pebble 2.4 without random nonce rejections, pauses or reuse of authorizations; BIND (RFC 2136 with TSIG) or PowerDNS",
    '  (HTTP API, SQLite, caches off), one authoritative server of one zone on port 53, which is also the resolver.',
    `- ${[...new Set(runs)].join(', ')}: medians of 3 to 7 runs where a run takes seconds; longer ones ran once. CPU and memory by GNU time (\`wait4\`), ACME requests from`,
    "  Pebble's log, DNS messages from BIND's query log without those of Pebble; PowerDNS's counter less three for each name, Pebble's own.",
    '- lego sleeps nearly all of the time, so its cases ran beside the others, each with servers of its own. It is given `RFC2136_SEQUENCE_INTERVAL=0`;',
    '  its default waits 60 s after each name. certbot uses its rfc2136 plugin with a propagation time of 0 s; uacme and dehydrated call nsupdate in a hook.',
    "- certbot, uacme and dehydrated do not talk to PowerDNS's API by themselves and are measured with BIND only.",
    '- Peers run in a mount namespace where the lab is in /etc/hosts (lego looks name servers up with the system) and its root is trusted (uacme).',
    '',
    'Again: `tools/install-lab.sh --bench && npm run bench` (root; `-- --quick` for a first look).',
    '',
  ].join('\n');
}
