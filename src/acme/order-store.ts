import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { StorageError } from '../errors.ts';
import { damaged, makeFolder, readJson, refuseNewer, removeFile, storageError, writeFileAtomic } from '../files.ts';
import type { Log } from '../log.ts';
import type { PendingOrder } from './storage.ts';
import { fileNameOf } from './store-names.ts';
import { readKey } from './stored-keys.ts';

const VERSION = 1;

export interface OrderStore {
  /** Of this CA; where none is named, the last one. */
  read(name: string, directoryUrl?: string): Promise<PendingOrder | undefined>;
  /** Takes the place of an order at the same CA. */
  write(name: string, order: PendingOrder): Promise<void>;
  /** Of this CA; where none is named, all of them. */
  remove(name: string, directoryUrl?: string): Promise<void>;
}

/** `earlier`: at other CAs, which were asked before this one. */
type OrderFile = PendingOrder & { readonly version: unknown; readonly earlier?: readonly PendingOrder[] };

/**
 * Orders under way with their keys, one file per certificate: the last order, and those at other CAs. A CA that broke down may have
 * issued the certificate, and is asked first the next time.
 */
export function openOrders(folder: string, log: Log): OrderStore {
  const fileOf = (name: string) => join(folder, `${fileNameOf(name)}.json`);

  /** The last one first. */
  async function readAll(name: string): Promise<readonly PendingOrder[]> {
    const path = fileOf(name);
    try {
      const file = await readJson<OrderFile>(path);
      if (!file) return [];
      const { version, earlier = [], ...last } = file;
      refuseNewer(path, version, VERSION);
      if (!Array.isArray(earlier)) throw damaged(path, 'it does not describe orders');
      for (const order of [last, ...earlier]) checkOrder(order, path);
      return [last, ...earlier];
    } catch (error) {
      // Only what is damaged is set aside; that a file cannot be read, or is newer, is no reason to order again.
      if (!(error instanceof StorageError) || !error.message.startsWith(`${path} is damaged`)) throw error;
      const aside = `${path}.damaged`;
      await rename(path, aside).catch((cause: unknown) => {
        throw storageError('move', path, cause);
      });
      log.warn(`${error.message}; it is kept as ${aside}, and the certificate is ordered anew`);
      return [];
    }
  }

  const without = async (name: string, directoryUrl: string) =>
    (await readAll(name)).filter((order) => order.directoryUrl !== directoryUrl);

  async function writeAll(name: string, [last, ...earlier]: readonly PendingOrder[]): Promise<void> {
    if (!last) return removeFile(fileOf(name));
    await makeFolder(folder);
    const file = { version: VERSION, ...last, ...(earlier.length > 0 ? { earlier } : {}) };
    await writeFileAtomic(fileOf(name), JSON.stringify(file));
  }

  return {
    async read(name, directoryUrl) {
      const all = await readAll(name);
      return directoryUrl === undefined ? all[0] : all.find((order) => order.directoryUrl === directoryUrl);
    },
    write: async (name, order) => writeAll(name, [order, ...(await without(name, order.directoryUrl))]),
    remove: async (name, directoryUrl) =>
      directoryUrl === undefined ? removeFile(fileOf(name)) : writeAll(name, await without(name, directoryUrl)),
  };
}

function checkOrder(order: PendingOrder, path: string): void {
  const { url, directoryUrl, accountUrl, settings, createdAt, names, keyPem } = order ?? {};
  const texts = [url, directoryUrl, accountUrl, settings, createdAt];
  if (!texts.every((value) => typeof value === 'string') || !Array.isArray(names))
    throw damaged(path, 'it does not describe an order');
  if (keyPem !== undefined) readKey(keyPem, path);
}
