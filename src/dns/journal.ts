import { randomBytes } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isAppError } from '../errors.ts';
import { makeFolder, readIfThere, writeFileAtomic } from '../files.ts';
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
  /** Entries in it. */
  readonly size: number;
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
const keyOf = ({ provider, fqdn, value }: JournalEntry): string => JSON.stringify([provider, fqdn, value]);

function fileOf(path: string, lock: Lock, initial: readonly JournalEntry[]): Journal {
  let entries = initial;
  // Written one after the other: the last content must win. What comes meanwhile is written together.
  let writing: Promise<unknown> = Promise.resolve();
  let next: Promise<void> | undefined;
  const store = (changed: readonly JournalEntry[]): Promise<void> => {
    entries = changed;
    if (next) return next;
    const result = writing.then(async () => {
      next = undefined;
      if (entries.length > 0) await writeFileAtomic(path, JSON.stringify({ version: VERSION, entries }));
      else await rm(path, { force: true });
    });
    next = result;
    writing = result.catch(() => {});
    return result;
  };
  return {
    get size() {
      return entries.length;
    },
    async add(added) {
      try {
        await store([...entries, ...added]);
      } catch (error) {
        // Nobody publishes what could not be written down.
        entries = entries.filter((entry) => !added.includes(entry));
        throw error;
      }
    },
    remove(removed) {
      const gone = new Set(removed.map(keyOf));
      const left = entries.filter((entry) => !gone.has(keyOf(entry)));
      return left.length < entries.length ? store(left) : (next ?? Promise.resolve());
    },
    async close() {
      await writing;
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

/** Entries of one file, which is written anew with every change, and read up to a limit only. */
const FULL = 1000;

/**
 * The journal of all certificates of a process. It begins with the first entry, so that whoever publishes nothing leaves no trace,
 * and goes on in another file while one is full.
 */
export function sharedJournal(folder: string): Journal {
  const files: Journal[] = [];
  let opening: Promise<Journal> | undefined;

  async function withRoom(count: number): Promise<Journal> {
    const found = files.find(({ size }) => size === 0 || size + count <= FULL);
    if (found) return found;
    opening ??= openJournal(folder);
    try {
      const opened = await opening;
      if (!files.includes(opened)) files.push(opened);
      return opened;
    } finally {
      opening = undefined; // Also after a failure: the disk may have room when the next one comes.
    }
  }

  return {
    get size() {
      return files.reduce((sum, { size }) => sum + size, 0);
    },
    add: async (entries) => (await withRoom(entries.length)).add(entries),
    async remove(entries) {
      await Promise.all(files.map((file) => file.remove(entries)));
    },
    async close() {
      await Promise.all(files.splice(0).map((file) => file.close()));
    },
  };
}

/**
 * The journals of runs that are dead; those of living ones are left alone. A value that a living run has taken over (it
 * resumed the order of the dead one) is that run's to remove, and forgotten here.
 */
export async function findLeftovers(folder: string, log: Log): Promise<readonly Leftovers[]> {
  const files = await readdir(folder).catch(() => []);
  // A run that died before it wrote anything leaves the lock alone behind.
  const names = new Set(files.flatMap((file) => /^.*\.json(?=$|\.lock$)/u.exec(file) ?? []));
  const dead: { journal: Journal; entries: readonly JournalEntry[] }[] = [];
  const living: JournalEntry[] = [];
  for (const name of [...names].sort()) {
    const path = join(folder, name);
    const lock = await tryLock(`${path}.lock`);
    if (!lock) {
      living.push(...((await readIfThere(path).then(parse, () => undefined)) ?? []));
      continue;
    }
    const entries = await readJournal(path, log);
    if (entries) dead.push({ journal: fileOf(path, lock, entries), entries });
    else await lock.release();
  }
  const alive = new Set(living.map(keyOf));
  return Promise.all(
    dead.map(async ({ journal, entries }) => {
      const taken = entries.filter((entry) => alive.has(keyOf(entry)));
      if (taken.length > 0) await journal.remove(taken);
      return { ...journal, entries: entries.filter((entry) => !taken.includes(entry)) };
    }),
  );
}

/** The entries of a journal that nobody writes to; a file that makes no sense must not keep the run from its work. */
async function readJournal(path: string, log: Log): Promise<readonly JournalEntry[] | undefined> {
  try {
    const text = await readIfThere(path);
    if (text === undefined) return undefined;
    const entries = parse(text);
    if (entries) return entries;
    if (entries === null) log.warn(`${path} was written by a newer quoin and is left alone`);
    else await setAside(path, log);
  } catch (error) {
    if (!isAppError(error)) throw error;
    log.warn(`${error.message}; TXT records it names may be left in DNS`);
  }
  return undefined;
}

async function setAside(path: string, log: Log): Promise<void> {
  const kept = await rename(path, `${path}.damaged`).then(
    () => `it is kept as ${path}.damaged`,
    (error: NodeJS.ErrnoException) => `it cannot be renamed (${error.code})`,
  );
  log.warn(`the journal ${path} is damaged: ${kept}, and TXT records it names may be left in DNS`);
}

/** `null`: of a later format; undefined: damaged. */
function parse(text: string | undefined): readonly JournalEntry[] | null | undefined {
  try {
    const { version, entries } = JSON.parse(text ?? '') as Partial<JournalFile>;
    if (typeof version === 'number' && version > VERSION) return null;
    return Array.isArray(entries) && entries.every(isEntry) ? entries : undefined;
  } catch {
    return undefined;
  }
}

const isEntry = (entry: Partial<JournalEntry> | null): entry is JournalEntry =>
  [entry?.provider, entry?.fqdn, entry?.value].every((field) => typeof field === 'string');
