import { join } from 'node:path';
import { makeFolder, namesIn, readJson, removeFile, sweepFolder, writeFileAtomic } from '../../files.ts';

/** Objects of one kind, in memory, and in a folder where there is one: a file each. */
export interface Shelf<T extends { readonly id: string }> {
  get(id: string): T | undefined;
  values(): Iterable<T>;
  /** Puts an object here, or keeps what was changed in it. Settles when what it is now is on disk. */
  save(item: T): Promise<void>;
  remove(id: string): Promise<void>;
  /** Settles when nothing is left to be written. */
  flush(): Promise<void>;
}

const FILE = /^([0-9a-f]{1,64})\.json$/u;

/**
 * Opens a shelf with what its folder holds. When there are more than `most`, the oldest go: this is a sandbox, and may run
 * for months. While an object is being written, further changes to it wait, and are then written together.
 */
export async function openShelf<T extends { readonly id: string; readonly createdAt: number }>(
  most: number,
  folder?: string,
): Promise<Shelf<T>> {
  const items = new Map<string, T>();
  const writing = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<void>>();
  if (folder !== undefined) for (const item of await load<T>(folder)) items.set(item.id, item);

  const store = async (id: string): Promise<void> => {
    if (folder === undefined) return;
    const item = items.get(id);
    const file = join(folder, `${id}.json`);
    await (item ? writeFileAtomic(file, JSON.stringify(item)) : removeFile(file));
  };
  /** One write at a time for each object; who comes meanwhile shares the next one, which sees all changes. */
  const write = (id: string): Promise<void> => {
    if (folder === undefined) return Promise.resolve();
    const next = waiting.get(id);
    if (next) return next;
    const begin = (): Promise<void> => {
      waiting.delete(id);
      const work = store(id).finally(() => {
        if (writing.get(id) === work) writing.delete(id);
      });
      writing.set(id, work);
      return work;
    };
    const current = writing.get(id);
    if (!current) return begin();
    const after = current.then(begin, begin);
    waiting.set(id, after);
    return after;
  };

  const remove = (id: string): Promise<void> => {
    items.delete(id);
    return write(id);
  };
  return {
    get: (id) => items.get(id),
    values: () => items.values(),
    async save(item) {
      items.set(item.id, item);
      const [oldest] = items.keys();
      const making = items.size > most && oldest !== undefined ? remove(oldest) : undefined;
      await Promise.all([making, write(item.id)]);
    },
    remove,
    async flush() {
      while (writing.size + waiting.size > 0) await Promise.allSettled([...writing.values(), ...waiting.values()]);
    },
  };
}

async function load<T extends { readonly id: string; readonly createdAt: number }>(folder: string): Promise<T[]> {
  await makeFolder(folder);
  await sweepFolder(folder);
  const items: T[] = [];
  for (const name of await namesIn(folder)) {
    if (!FILE.test(name)) continue;
    const item = await readJson<T>(join(folder, name));
    if (item) items.push(item);
  }
  return items.sort((a, b) => a.createdAt - b.createdAt);
}
