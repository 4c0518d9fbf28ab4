import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeStore, nameOf } from './store.ts';

/** What a store of many certificates takes: to find that nothing is due, and to renew all of it in one process. */
export interface ManyResults {
  readonly count: number;
  /** Seconds, medians. */
  readonly check: { readonly empty: number; readonly reading: number; readonly quoin: number };
  readonly renewals: readonly Renewals[];
  readonly lego: { readonly processes: number; readonly perMinute: number } | undefined;
}

interface Renewals {
  readonly count: number;
  readonly parallel: number;
  readonly perMinute: number;
  /** MiB, of the one process. */
  readonly memory: number;
  /** Seconds of user and system time. */
  readonly cpu: number;
}

const quoin = fileURLToPath(new URL('../../bin/quoin.js', import.meta.url));
const reader = fileURLToPath(new URL('./read-store.mjs', import.meta.url));
const ZONE = 'example.test';
const PROCESSES = 4;
const LEGO_EACH = 4;

const middle = (all: number[]) => all.sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;

export async function measureMany(count: number, rounds: number): Promise<ManyResults> {
  const folder = mkdtempSync(join(tmpdir(), 'quoin-many-'));
  try {
    const check = await measureCheck(join(folder, 'fresh'), count, rounds);
    const sandbox = await startSandbox(folder);
    try {
      const renewals: Renewals[] = [];
      const wanted = [
        [Math.round(count / 4), 4],
        [count, 4],
        [count, 16],
      ] as const;
      for (const [size, parallel] of wanted)
        renewals.push(await renewAll(join(folder, `due-${size}-${parallel}`), size, parallel, sandbox.environment));
      return { count, check, renewals, lego: await measureLego(folder, sandbox.environment) };
    } finally {
      await sandbox.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A Node script that does nothing; one that reads the same files; and `quoin renew`, which knows them from an earlier run. */
async function measureCheck(root: string, count: number, rounds: number): Promise<ManyResults['check']> {
  const directoryUrl = 'https://127.0.0.1:1/directory';
  await makeStore(root, {
    count,
    zone: ZONE,
    ageDays: 10,
    directoryUrl,
    accountId: 'noemail@example.com',
    dns: 'exec',
  });
  const renew = [quoin, 'renew', '--path', root, '--max-wait', '0s'];
  const run = (args: readonly string[]): number => {
    const started = performance.now();
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0 || (args === renew && !stdout.startsWith(`${count} certificates are not due`)))
      throw new Error(`${args.join(' ')} ended with ${status}: ${stdout}`);
    return (performance.now() - started) / 1000;
  };
  run(renew); // Asks a CA that is not there, and notes when to ask again.
  const times = { empty: [] as number[], reading: [] as number[], quoin: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    times.empty.push(run(['--input-type=module', '-e', '']));
    times.reading.push(run([reader, root]));
    times.quoin.push(run(renew));
  }
  return { empty: middle(times.empty), reading: middle(times.reading), quoin: middle(times.quoin) };
}

type Environment = Readonly<Record<string, string>>;

async function startSandbox(folder: string): Promise<{ environment: Environment; stop(): Promise<unknown> }> {
  const child = spawn(process.execPath, [quoin, 'sandbox', '--json', '--quiet', '--zone', ZONE], {
    env: { ...process.env, XDG_RUNTIME_DIR: '', TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let text = '';
  for await (const chunk of child.stdout) {
    text += chunk;
    if (text.endsWith('}\n')) break;
  }
  child.stdout.resume();
  const { environment } = JSON.parse(text) as { environment: Environment };
  return {
    environment,
    stop() {
      child.kill('SIGINT');
      return ended;
    },
  };
}

/** All certificates of a store are due, and its account is registered on the way. */
async function renewAll(root: string, count: number, parallel: number, environment: Environment): Promise<Renewals> {
  const directoryUrl = environment.QUOIN_SANDBOX_DIRECTORY ?? '';
  await makeStore(root, {
    count,
    zone: ZONE,
    ageDays: 80,
    directoryUrl,
    accountId: 'noemail@example.com',
    dns: 'rfc2136',
  });
  const args = [
    'renew',
    '--path',
    root,
    '-a',
    '--no-random-sleep',
    '--ari-disable',
    '--parallel',
    String(parallel),
    '--json',
  ];
  const { wall, stdout, cpu, memory } = await timed([process.execPath, quoin, ...args], environment, root);
  const { summary } = JSON.parse(stdout) as { summary: { renewed: number } };
  if (summary.renewed !== count) throw new Error(`${summary.renewed} of ${count} certificates were renewed`);
  return { count, parallel, perMinute: (count / wall) * 60, cpu, memory };
}

async function timed(argv: readonly string[], environment: Environment, folder: string) {
  const report = join(folder, 'time.txt');
  const child = spawn('/usr/bin/time', ['-q', '-f', '%U %S %M', '-o', report, ...argv], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const started = performance.now();
  const code = new Promise((resolve) => child.once('close', resolve));
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    stdout += chunk;
  });
  const status = await code;
  const wall = (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}`);
  const [user = 0, system = 0, kilobytes = 0] = readFileSync(report, 'utf8').trim().split(' ').map(Number);
  return { wall, stdout, cpu: user + system, memory: kilobytes / 1024 };
}

/** lego knows one certificate in a process: several processes one after another, several such rows side by side. */
async function measureLego(folder: string, environment: Environment): Promise<ManyResults['lego']> {
  if (spawnSync('which', ['lego']).status !== 0) return undefined;
  const { QUOIN_SANDBOX_DIRECTORY: server = '', QUOIN_SANDBOX_DNS: dns = '' } = environment;
  const flags = ['--server', server, '-a', '-m', 'bench@example.test', '--dns', 'rfc2136', '--dns.resolvers', dns];
  const row = async (process: number) => {
    const path = join(folder, `lego-${process}`);
    for (let index = 0; index < LEGO_EACH; index += 1) {
      const name = nameOf(process * LEGO_EACH + index, ZONE);
      await timed(['lego', '--path', path, ...flags, '--dns.disable-cp', '-d', name, 'run'], environment, folder);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: PROCESSES }, (_, process) => row(process)));
  const minutes = (performance.now() - started) / 60_000;
  return { processes: PROCESSES, perMinute: (PROCESSES * LEGO_EACH) / minutes };
}
