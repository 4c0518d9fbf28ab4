import { rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ConfigError, isAppError, StorageError } from '../errors.ts';
import {
  errorCode,
  makeFolder,
  namesIn,
  readIfThere,
  removeFile,
  storageError,
  syncFolder,
  writeFileAtomic,
} from '../files.ts';
import { type AccountFile, accountFile, belongsTo, directoryOf, readAccountFile, urlOf } from './account-file.ts';
import type { StoredAccount } from './storage.ts';
import { checkAccountId, hostFolder, shortHash } from './store-names.ts';
import { legoKeyType, olderPem, readKey } from './stored-keys.ts';

interface Found {
  readonly folder: string;
  readonly file?: AccountFile | undefined;
}

/** Names an account: no two of one CA directory have the same id. */
export type AccountName = Pick<StoredAccount, 'directoryUrl' | 'id'>;

export interface AccountStore {
  /**
   * The account of that id. Where there is none, the one whose e-mail address it is: an account keeps its id, and so its folder,
   * when its address changes. `ConfigError` where several have that address.
   */
  load(directoryUrl: string, id: string): Promise<StoredAccount | undefined>;
  save(account: StoredAccount): Promise<void>;
  /** All accounts. Without a known directory (`directoryUrl` is empty) where lego 4 wrote them for a CA that is not known by name. */
  list(): Promise<AccountList>;
  /** Those of one CA directory, also when lego 4 wrote them. */
  at(directoryUrl: string): Promise<AccountList>;
  /** The files of an account, which may not be there yet. */
  paths(account: AccountName): Promise<AccountPaths>;
  /**
   * Keeps the key that an account is about to get, before the CA hears of it; the key that it has stays. Undefined: there is no
   * such key (any more).
   */
  saveNextKey(account: AccountName, keyPem: string | undefined): Promise<void>;
  /** Moves an account to `archives/`, in one step, and tells where it is now. */
  archive(account: AccountName, now: Date): Promise<string>;
}

export interface AccountPaths {
  readonly account: string;
  readonly key: string;
  readonly nextKey: string;
}

export interface AccountList {
  readonly accounts: readonly StoredAccount[];
  /** Accounts that cannot be read do not hide the others. */
  readonly problems: readonly StorageError[];
  readonly paths: ReadonlyMap<StoredAccount, AccountPaths>;
}

/** Says whose key it is while there is no account.json yet, which lego would take for a broken account. */
const markerFile = (folder: string): string => join(folder, 'directory-url');

/** lego 5's place comes first: where both differ, lego 5 has changed the key, which lego 4 never does. */
const keyFiles = (folder: string, id: string): [lego5: string, lego4: string] => [
  join(folder, `${id}.key`),
  join(folder, 'keys', `${id}.key`),
];

const pathsIn = (folder: string, id: string): AccountPaths => ({
  account: accountFile(folder),
  key: join(folder, `${id}.key`),
  nextKey: join(folder, `${id}.key.next`),
});

