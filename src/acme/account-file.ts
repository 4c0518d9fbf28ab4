import { join } from 'node:path';
import { StorageError } from '../errors.ts';
import { damaged, readJson } from '../files.ts';
import { directories } from './directories.ts';
import { hostFolder } from './store-names.ts';

/** What lego 4 (`email`, `registration.body`, `registration.uri`) and lego 5 (the rest) keep in account.json. */
export interface AccountFile {
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

export const accountFile = (folder: string): string => join(folder, 'account.json');

export const urlOf = ({ registration }: AccountFile): string | undefined =>
  registration?.uri || registration?.accountURL || undefined;

/** Undefined where there is none; `StorageError` where it is damaged. */
export async function readAccountFile(folder: string): Promise<AccountFile | undefined> {
  const path = accountFile(folder);
  const hint = `restore it from a backup, or remove it and run quoin account recover; move ${folder} away to register a new account`;
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
export function belongsTo(file: AccountFile, directoryUrl: string): boolean {
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
export function directoryOf(file: AccountFile, host: string): string | undefined {
  if (file.server) return file.server;
  return Object.values(directories).find((known) => hostFolder(known) === host && belongsTo(file, known));
}
