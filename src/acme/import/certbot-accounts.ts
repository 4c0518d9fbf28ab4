import { createPrivateKey, type JsonWebKey } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { damaged } from '../../files.ts';
import { NO_EMAIL } from '../account.ts';
import { directories, directoryUrl } from '../directories.ts';
import { olderPem } from '../stored-keys.ts';
import { accountId, accountNotes, attempt, type Findings, type ImportHints, sourceJson, sourceNames } from './found.ts';

/** certbot goes on using accounts of Let's Encrypt's first API with the second one (LE_REUSE_SERVERS). */
const succeeded = new Map([
  ['acme-v01.api.letsencrypt.org/directory', directories.letsencrypt],
  ['acme-staging.api.letsencrypt.org/directory', directories['letsencrypt-staging']],
]);
/** `accounts/<host>/<path of the directory>/<id>`: no CA's path is deeper. */
const DEEPEST = 10;

/** As certbot's `renewal/` files name an account. */
export const accountKey = (directory: string, id: string): string => `${directory} ${id}`;

/** The directory of a `server =` line or of a folder below `accounts/`. @throws ConfigError */
export function certbotDirectory(server: string, scheme = 'https'): string {
  const bare = server.replace(/^https?:\/\//u, '').replace(/\/$/u, '');
  return succeeded.get(bare) ?? directoryUrl(server.includes('://') ? server : `${scheme}://${server}`);
}

/**
 * Reads `accounts/`; those that certificates use come first, since only one of a CA can have the address. The answer maps
 * `accountKey` to the ids that they get here.
 */
export async function readAccounts(
  root: string,
  hints: ImportHints,
  isUsed: (key: string) => boolean,
  found: Findings,
): Promise<ReadonlyMap<string, string>> {
  const accounts = join(root, 'accounts');
  const ids = new Map<string, string>();
  const folders = await attempt(accounts, found.problems, () => accountFolders(accounts));
  const located = [];
  for (const folder of folders ?? []) {
    const at = await attempt(folder, found.problems, () => locate(accounts, folder));
    if (at) located.push({ ...at, folder });
  }
  located.sort((a, b) => Number(isUsed(b.key)) - Number(isUsed(a.key)));
  for (const { folder, key, directory, uri, contact } of located) {
    if (ids.has(key)) continue;
    await attempt(folder, found.problems, async () => {
      const keyPem = await readKey(join(folder, 'private_key.json'));
      const email = contact?.find((one) => one.startsWith('mailto:'))?.slice('mailto:'.length) ?? hints.email;
      const id = accountId(found, directory, email ?? NO_EMAIL, basename(folder));
      ids.set(key, id);
      // Of the first API; the second one tells the new address when it is asked for the account of this key.
      const url = uri !== undefined && /\/acme\/reg\/\d+$/u.test(uri) ? undefined : uri;
      const notes = accountNotes('certbot', email, url);
      const account = { id, email, directoryUrl: directory, keyPem, url, contact };
      found.accounts.push({ from: folder, account, notes });
    });
  }
  return ids;
}

async function accountFolders(folder: string, depth = 0): Promise<string[]> {
  const names = await sourceNames(folder);
  if (names.includes('private_key.json') || names.includes('regr.json')) return [folder];
  if (depth === DEEPEST) return [];
  const found: string[] = [];
  for (const name of names) {
    const below = join(folder, name);
    const isFolder = await stat(below)
      .then((entry) => entry.isDirectory())
      .catch(() => false);
    if (isFolder) found.push(...(await accountFolders(below, depth + 1)));
  }
  return found;
}

async function locate(accounts: string, folder: string) {
  const path = relative(accounts, join(folder, '..')).split(sep).join('/');
  const file = join(folder, 'regr.json');
  const regr = await sourceJson<{ readonly uri?: unknown; readonly body?: { readonly contact?: unknown } }>(file);
  const uri = typeof regr?.uri === 'string' && URL.canParse(regr.uri) ? regr.uri : undefined;
  const directory = certbotDirectory(path, uri?.startsWith('http:') ? 'http' : 'https');
  const contact = Array.isArray(regr?.body?.contact)
    ? regr.body.contact.filter((one): one is string => typeof one === 'string')
    : undefined;
  return { directory, uri, contact, key: accountKey(directory, basename(folder)) };
}

/** A JSON Web Key (RFC 7517), RSA or EC. */
async function readKey(path: string): Promise<string> {
  const jwk = await sourceJson<JsonWebKey>(path);
  if (!jwk) throw damaged(path, 'it is missing', 'restore it there and import again');
  try {
    const key = createPrivateKey({ key: jwk, format: 'jwk' });
    return olderPem(key, key.export({ type: 'pkcs8', format: 'pem' }).toString());
  } catch (cause) {
    throw damaged(path, 'it is no private JSON Web Key', 'restore it there and import again', cause);
  }
}