export function openAccounts(root: string): AccountStore {
  /** The folders that accounts of a directory may be in: the second directory of a host gets one with a hash in its name. */
  const hostFolders = (directoryUrl: string): readonly string[] => {
    const host = hostFolder(directoryUrl);
    return [host, `${host}_${shortHash(directoryUrl)}`];
  };

  /** Where the account is, or would be. */
  async function find(directoryUrl: string, id: string): Promise<Found> {
    for (const name of hostFolders(directoryUrl)) {
      const folder = join(root, name, checkAccountId(id));
      const file = await readAccountFile(folder);
      const directory = file ? undefined : (await readIfThere(markerFile(folder)))?.trim();
      if (file ? belongsTo(file, directoryUrl) : !directory || directory === directoryUrl) return { folder, file };
    }
    throw new StorageError(`the folders of account ${id} at ${directoryUrl} belong to other CAs`);
  }

  async function read({ folder, file }: Found, id: string, directoryUrl: string): Promise<StoredAccount | undefined> {
    const [path, copy] = keyFiles(folder, id);
    const [first, second] = [await readIfThere(path), await readIfThere(copy)];
    const keyPem = first ?? second;
    if (keyPem === undefined) {
      if (!file) return undefined;
      throw new StorageError(`${accountFile(folder)} has no key beside it: ${path} is missing`, {
        hint: `restore ${path} from a backup, or move ${folder} away to register a new account`,
      });
    }
    readKey(
      keyPem,
      first === undefined ? copy : path,
      first !== undefined && second !== undefined && second !== first
        ? `${copy} may be a whole copy; else restore it from a backup`
        : `restore it from a backup, or move ${folder} away to register a new account`,
    );
    const { nextKey } = pathsIn(folder, id);
    const nextKeyPem = await readIfThere(nextKey);
    if (nextKeyPem !== undefined)
      readKey(nextKeyPem, nextKey, 'restore it from a backup; remove it only if the CA still takes the other key');
    const body = { ...file?.registration, ...file?.registration?.body };
    return {
      id,
      email: file?.email || undefined,
      directoryUrl,
      keyPem,
      ...(nextKeyPem === undefined ? {} : { nextKeyPem }),
      url: file && urlOf(file),
      contact: body.contact,
      status: body.status,
    };
  }

  /** What is in the folders of these hosts; `directoryIn` tells the directory of each, or undefined to leave it out. */
  async function collect(
    hosts: readonly string[],
    directoryIn: (found: Found, host: string) => Promise<string | undefined>,
  ): Promise<AccountList> {
    const problems: StorageError[] = [];
    const paths = new Map<StoredAccount, AccountPaths>();
    for (const host of hosts) {
      for (const id of (await namesIn(join(root, host)).catch(() => [])).sort()) {
        const folder = join(root, host, id);
        try {
          const found = { folder, file: await readAccountFile(folder) };
          const directoryUrl = await directoryIn(found, host);
          const account = directoryUrl === undefined ? undefined : await read(found, id, directoryUrl);
          if (account) paths.set(account, pathsIn(folder, id));
        } catch (error) {
          if (!isAppError(error)) throw error;
          problems.push(error as StorageError);
        }
      }
    }
    return { accounts: [...paths.keys()], problems, paths };
  }

  const at = (directoryUrl: string): Promise<AccountList> =>
    collect(hostFolders(directoryUrl), async ({ folder, file }) => {
      if (file) return belongsTo(file, directoryUrl) ? directoryUrl : undefined;
      const marker = (await readIfThere(markerFile(folder)))?.trim();
      return !marker || marker === directoryUrl ? directoryUrl : undefined;
    });

  return {
    async load(directoryUrl, id) {
      const account = await read(await find(directoryUrl, id), id, directoryUrl);
      if (account) return account;
      const { accounts } = await at(directoryUrl);
      const [only, ...others] = accounts.filter(({ url, email }) => url !== undefined && email === id);
      if (others.length === 0) return only;
      const ids = [only, ...others].map((one) => one?.id).join(', ');
      throw new ConfigError(`${others.length + 1} accounts at ${directoryUrl} have the address ${id}: ${ids}`, {
        hint: 'name one of them with --account-id',
      });
    },

    async save({ id, email, directoryUrl, keyPem, url, contact, status = 'valid' }) {
      const { folder, file } = await find(directoryUrl, id);
      const [path, copy] = keyFiles(folder, id);
      const key = readKey(keyPem, path);
      await makeFolder(join(folder, 'keys'));
      if (!file) await writeFileAtomic(markerFile(folder), `${directoryUrl}\n`);
      for (const [at, pem] of [
        [path, keyPem],
        [copy, olderPem(key, keyPem)],
      ] as const) {
        if ((await readIfThere(at)) !== pem) await writeFileAtomic(at, pem);
      }
      if (url === undefined) return;
      const body = { ...file?.registration?.body, status, ...(contact ? { contact } : {}) };
      const content: AccountFile = {
        ...file,
        id,
        email: email ?? '',
        keyType: legoKeyType(key),
        server: directoryUrl,
        registration: { ...file?.registration, ...body, accountURL: url, body, uri: url },
      };
      await writeFileAtomic(accountFile(folder), `${JSON.stringify(content, null, '\t')}\n`);
    },

    list: async () =>
      collect((await namesIn(root)).sort(), async ({ folder, file }, host) =>
        file ? (directoryOf(file, host) ?? '') : ((await readIfThere(markerFile(folder)))?.trim() ?? ''),
      ),
    at,

    paths: async ({ directoryUrl, id }) => pathsIn((await find(directoryUrl, id)).folder, id),

    async saveNextKey({ directoryUrl, id }, keyPem) {
      const { nextKey } = pathsIn((await find(directoryUrl, id)).folder, id);
      await (keyPem === undefined ? removeFile(nextKey) : writeFileAtomic(nextKey, keyPem));
    },

    async archive({ directoryUrl, id }, now) {
      const { folder } = await find(directoryUrl, id);
      const archives = join(dirname(root), 'archives');
      await makeFolder(archives);
      let seconds = Math.floor(now.getTime() / 1000);
      const place = () => join(archives, `${seconds}.account.${basename(dirname(folder))}.${id}`);
      while (await stat(place()).catch(() => undefined)) seconds += 1;
      try {
        await rename(folder, place());
        for (const changed of [archives, dirname(folder)]) await syncFolder(changed);
      } catch (error) {
        throw errorCode(error) === 'ENOENT'
          ? new StorageError(`${folder} is gone: another quoin has moved it`)
          : storageError('move to archives/', folder, error);
      }
      return place();
    },
  };
}
