import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchLab, Dns } from './lab.ts';

export interface Job {
  readonly lab: BenchLab;
  readonly names: readonly string[];
  /** Empty: the account is registered too. */
  readonly folder: string;
}

export interface Command {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Client {
  readonly name: string;
  readonly dns: readonly Dns[];
  /** Whether it asks the authoritative servers before it tells the CA. */
  readonly checks: boolean;
  /** Mostly asleep: measured beside the others, at most this many times. */
  readonly slow?: boolean;
  readonly version: () => string;
  command(job: Job): Command;
}

const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const email = 'bench@example.test';
const said =
  (program: string, ...args: string[]) =>
  () =>
    execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
      .trim()
      .split('\n')[0] ?? '';
const packaged = (name: string) => said('dpkg-query', '-W', '-f', '$' + '{Version}', name);
const each = (flag: string, names: readonly string[]) => names.flatMap((name) => [flag, name]);
const rfc2136 = ({ resolver, tsig }: BenchLab) => ({
  RFC2136_NAMESERVER: resolver,
  RFC2136_TSIG_KEY: tsig.name,
  RFC2136_TSIG_SECRET: tsig.secret,
  RFC2136_TSIG_ALGORITHM: tsig.algorithm,
});
const credentials = (lab: BenchLab): Record<string, string> =>
  lab.pdns ? { PDNS_API_URL: lab.pdns.url, PDNS_API_KEY: lab.pdns.apiKey } : rfc2136(lab);
const code = (lab: BenchLab) => (lab.pdns ? 'pdns' : 'rfc2136');
const hookEnv = ({ resolver, tsig }: BenchLab) => ({
  BENCH_SERVER: resolver.replace(':', ' '),
  BENCH_KEY: `${tsig.algorithm}:${tsig.name}:${tsig.secret}`,
});
/** Register first, then issue, as one command. */
const both = (first: readonly string[], second: readonly string[]) => [
  'sh',
  '-c',
  `${first.map(quoted).join(' ')} && exec ${second.map(quoted).join(' ')}`,
];
const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

export const clients: readonly Client[] = [
  {
    name: 'floor',
    dns: ['BIND', 'PowerDNS'],
    checks: true,
    version: () => `Node.js ${process.versions.node}, built-ins only`,
    command: ({ lab, names, folder }) => ({
      argv: [process.execPath, path('floor.mjs')],
      env: {
        FLOOR: JSON.stringify({
          ...{ directory: lab.directoryUrl, caFile: lab.caFile, names, zone: lab.zone, folder, email },
          ...{ resolver: lab.resolver, tsig: lab.tsig, pdns: lab.pdns },
        }),
      },
    }),
  },
  {
    name: 'quoin',
    dns: ['BIND', 'PowerDNS'],
    checks: true,
    version: said(process.execPath, path('../../bin/quoin.js'), '--version'),
    command: ({ lab, names, folder }) => ({
      argv: [
        ...[process.execPath, path('../../bin/quoin.js'), 'run', '--server', lab.directoryUrl, '--accept-tos'],
        ...['--ca-certificates', lab.caFile, '--email', email, '--path', folder, '--dns', code(lab)],
        ...['--dns.resolvers', lab.resolver, ...each('-d', names)],
      ],
      env: credentials(lab),
    }),
  },
  {
    name: 'lego',
    dns: ['BIND', 'PowerDNS'],
    checks: true,
    slow: true,
    version: packaged('lego'),
    command: ({ lab, names, folder }) => ({
      argv: [
        ...['lego', '--server', lab.directoryUrl, '--accept-tos', '--email', email, '--path', folder],
        ...['--dns', code(lab), '--dns.resolvers', lab.resolver, ...each('-d', names), 'run'],
      ],
      // Its default waits 60 s between two names of a zone.
      env: { ...credentials(lab), LEGO_CA_CERTIFICATES: lab.caFile, RFC2136_SEQUENCE_INTERVAL: '0' },
    }),
  },
  {
    name: 'certbot',
    dns: ['BIND'],
    checks: false,
    version: packaged('certbot'),
    command({ lab, names, folder }) {
      const ini = join(folder, 'rfc2136.ini');
      const { tsig } = lab;
      const settings = { server: lab.resolver.replace(':53', ''), name: tsig.name, secret: tsig.secret };
      const all = Object.entries({ ...settings, algorithm: tsig.algorithm.toUpperCase() });
      writeFileSync(ini, all.map(([name, value]) => `dns_rfc2136_${name} = ${value}\n`).join(''), { mode: 0o600 });
      return {
        argv: [
          ...['certbot', 'certonly', '-n', '--agree-tos', '-m', email, '--server', lab.directoryUrl],
          ...['--dns-rfc2136', '--dns-rfc2136-credentials', ini, '--dns-rfc2136-propagation-seconds', '0'],
          ...['--config-dir', folder, '--work-dir', folder, '--logs-dir', folder, '--key-type', 'ecdsa'],
          ...each('-d', names),
        ],
        env: { REQUESTS_CA_BUNDLE: lab.caFile },
      };
    },
  },
  {
    name: 'uacme',
    dns: ['BIND'],
    checks: false,
    version: packaged('uacme'),
    command({ lab, names, folder }) {
      const common = ['uacme', '-a', lab.directoryUrl, '-c', folder, '-y'];
      const issue = [...common, '-t', 'EC', '-h', path('hook.sh'), 'issue', ...names];
      return { argv: both([...common, 'new', email], issue), env: hookEnv(lab) };
    },
  },
  {
    name: 'dehydrated',
    dns: ['BIND'],
    checks: false,
    version: packaged('dehydrated'),
    command({ lab, names, folder }) {
      const config = join(folder, 'config');
      const settings = [
        ...[`CA="${lab.directoryUrl}"`, 'CHALLENGETYPE=dns-01', `HOOK="${path('hook.sh')}"`, 'HOOK_CHAIN=yes'],
        ...[`BASEDIR="${folder}"`, 'KEY_ALGO=prime256v1', `CURL_OPTS="--cacert ${lab.caFile}"`],
      ];
      writeFileSync(config, `${settings.join('\n')}\n`);
      const common = ['dehydrated', '-f', config];
      const issue = [...common, '-c', ...each('-d', names)];
      return { argv: both([...common, '--register', '--accept-terms'], issue), env: hookEnv(lab) };
    },
  },
];
