import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Real servers on loopback, each lab with ports and a folder of its own. */
export interface Lab {
  readonly folder: string;
  readonly directoryUrl: string;
  readonly caFile: string;
  /** Where BIND answers, as the only resolver and the authoritative server of every zone. */
  readonly dnsPort: number;
  /** Environment of the pdns provider, in a lab with PowerDNS. */
  readonly pdnsEnv: Readonly<Record<string, string>>;
  readonly tsig: Tsig;
  /** Of each zone, in a lab where each has its own; else all are `tsig`. */
  readonly keys: Readonly<Record<string, Tsig>>;
  /** The TXT values that the DNS server shows right now. */
  txt(name: string, server?: string): string[];
  pebbleLog(): string;
  /** What Pebble 2.10 answers when it is asked when to renew this certificate (RFC 9773). */
  suggestRenewal(certificatePem: string, start: Date, end: Date): Promise<void>;
  /** Pauses and continues the DNS server. */
  dns: { kill(signal: NodeJS.Signals): void };
  stop(): Promise<void>;
}

export interface Tsig {
  readonly name: string;
  readonly secret: string;
  readonly algorithm: string;
}

export interface LabOptions {
  readonly zones?: readonly string[];
  /** More lines for the first zone's file. */
  readonly records?: string;
  readonly nonceReject?: number;
  readonly authzReuse?: number;
  /** Roots of Pebble besides the first one, each with a chain of its own. */
  readonly alternateRoots?: number;
  readonly eab?: { readonly kid: string; readonly hmac: string };
  /** Knot on 127.0.0.2 as a second name server of the first zone, which hears of changes only by its own refresh. */
  readonly secondary?: boolean;
  /** PowerDNS instead of BIND as the server of the zones, and of Pebble. */
  readonly pdns?: boolean;
  /** Zones of a PowerDNS on 127.0.0.3, which BIND forwards to. */
  readonly pdnsZones?: readonly string[];
  /** Each zone of BIND can be changed with a key of its own only. */
  readonly ownKeys?: boolean;
  /** Of the TSIG key. */
  readonly algorithm?: string;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Unpacked from Debian sid by tools/install-lab.sh, where that went well. */
export const NEW_PEBBLE = join(homedir(), '.cache/quoin-lab/pebble/usr/bin/pebble');
const pebbleProgram = (): string => (existsSync(NEW_PEBBLE) ? NEW_PEBBLE : 'pebble');

const isThere = (program: string): boolean => {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** `describe` where all programs are there. In CI they must be; elsewhere the reason for skipping is printed. */
export function describeWith(programs: readonly string[], title: string, body: () => void): void {
  const missing = programs.filter((program) => !isThere(program));
  if (missing.length === 0) describe(title, body);
  else if (process.env.CI) {
    it(title, () => {
      throw new Error(`${missing.join(', ')} must be installed in CI: tools/install-lab.sh`);
    });
  } else {
    process.stderr.write(`SKIPPED ${title}: ${missing.join(', ')} not installed (tools/install-lab.sh)\n`);
    describe.skip(title, body);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function until(what: string, test: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i += 1) {
    if (await test()) return;
    await sleep(50);
  }
  throw new Error(`${what} did not come up`);
}

function dig(port: number, type: string, name: string, server = '127.0.0.1'): string {
  try {
    return execFileSync('dig', ['+short', '+tries=1', '+time=1', '-p', String(port), `@${server}`, type, name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return '';
  }
}

export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const { zones = ['example.test'], nonceReject = 0, authzReuse = 0, alternateRoots = 0, eab } = options;
  const secondRecords = options.secondary ? '@ NS ns2\nns2 A 127.0.0.2' : '';
  const records = [options.records ?? '', secondRecords].join('\n');
  const folder = mkdtempSync(join(tmpdir(), 'quoin-lab-'));
  const children: ChildProcess[] = [];
  const start = (program: string, args: string[], env: Record<string, string> = {}): ChildProcess => {
    const log = join(folder, `${program.split('/').at(-1)}.log`);
    writeFileSync(log, '');
    const child = spawn('sh', ['-c', 'log=$1; shift; exec "$@" >>"$log" 2>&1', 'sh', log, program, ...args], {
      env: { ...process.env, ...env },
    });
    children.push(child);
    return child;
  };
  const stop = async () => {
    for (const child of children) {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
    }
    await Promise.all(children.map((child) => child.exitCode ?? new Promise((resolve) => child.once('exit', resolve))));
    rmSync(folder, { recursive: true, force: true });
  };

  try {
    const [dnsPort, acmePort, managementPort] = await Promise.all([freePort(), freePort(), freePort()]);
    const newKey = (name: string): Tsig => ({
      name,
      secret: randomBytes(32).toString('base64'),
      algorithm: options.algorithm ?? 'hmac-sha256',
    });
    const tsig = newKey('lab-key');
    const keys = Object.fromEntries(zones.map((zone) => [zone, options.ownKeys ? newKey(`${zone}-key`) : tsig]));
    const { pdnsZones = options.pdns ? zones : [] } = options;
    const beside = options.pdns ? '127.0.0.1' : '127.0.0.3';
    const pdnsEnv = pdnsZones.length > 0 ? await startPowerDns(folder, beside, dnsPort, pdnsZones, start) : {};
    const forwards = pdnsZones.map((zone) => ({ zone, to: `${beside} port ${dnsPort}` }));
    const named = options.pdns ? undefined : startNamed(folder, dnsPort, keys, records, forwards, start);
    await until('the DNS server', () => dig(dnsPort, 'SOA', zones[0] ?? '') !== '');
    if (options.secondary) {
      startKnot(folder, dnsPort, zones[0] ?? '', start);
      await until('knot', () => dig(dnsPort, 'SOA', zones[0] ?? '', '127.0.0.2') !== '');
    }

    execFileSync(
      'openssl',
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=quoin-lab -addext subjectAltName=IP:127.0.0.1 -keyout ${folder}/key.pem -out ${folder}/ca.pem`.split(
        ' ',
      ),
      { stdio: 'ignore' },
    );
    writeFileSync(
      join(folder, 'pebble.json'),
      JSON.stringify({
        pebble: {
          listenAddress: `127.0.0.1:${acmePort}`,
          managementListenAddress: `127.0.0.1:${managementPort}`,
          certificate: join(folder, 'ca.pem'),
          privateKey: join(folder, 'key.pem'),
          httpPort: 5002,
          tlsPort: 5001,
          ocspResponderURL: '',
          externalAccountBindingRequired: eab !== undefined,
          ...(eab ? { externalAccountMACKeys: { [eab.kid]: eab.hmac } } : {}),
        },
      }),
    );
    start(pebbleProgram(), ['-config', join(folder, 'pebble.json'), '-dnsserver', `127.0.0.1:${dnsPort}`], {
      PEBBLE_VA_NOSLEEP: '1',
      PEBBLE_WFE_NONCEREJECT: String(nonceReject),
      PEBBLE_AUTHZREUSE: String(authzReuse),
      PEBBLE_ALTERNATE_ROOTS: String(alternateRoots),
    });
    const pebbleLog = () => readFileSync(join(folder, 'pebble.log'), 'utf8');
    await until('pebble', () => pebbleLog().includes('ACME directory available'));
    return {
      folder,
      async suggestRenewal(certificatePem, start, end) {
        const ca = readFileSync(join(folder, 'ca.pem'));
        const body = JSON.stringify({
          Certificate: certificatePem.slice(0, certificatePem.indexOf('-----END CERTIFICATE-----') + 26),
          ARIResponse: JSON.stringify({ suggestedWindow: { start: start.toISOString(), end: end.toISOString() } }),
        });
        const url = `https://127.0.0.1:${managementPort}/set-renewal-info/`;
        const said = await new Promise((resolve, reject) => {
          const asked = request(url, { method: 'POST', ca, headers: { 'user-agent': 'test' } }, (answer) => {
            let text = '';
            answer.on('data', (chunk) => (text += chunk)).on('end', () => resolve(`${answer.statusCode} ${text}`));
          });
          asked.on('error', reject).end(body);
        });
        if (!/^20\d/u.test(String(said))) throw new Error(`Pebble's management answered ${said}`);
      },
      directoryUrl: `https://127.0.0.1:${acmePort}/dir`,
      caFile: join(folder, 'ca.pem'),
      dnsPort,
      tsig,
      keys,
      pdnsEnv,
      txt: (name, server) =>
        dig(dnsPort, 'TXT', name, server)
          .split('\n')
          .filter(Boolean)
          .map((line) => line.replaceAll('"', ''))
          .sort(),
      pebbleLog,
      dns: { kill: (signal) => void named?.kill(signal) },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startNamed(
  folder: string,
  port: number,
  keys: Lab['keys'],
  records: string,
  forwards: readonly { readonly zone: string; readonly to: string }[],
  start: Start,
): ChildProcess {
  const home = join(folder, 'named');
  mkdirSync(home);
  const config = [
    `options { directory "${home}"; listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; recursion yes; allow-recursion { any; }; forward only; forwarders { 127.0.0.1 port 1; };`,
    `  pid-file "${home}/pid"; session-keyfile "${home}/session"; dnssec-validation no; querylog yes; };`,
    'controls { };',
    ...[...new Set(Object.values(keys))].map(
      ({ name, algorithm, secret }) => `key "${name}" { algorithm ${algorithm}; secret "${secret}"; };`,
    ),
    ...Object.entries(keys).map(
      ([zone, { name }]) => `zone "${zone}" { type primary; file "${zone}.db"; allow-update { key "${name}"; }; };`,
    ),
    ...forwards.map(({ zone, to }) => `zone "${zone}" { type forward; forward only; forwarders { ${to}; }; };`),
  ];
  Object.keys(keys).forEach((zone, index) => {
    const lines = [
      '$TTL 60',
      '@ SOA ns1 host 1 5 5 600 1',
      '@ NS ns1',
      'ns1 A 127.0.0.1',
      '_acme-challenge TXT "someone-else"',
    ];
    writeFileSync(join(home, `${zone}.db`), `${[...lines, index === 0 ? records : ''].join('\n')}\n`);
  });
  writeFileSync(join(home, 'named.conf'), `${config.join('\n')}\n`);
  return start('named', ['-g', '-c', join(home, 'named.conf')]);
}

type Start = (program: string, args: string[]) => ChildProcess;

/** Never notified (BIND notifies port 53), so it lags behind by its refresh interval: up to 5 s. */
function startKnot(folder: string, port: number, zone: string, start: Start): ChildProcess {
  const home = join(folder, 'knot');
  mkdirSync(home);
  const config = [
    'server:',
    `  listen: 127.0.0.2@${port}`,
    `  rundir: ${home}`,
    `database:\n  storage: ${home}`,
    `remote:\n  - id: primary\n    address: 127.0.0.1@${port}`,
    `zone:\n  - domain: ${zone}\n    storage: ${home}\n    master: primary\n    journal-content: none\n    zonefile-sync: -1`,
  ];
  writeFileSync(join(home, 'knot.conf'), `${config.join('\n')}\n`);
  return start('/usr/sbin/knotd', ['-c', join(home, 'knot.conf')]);
}

async function startPowerDns(folder: string, address: string, port: number, zones: readonly string[], start: Start) {
  const apiPort = await freePort();
  const database = join(folder, 'pdns.sqlite3');
  const key = randomBytes(12).toString('hex');
  const schema = '/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql';
  const other = '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql';
  execFileSync('sqlite3', [database, `.read ${existsSync(other) ? other : schema}`]);
  const settings = {
    'config-dir': folder,
    'socket-dir': folder,
    launch: 'gsqlite3',
    'gsqlite3-database': database,
    'local-address': address,
    'local-port': port,
    webserver: 'yes',
    'webserver-address': '127.0.0.1',
    'webserver-port': apiPort,
    api: 'yes',
    'api-key': key,
    daemon: 'no',
    guardian: 'no',
    'cache-ttl': 0,
    'query-cache-ttl': 0,
    'negquery-cache-ttl': 0,
    'zone-cache-refresh-interval': 0,
  };
  start(
    '/usr/sbin/pdns_server',
    Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
  );
  const base = `http://127.0.0.1:${apiPort}`;
  const post = (body: object) =>
    fetch(`${base}/api/v1/servers/localhost/zones`, {
      method: 'POST',
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  for (const zone of zones) {
    const set = (name: string, type: string, content: string) => ({
      name,
      type,
      ttl: 60,
      records: [{ content, disabled: false }],
    });
    const rrsets = [set(`ns1.${zone}.`, 'A', address), set(`_acme-challenge.${zone}.`, 'TXT', '"someone-else"')];
    const body = { name: `${zone}.`, kind: 'Native', nameservers: [`ns1.${zone}.`], rrsets };
    await until('PowerDNS', () =>
      post(body).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
  }
  return { PDNS_API_URL: base, PDNS_API_KEY: key };
}

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves when this text has been written to stderr. */
  sees(text: string): Promise<void>;
}

/** `bin/quoin.js` as a child process. `npm run build` must have run. */
export function quoin(args: readonly string[], env: Record<string, string>, cwd = tmpdir()): Running {
  const child = spawn(process.execPath, [join(ROOT, 'bin/quoin.js'), ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  const waiting: { text: string; resolve: () => void }[] = [];
  child.stdout!.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr!.on('data', (chunk: Buffer) => {
    stderr += chunk;
    for (const { text, resolve } of waiting) if (stderr.includes(text)) resolve();
  });
  return {
    child,
    finished: new Promise((resolve) =>
      child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr })),
    ),
    sees: (text) =>
      new Promise((resolve, reject) => {
        if (stderr.includes(text)) resolve();
        waiting.push({ text, resolve });
        child.once('close', () => reject(new Error(`quoin ended before it said "${text}":\n${stderr}`)));
      }),
  };
}

export const bindEnv = ({ dnsPort, tsig }: Lab): Record<string, string> => ({
  RFC2136_NAMESERVER: `127.0.0.1:${dnsPort}`,
  RFC2136_TSIG_KEY: tsig.name,
  RFC2136_TSIG_SECRET: tsig.secret,
  RFC2136_TSIG_ALGORITHM: tsig.algorithm,
  QUOIN_DNS_AUTHORITATIVE_PORT: String(dnsPort),
});

/** The arguments that every run in a lab needs. */
export const runArgs = (lab: Lab, path: string, names: readonly string[], ...more: string[]): string[] =>
  argsFor('rfc2136', lab, path, names, ...more);

export const argsFor = (dns: string, lab: Lab, path: string, names: readonly string[], ...more: string[]): string[] => [
  'run',
  ...['--server', lab.directoryUrl, '--ca-certificates', lab.caFile, '--accept-tos', '--email', 'lab@example.test'],
  ...['--path', path, '--dns', dns, '--dns.resolvers', `127.0.0.1:${lab.dnsPort}`],
  ...names.flatMap((name) => ['-d', name]),
  ...more,
];

/** Whether key and certificate on disk belong together, by OpenSSL. */
export function pairMatches(path: string, name: string): boolean {
  const file = join(path, 'certificates', name.replaceAll('*', '_'));
  const publicKey = (...args: string[]) => execFileSync('openssl', args, { encoding: 'utf8' });
  return (
    publicKey('x509', '-in', `${file}.crt`, '-noout', '-pubkey') === publicKey('pkey', '-in', `${file}.key`, '-pubout')
  );
}

export const countIn = (text: string, part: string): number => text.split(part).length - 1;
