import { randomBytes } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isAppError } from '../errors.ts';
import { makeFolder, readJson, writeFileAtomic } from '../files.ts';
import { type Lock, tryLock } from '../lock.ts';
import type { Log } from '../log.ts';
import type { TxtValue } from './session.ts';

/** A TXT value that is, or is about to be, published. Holds no secrets. */
export interface JournalEntry extends TxtValue {
  /** As typed after `--dns`. */
  readonly provider: string;
  readonly identifier: string;
  readonly since: string;
}

interface JournalFile {
  readonly version: number;
  readonly entries: readonly JournalEntry[];
}

/** What one run has published, on disk before it is published, so that a later run can remove it. */
export interface Journal {
  add(entries: readonly JournalEntry[]): Promise<void>;
  /** Forgets entries whose values have been removed. */
  remove(entries: readonly JournalEntry[]): Promise<void>;
  /** Ends the run's part; a file without entries is deleted. */
  close(): Promise<void>;
}

/** What a run left behind that is no longer alive. Held (locked) until `close`, so that two runs do not clean up at once. */
export interface Leftovers extends Pick<Journal, 'remove' | 'close'> {
  readonly entries: readonly JournalEntry[];
}

const VERSION = 1;
const same = (a: JournalEntry, b: JournalEntry): boolean =>
  a.provider === b.provider && a.fqdn === b.fqdn && a.value === b.value;

function fileOf(path: string, lock: Lock, initial: readonly JournalEntry[]): Journal {
  let entries = initial;
  // Written one after the other: the last content must win.
  let queue: Promise<unknown> = Promise.resolve();
  const store = (change: () => readonly JournalEntry[]): Promise<void> => {
    const result = queue.then(async () => {
      entries = change();
      if (entries.length > 0) await writeFileAtomic(path, JSON.stringify({ version: VERSION, entries }));
      else await rm(path, { force: true });
    });
    queue = result.catch(() => {});
    return result;
  };
  return {
    add: (added) => store(() => [...entries, ...added]),
    remove: (removed) => store(() => entries.filter((entry) => !removed.some((other) => same(entry, other)))),
    async close() {
      await queue;
      await lock.release();
    },
  };
}

/** Begins this run's journal. */
export async function openJournal(folder: string): Promise<Journal> {
  await makeFolder(folder);
  const path = join(folder, `${new Date().toISOString().replaceAll(':', '')}-${randomBytes(4).toString('hex')}.json`);
  const lock = await tryLock(`${path}.lock`);
  if (!lock) throw new Error(`${path} is locked although it is new`);
  return fileOf(path, lock, []);
}

/** The journals of runs that are dead; those of living ones are left alone. */
export async function findLeftovers(folder: string, log: Log): Promise<readonly Leftovers[]> {
  const files = await readdir(folder).catch(() => []);
  // A run that died before it wrote anything leaves the lock alone behind.
  const names = new Set(files.flatMap((file) => /^.*\.json(?=$|\.lock$)/u.exec(file) ?? []));
  const found: Leftovers[] = [];
  for (const name of [...names].sort()) {
    const path = join(folder, name);
    const lock = await tryLock(`${path}.lock`);
    if (!lock) continue;
    const file = await readJournal(path, log);
    if (file) found.push({ ...fileOf(path, lock, file.entries), entries: file.entries });
    else await lock.release();
  }
  return found;
}

async function readJournal(path: string, log: Log): Promise<JournalFile | undefined> {
  try {
    const file = await readJson<JournalFile>(path);
    if (file && file.version > VERSION) {
      log.warn(`${path} was written by a newer quoin and is left alone`);
      return undefined;
    }
    return file && Array.isArray(file.entries) ? file : undefined;
  } catch (error) {
    if (!isAppError(error)) throw error;
    log.warn(`${error.message}; it is kept as ${path}.damaged, and TXT records it names may be left in DNS`);
    await rename(path, `${path}.damaged`);
    return undefined;
  }
}
