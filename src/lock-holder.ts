import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { errorCode } from './files.ts';

/** Who holds a lock, in enough detail to tell whether it still lives. All but the first three are known on Linux only. */
export interface Holder {
  /** Of this one acquisition; never used twice. */
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** When the process started, in clock ticks since boot: a process id alone may have been used again. */
  readonly started?: string;
  readonly boot?: string;
  /** The PID namespace: containers number their processes on their own. */
  readonly space?: string;
  readonly machine?: string;
}

const attempted = (read: () => string): string | undefined => {
  try {
    return read().trim() || undefined;
  } catch {
    return undefined;
  }
};
const contentOf = (path: string): string | undefined => attempted(() => readFileSync(path, 'utf8'));

/** proc_pid_stat(5), from field 3 on; what stands in front may hold spaces, but ends with the last parenthesis. */
const statOf = (pid: number): string[] =>
  contentOf(`/proc/${pid}/stat`)?.replace(/^.*\)/su, '').trim().split(' ') ?? [];

const describe = (): Omit<Holder, 'token'> => {
  const facts = {
    started: statOf(process.pid)[19],
    boot: contentOf('/proc/sys/kernel/random/boot_id'),
    space: attempted(() => readlinkSync('/proc/self/ns/pid')),
    machine: contentOf('/etc/machine-id'),
  };
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  return { pid: process.pid, host: hostname(), ...Object.fromEntries(known) };
};
let self: Omit<Holder, 'token'> | undefined;
export function thisProcess(): Omit<Holder, 'token'> {
  self ??= describe();
  return self;
}

/** `unknown`: it runs where this process cannot look, on another host or in another container. */
export function stateOf(holder: Holder, own: Omit<Holder, 'token'> = thisProcess()): 'alive' | 'dead' | 'unknown' {
  const sameHost = holder.host === own.host;
  if (holder.boot !== own.boot || holder.space !== own.space) {
    const rebooted = sameHost && holder.space === own.space && holder.machine && holder.machine === own.machine;
    return rebooted ? 'dead' : 'unknown';
  }
  if (holder.boot === undefined && !sameHost) return 'unknown';
  return isRunning(holder) ? 'alive' : 'dead';
}

function isRunning({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false;
  }
  const stat = statOf(pid);
  // Processes of others can be hidden (hidepid), and then that the id is in use has to do.
  if (stat.length === 0) return true;
  const [state = ''] = stat;
  return !/^[ZX]/u.test(state) && (started === undefined || started === stat[19]);
}

/** What a lock file says; one that says nothing sensible is of an unknown holder, and ages like another host's. */
export function readHolder(path: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const value = JSON.parse(text) as Holder;
    if (/^[\w-]+$/u.test(value.token) && value.pid > 0 && typeof value.host === 'string') return value;
  } catch {
    // Told below.
  }
  return { token: createHash('sha256').update(`${path}\n${text}`).digest('hex'), pid: 0, host: 'an unknown host' };
}
