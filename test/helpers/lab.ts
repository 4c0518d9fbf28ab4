import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  readonly tsig: { readonly name: string; readonly secret: string; readonly algorithm: string };
  /** The TXT values that the DNS server shows right now. */
  txt(name: string): string[];
  pebbleLog(): string;
  /** Pauses and continues the DNS server. */
  dns: { kill(signal: NodeJS.Signals): void };
  stop(): Promise<void>;
}

export interface LabOptions {
  readonly zones?: readonly string[];
  /** More lines for the first zone's file. */
  readonly records?: string;
  readonly nonceReject?: number;
  readonly authzReuse?: number;
  readonly eab?: { readonly kid: string; readonly hmac: string };
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Unpacked from Debian sid by tools/install-lab.sh, where that went well. */
const NEW_PEBBLE = join(homedir(), '.cache/quoin-lab/pebble/usr/bin/pebble');
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

function dig(port: number, type: string, name: string): string {
  try {
    return execFileSync('dig', ['+short', '+tries=1', '+time=1', '-p', String(port), '@127.0.0.1', type, name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return '';
  }
}

export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const { zones = ['example.test'], records = '', nonceReject = 0, authzReuse = 0, eab } = options;
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
    const tsig = { name: 'lab-key', secret: randomBytes(32).toString('base64'), algorithm: 'hmac-sha256' };
    const named = startNamed(folder, dnsPort, tsig, zones, records, start);
    await until('named', () => dig(dnsPort, 'SOA', zones[0]!) !== '');

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
    });
    const pebbleLog = () => readFileSync(join(folder, 'pebble.log'), 'utf8');
    await until('pebble', () => pebbleLog().includes('ACME directory available'));
    return {
      folder,
      directoryUrl: `https://127.0.0.1:${acmePort}/dir`,
      caFile: join(folder, 'ca.pem'),
      dnsPort,
      tsig,
      txt: (name) =>
        dig(dnsPort, 'TXT', name)
          .split('\n')
          .filter(Boolean)
          .map((line) => line.replaceAll('"', ''))
          .sort(),
      pebbleLog,
      dns: { kill: (signal) => void named.kill(signal) },
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
  tsig: Lab['tsig'],
  zones: readonly string[],
  records: string,
  start: (program: string, args: string[]) => ChildProcess,
): ChildProcess {
  const home = join(folder, 'named');
  mkdirSync(home);
  const config = [
    `options { directory "${home}"; listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; recursion yes; allow-recursion { any; }; forward only; forwarders { 127.0.0.1 port 1; };`,
    `  pid-file "${home}/pid"; session-keyfile "${home}/session"; dnssec-validation no; querylog yes; };`,
    'controls { };',
    `key "${tsig.name}" { algorithm ${tsig.algorithm}; secret "${tsig.secret}"; };`,
    ...zones.map(
      (zone) => `zone "${zone}" { type primary; file "${zone}.db"; allow-update { key "${tsig.name}"; }; };`,
    ),
  ];
  zones.forEach((zone, index) => {
    const lines = [
      '$TTL 60',
      '@ SOA ns1 host 1 60 60 600 1',
      '@ NS ns1',
      'ns1 A 127.0.0.1',
      '_acme-challenge TXT "someone-else"',
    ];
    writeFileSync(join(home, `${zone}.db`), `${[...lines, index === 0 ? records : ''].join('\n')}\n`);
  });
  writeFileSync(join(home, 'named.conf'), `${config.join('\n')}\n`);
  return start('named', ['-g', '-c', join(home, 'named.conf')]);
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
export const runArgs = (lab: Lab, path: string, names: readonly string[], ...more: string[]): string[] => [
  'run',
  ...['--server', lab.directoryUrl, '--ca-certificates', lab.caFile, '--accept-tos', '--email', 'lab@example.test'],
  ...['--path', path, '--dns', 'rfc2136', '--dns.resolvers', `127.0.0.1:${lab.dnsPort}`],
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
