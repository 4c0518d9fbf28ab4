import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A server that a lab started. Its output is in a file, to be read by tests and shown when something fails. */
export interface ServerProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  log(): string;
  /** SIGSTOP and SIGCONT: a server that is there and says nothing. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

const PATH = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`;

/** Where a program is installed; undefined when it is not. */
export const programPath = (program: string): string | undefined =>
  PATH.split(delimiter)
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));

export interface ServerOptions {
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Asked until it says yes; ten seconds at most. */
  readonly ready: () => Promise<boolean>;
}

/** Starts a server, and ends it with this process at the latest: the kernel sends the signal, whatever became of us. */
export async function startServer(
  program: string,
  args: readonly string[],
  { folder, env, ready }: ServerOptions,
): Promise<ServerProcess> {
  const logFile = join(folder, `${program.split('/').at(-1)}.log`);
  const output = openSync(logFile, 'a');
  const path = program.startsWith('/') ? program : (programPath(program) ?? program);
  const guard = programPath('setpriv');
  const [command = path, ...rest] = [...(guard ? [guard, '--pdeathsig', 'KILL'] : []), path, ...args];
  const child = spawn(command, rest, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const log = () => readFileSync(logFile, 'utf8');
  const running = () => child.exitCode === null && child.signalCode === null;
  const server: ServerProcess = {
    name: program,
    pid: child.pid ?? 0,
    logFile,
    log,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async stop() {
      if (!running()) return;
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      const slow = setTimeout(() => child.kill('SIGKILL'), 2000);
      await ended;
      clearTimeout(slow);
    },
  };
  await waitUntil(async () => !running() || (await ready()), `${program} answers`, 10_000).catch(async (error) => {
    await server.stop();
    throw new Error(`${(error as Error).message}\n${log()}`);
  });
  if (!running()) throw new Error(`${program} ended at once\n${log()}`);
  return server;
}

/** Polls until the condition holds, and says what did not come true otherwise. */
export async function waitUntil(condition: () => Promise<boolean> | boolean, what: string, timeoutMs = 10_000) {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`);
    await sleep(20);
  }
}

/** A TCP port that is free on this address right now. */
export const freePort = (address = '127.0.0.1'): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, address, () => {
      const bound = probe.address();
      probe.close(() => resolve(typeof bound === 'object' && bound ? bound.port : 0));
    });
  });

/** A self-signed certificate for a loopback address, its own root. */
export function selfSigned(folder: string, address: string): { readonly cert: string; readonly key: string } {
  const [cert, key] = [join(folder, 'server.pem'), join(folder, 'server.key')];
  const subject = ['-subj', '/CN=quoin lab', '-addext', `subjectAltName=IP:${address},DNS:localhost`];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { cert, key };
}
