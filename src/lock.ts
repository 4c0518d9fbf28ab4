import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, linkSync, openSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, makeFolder, namesIn, removeQuietly, storageError } from './files.ts';
import { type Holder, readHolder, stateOf, thisProcess } from './lock-holder.ts';
import type { Log } from './log.ts';

export interface Lock {
  /** Lets go; once is enough, and more often does no harm. */
  release(): Promise<void>;
}

const HEARTBEAT_MS = 5_000;
/** A holder that cannot be looked at (another host) is taken for dead when it has been silent for so long. */
const SILENT_MS = 60_000;
const FIRST_LOOK_MS = 20;
const LONGEST_LOOK_MS = 500;
/** Drafts and claims live for microseconds; what is older was left by a process that died just then. */
const ABANDONED_MS = 10 * 60_000;

/*
 * The lock is the file `path`, holding who has it. It is created by link(2), which fails when the name exists, so the
 * file is there whole or not at all, and of two contenders one wins.
 *
 * A dead holder's lock is never removed to be created anew: between looking and removing, another could have taken it.
 * Instead its successor is `path.<token of the dead>.next`, created by link(2) as well: each holder has one successor
 * at most. A successor may die too, and be succeeded in the same way; the last of this chain has the lock. Tokens are
 * never used twice, and whoever reaches the end of the chain makes itself its beginning, by renaming its claim to `path`.
 * A contender that was asleep meanwhile may still claim a place behind someone who is no longer in the chain; so after
 * claiming it looks whether the chain still begins as it did, and withdraws when not. While the beginning is the
 * same, no link of the chain has been removed, so the claim is then the only one.
 */
const successorOf = (path: string, { token }: Holder): string => `${path}.${token}.next`;

/** The lock, the living process that has it, or undefined when another contender was quicker. */
function attempt(path: string): Lock | Holder | undefined {
  const first = readHolder(path);
  if (!first) return claim(path, path, () => true);
  let last = first;
  let at = path;
  for (;;) {
    const place = successorOf(path, last);
    const next = readHolder(place);
    if (!next) break;
    last = next;
    at = place;
  }
  const state = stateOf(last);
  if (state === 'alive' || (state === 'unknown' && !isSilent(at, path))) return last;
  return claim(successorOf(path, last), path, () => readHolder(path)?.token === first.token);
}

/** Creates `place` with our name in it, and makes it the lock if `stillValid`. */
function claim(place: string, path: string, stillValid: () => boolean): Lock | undefined {
  const mine: Holder = { token: randomUUID(), ...thisProcess() };
  const draft = `${path}.${mine.token}`;
  const handle = openSync(draft, 'wx', 0o600);
  let won = false;
  try {
    writeSync(handle, JSON.stringify(mine));
    try {
      linkSync(draft, place);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return undefined;
      throw error;
    } finally {
      unlinkSync(draft);
    }
    if (!stillValid()) {
      unlinkSync(place);
      return undefined;
    }
    if (place !== path) renameSync(place, path);
    won = true;
    return held(path, mine, handle);
  } finally {
    if (!won) closeSync(handle);
  }
}

/** Whether the file has not been touched for long, by the clock of the file server: hosts' clocks may differ. */
function isSilent(file: string, path: string): boolean {
  const draft = `${path}.${randomUUID()}`;
  const handle = openSync(draft, 'wx', 0o600);
  try {
    const now = fstatSync(handle).mtimeMs;
    const touched = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? now;
    return now - touched > SILENT_MS;
  } finally {
    closeSync(handle);
    unlinkSync(draft);
  }
}

function held(path: string, mine: Holder, handle: number): Lock {
  // Through the handle, so that it can only ever touch our own file, with the time of the file server.
  const heartbeat = setInterval(() => {
    try {
      writeSync(handle, '{', 0);
    } catch {
      // Nothing that a heartbeat could mend.
    }
  }, HEARTBEAT_MS).unref();
  let released = false;
  return {
    async release() {
      if (released) return;
      released = true;
      clearInterval(heartbeat);
      closeSync(handle);
      try {
        if (readHolder(path)?.token === mine.token) unlinkSync(path);
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw storageError('unlock', path, error);
      }
    },
  };
}

const isLock = (found: Lock | Holder): found is Lock => 'release' in found;

async function look(path: string): Promise<Lock | Holder | undefined> {
  let found: Lock | Holder | undefined;
  try {
    await makeFolder(dirname(path));
    found = attempt(path);
  } catch (error) {
    throw storageError('lock', path, error);
  }
  if (found && isLock(found)) await sweep(path);
  return found;
}

/** What processes left that died in the middle of a claim. */
async function sweep(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await namesIn(folder)) {
    if (!name.startsWith(`${basename(path)}.`) || !/\.[0-9a-f-]{36,64}(?:\.next)?$/u.test(name)) continue;
    const left = statSync(join(folder, name), { throwIfNoEntry: false });
    if (left && Date.now() - left.mtimeMs > ABANDONED_MS) await removeQuietly(join(folder, name));
  }
}

/**
 * Takes the lock, or says by `undefined` that a living process holds it. Locks exclude each other within one process
 * too. `StorageError` where the folder cannot be written to.
 */
export async function tryLock(path: string): Promise<Lock | undefined> {
  // Again when a race for a dead holder's lock was lost: only a living holder is a reason to give up.
  for (let tries = 0; tries < 50; tries += 1) {
    const found = await look(path);
    if (found) return isLock(found) ? found : undefined;
    await sleep(Math.random() * FIRST_LOOK_MS);
  }
  return undefined;
}

/**
 * Takes the lock as soon as its holder lets go or dies, and tells whom it waits for. Rejects with the signal's reason
 * when that fires first, and with `StorageError` where the folder cannot be written to.
 */
export async function acquireLock(
  path: string,
  { what, log, signal }: { readonly what: string; readonly log: Log; readonly signal: AbortSignal },
): Promise<Lock> {
  for (let wait = FIRST_LOOK_MS; ; wait = Math.min(wait * 1.5, LONGEST_LOOK_MS)) {
    signal.throwIfAborted();
    const found = await look(path);
    if (found && isLock(found)) return found;
    if (found && wait > 40) log.waiting(`waiting for ${what}, in use by process ${found.pid} on ${found.host}`);
    await sleep(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
