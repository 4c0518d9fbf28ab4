import { join } from 'node:path';
import { isAppError, StorageError } from '../errors.ts';
import { damaged, makeFolder, namesIn, readIfThere, readJson, writeFileAtomic } from '../files.ts';
import { directories } from './directories.ts';
import type { StoredAccount } from './storage.ts';
import { checkAccountId, hostFolder, shortHash } from './store-names.ts';
import { legoKeyType, olderPem, readKey } from './stored-keys.ts';

/** What lego 4 (`email`, `registration.body`, `registration.uri`) and lego 5 (the rest) keep in account.json. */
interface AccountFile {
  readonly id?: string;
  readonly email?: string;
  readonly keyType?: string;
  readonly server?: string;
  readonly registration?:
    | (AccountBody & { readonly body?: AccountBody; readonly uri?: string; readonly accountURL?: string })
    | null;
}
interface AccountBody {
  readonly status?: string;
  readonly contact?: readonly string[];
}

interface Found {
  readonly folder: string;
  readonly file?: AccountFile | undefined;
}

export interface AccountStore {
  load(directoryUrl: string, id: string): Promise<StoredAccount | undefined>;
  save(account: StoredAccount): Promise<void>;
  list(): Promise<AccountList>;
}

export interface AccountList {
  readonly accounts: readonly StoredAccount[];
  /** Accounts that cannot be read do not hide the others. */
  readonly problems: readonly StorageError[];
}

const accountFile = (folder: string): string => join(folder, 'account.json');
/** Says whose key it is while there is no account.json yet, which lego would take for a broken account. */
const markerFile = (folder: string): string => join(folder, 'directory-url');
const urlOf = ({ registration }: AccountFile): string | undefined =>
  registration?.uri || registration?.accountURL || undefined;

/** lego 5's place comes first: where both differ, lego 5 has changed the key, which lego 4 never does. */
const keyFiles = (folder: string, id: string): [lego5: string, lego4: string] => [
  join(folder, `${id}.key`),
  join(folder, 'keys', `${id}.key`),
];

export function openAccounts(root: string): AccountStore {
  /** Where the account is, or would be. The second directory of a host gets a folder with a hash in its name. */
  async function find(directoryUrl: string, id: string): Promise<Found> {
    const host = hostFolder(directoryUrl);
    for (const name of [host, `${host}_${shortHash(directoryUrl)}`]) {
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
    const body = { ...file?.registration, ...file?.registration?.body };
    return {
      id,
      email: file?.email || undefined,
      directoryUrl,
      keyPem,
      url: file && urlOf(file),
      contact: body.contact,
      status: body.status,
    };
  }

  return {
    load: async (directoryUrl, id) => read(await find(directoryUrl, id), id, directoryUrl),

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

    async list() {
      const accounts: StoredAccount[] = [];
      const problems: StorageError[] = [];
      for (const host of (await namesIn(root)).sort()) {
        for (const id of (await namesIn(join(root, host)).catch(() => [])).sort()) {
          const folder = join(root, host, id);
          try {
            const file = await readAccountFile(folder);
            const directory = file ? directoryOf(file, host) : (await readIfThere(markerFile(folder)))?.trim();
            const account = await read({ folder, file }, id, directory ?? '');
            if (account) accounts.push(account);
          } catch (error) {
            if (!isAppError(error)) throw error;
            problems.push(error as StorageError);
          }
        }
      }
      return { accounts, problems };
    },
  };
}

async function readAccountFile(folder: string): Promise<AccountFile | undefined> {
  const path = accountFile(folder);
  const hint = `restore it from a backup, or move ${folder} away to register a new account`;
  const file = await readJson<AccountFile>(path).catch((error: unknown) => {
    throw error instanceof StorageError ? new StorageError(error.message, { hint, cause: error.cause }) : error;
  });
  if (!file) return undefined;
  const { server, email, registration } = file;
  const url = urlOf(file);
  const texts = [server, email, url].every((value) => value === undefined || typeof value === 'string');
  if (!texts || (registration != null && typeof registration !== 'object')) {
    throw damaged(path, 'it does not describe an account', hint);
  }
  return file;
}

/**
 * Whether an account is of this CA directory, when its folder is the one of the host. lego 4 does not note the directory:
 * then the account's URL has to be under the folder of the directory's path (`/acme/a/` of `/acme/a/directory`) and not
 * under another directory that is known.
 */
function belongsTo(file: AccountFile, directoryUrl: string): boolean {
  const directory = new URL(directoryUrl);
  if (file.server && URL.canParse(file.server)) return new URL(file.server).href === directory.href;
  const url = urlOf(file);
  if (!url || !URL.canParse(url)) return true;
  const { host, href } = new URL(url);
  // A CA may have its accounts on another host than its directory; the folder is then all there is to go by.
  if (host !== directory.host) return true;
  if (Object.values(directories).some((known) => known !== directory.href && href.startsWith(`${known}/`)))
    return false;
  return href.startsWith(`${directory.href}/`) || href.startsWith(new URL('.', directory).href);
}

/** The directory of an account that lego 4 wrote, as far as it is a known one. */
function directoryOf(file: AccountFile, host: string): string | undefined {
  if (file.server) return file.server;
  return Object.values(directories).find((known) => hostFolder(known) === host && belongsTo(file, known));
}
