import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmdirSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { storageError } from './files.ts';
import type { Log } from './log.ts';

export interface Lock {
  release(): Promise<void>;
}

interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** When the process started, in the kernel's own unit; a process id alone may have been used again. */
  readonly started?: string;
  readonly boot?: string;
}

const HEARTBEAT_MS = 5_000;
/** A holder on another host cannot be looked at; it is taken for dead when it has been silent for so long. */
const SILENT_MS = 60_000;
/** The guard below is held for microseconds; one that is older belongs to a process that died in that moment. */
const GUARD_MS = 10_000;
const FIRST_LOOK_MS = 20;
const LONGEST_LOOK_MS = 500;

const firstLine = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
};
const bootId = () => firstLine('/proc/sys/kernel/random/boot_id');
/** Field 22 of /proc/PID/stat; what stands in front of it may hold spaces, but ends with the last parenthesis. */
const startOf = (pid: number) => firstLine(`/proc/${pid}/stat`)?.replace(/^.*\)/su, '').trim().split(' ')[19];

function isAlive({ pid, host, started, boot }: Holder, path: string): boolean {
  if (host !== hostname()) return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < SILENT_MS;
  if (boot !== undefined && boot !== bootId()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return started === undefined || started === startOf(pid);
}

function readHolder(path: string): Holder | undefined {
  const text = firstLine(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return { token: text, pid: 0, host: '' }; // Not ours; it ages like the lock of another host.
  }
}

/** Puts our lock file in its place if there is none; a hard link either appears whole or not at all. */
function place(path: string, mine: Holder): boolean {
  const draft = `${path}.${mine.token}`;
  try {
    writeFileSync(draft, JSON.stringify(mine), { mode: 0o600, flag: 'wx' });
    try {
      linkSync(draft, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      unlinkSync(draft);
    }
  } catch (error) {
    throw storageError('lock', path, error);
  }
}

/**
 * Replaces the lock of a dead holder by ours. Only who holds the guard folder removes locks of others, and looks again
 * before: so nobody can remove a lock that was taken over a moment earlier.
 */
function takeOver(path: string, dead: Holder, mine: Holder): boolean {
  const guard = `${path}.guard`;
  try {
    mkdirSync(guard, { mode: 0o700 });
  } catch {
    const age = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > GUARD_MS) rmdirSync(guard);
    return false;
  }
  try {
    if (readHolder(path)?.token !== dead.token) return false;
    unlinkSync(path);
    return place(path, mine);
  } finally {
    rmdirSync(guard);
  }
}

function attempt(path: string): Lock | Holder {
  const started = startOf(process.pid);
  const boot = bootId();
  const mine: Holder = {
    token: randomUUID(),
    pid: process.pid,
    host: hostname(),
    ...(started ? { started } : {}),
    ...(boot ? { boot } : {}),
  };
  const holder = readHolder(path);
  const got = holder === undefined ? place(path, mine) : !isAlive(holder, path) && takeOver(path, holder, mine);
  return got ? held(path, mine) : (readHolder(path) ?? mine);
}

function held(path: string, mine: Holder): Lock {
  const heartbeat = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(path, now, now);
    } catch {
      // Gone or unwritable: nothing that a heartbeat could mend.
    }
  }, HEARTBEAT_MS).unref();
  return {
    async release() {
      clearInterval(heartbeat);
      if (readHolder(path)?.token === mine.token) unlinkSync(path);
    },
  };
}

const isLock = (found: Lock | Holder): found is Lock => 'release' in found;

/** Takes the lock, or says by `undefined` that a living process holds it. */
export async function tryLock(path: string): Promise<Lock | undefined> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // Twice, since losing a race for a dead holder's lock once does not mean that a living process has it.
  for (const _ of [1, 2]) {
    const found = attempt(path);
    if (isLock(found)) return found;
    if (isAlive(found, path)) return undefined;
    await sleep(FIRST_LOOK_MS);
  }
  return undefined;
}

/** Takes the lock as soon as its holder lets go or dies. Rejects with the signal's reason when that fires first. */
export async function acquireLock(
  path: string,
  { what, log, signal }: { readonly what: string; readonly log: Log; readonly signal: AbortSignal },
): Promise<Lock> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  for (let wait = FIRST_LOOK_MS; ; wait = Math.min(wait * 1.5, LONGEST_LOOK_MS)) {
    signal.throwIfAborted();
    const found = attempt(path);
    if (isLock(found)) return found;
    if (wait > 100) log.waiting(`waiting for ${what}, in use by process ${found.pid} on ${found.host}`);
    await sleep(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
