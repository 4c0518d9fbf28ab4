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
  read(name: string): Promise<PendingOrder | undefined>;
  write(name: string, order: PendingOrder): Promise<void>;
  remove(name: string): Promise<void>;
}

/** Orders under way with their keys, one file per certificate. */
export function openOrders(folder: string, log: Log): OrderStore {
  const fileOf = (name: string) => join(folder, `${fileNameOf(name)}.json`);

  return {
    async read(name) {
      const path = fileOf(name);
      try {
        const file = await readJson<PendingOrder & { version: unknown }>(path);
        if (!file) return undefined;
        const { version, ...order } = file;
        refuseNewer(path, version, VERSION);
        const texts = [order.url, order.directoryUrl, order.accountUrl, order.settings, order.createdAt];
        if (!texts.every((value) => typeof value === 'string') || !Array.isArray(order.names)) {
          throw damaged(path, 'it does not describe an order');
        }
        if (order.keyPem !== undefined) readKey(order.keyPem, path);
        return order;
      } catch (error) {
        // Only what is damaged is set aside; that a file cannot be read, or is newer, is no reason to order again.
        if (!(error instanceof StorageError) || !error.message.startsWith(`${path} is damaged`)) throw error;
        const aside = `${path}.damaged`;
        await rename(path, aside).catch((cause: unknown) => {
          throw storageError('move', path, cause);
        });
        log.warn(`${error.message}; it is kept as ${aside}, and the certificate is ordered anew`);
        return undefined;
      }
    },
    async write(name, order) {
      await makeFolder(folder);
      await writeFileAtomic(fileOf(name), JSON.stringify({ version: VERSION, ...order }));
    },
    remove: (name) => removeFile(fileOf(name)),
  };
}
