import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { StorageError } from '../../errors.ts';
import { damaged } from '../../files.ts';
import { NO_EMAIL } from '../account.ts';
import { directories, directoryUrl } from '../directories.ts';
import { olderPem } from '../stored-keys.ts';
import { parseShellConf } from './acme-sh-conf.ts';
import { privateKeyOf } from './build.ts';
import {
  accountId,
  accountNotes,
  attempt,
  type Findings,
  type ImportHints,
  sourceJson,
  sourceNames,
  sourceText,
} from './found.ts';

type Conf = ReadonlyMap<string, string>;

export interface AcmeShAccounts {
  /** The id here of the account at a CA directory. */
  readonly ids: ReadonlyMap<string, string>;
  /** By CA directory. */
  readonly preferredChains: ReadonlyMap<string, string>;
}

const DEEPEST = 10;

/**
 * Reads `ca/<host>/<path of the directory>/`: account.key, account.json, and ca.conf with the account's URL. The folder leaves
 * the port out, so that `known`, the directories that certificates name, count first.
 */
export async function readAccounts(
  root: string,
  settings: Conf,
  known: readonly string[],
  hints: ImportHints,
  found: Findings,
): Promise<AcmeShAccounts> {
  const ids = new Map<string, string>();
  const preferredChains = new Map<string, string>();
  const ca = join(root, 'ca');
  const folders = (await attempt(ca, found.problems, () => accountFolders(ca))) ?? [];
  // Old versions had no folder for the path; what is deeper is newer.
  folders.sort((a, b) => b.split(sep).length - a.split(sep).length);
  for (const folder of folders) {
    await attempt(folder, found.problems, async () => {
      const path = relative(ca, folder).split(sep).join('/');
      if (/^acme-(?:v01|staging)\.api\.letsencrypt\.org/u.test(path)) {
        found.notes.push(`${folder} is of Let's Encrypt's first API, which is gone: it is left out`);
        return;
      }
      const conf = parseShellConf((await sourceText(join(folder, 'ca.conf'))) ?? '');
      const candidates = [...known, ...hints.servers, ...Object.values(directories)];
      const directory = directoryOf(path, candidates, conf.get('ACCOUNT_URL'));
      const chain = conf.get('DEFAULT_PREFERRED_CHAIN');
      if (chain) preferredChains.set(directory, chain);
      const account = await readAccount(folder, conf, settings, hints);
      if (!account) return;
      const { email, notes, ...rest } = account;
      if (found.accounts.some(({ account: one }) => one.directoryUrl === directory && one.keyPem === rest.keyPem))
        return;
      const address = email ?? NO_EMAIL;
      const id = accountId(found, directory, address, `${address}.old`);
      if (!ids.has(directory)) ids.set(directory, id);
      found.accounts.push({ from: folder, account: { id, email, directoryUrl: directory, ...rest }, notes });
    });
  }
  return { ids, preferredChains };
}

async function accountFolders(folder: string, depth = 0): Promise<string[]> {
  const names = await sourceNames(folder);
  const found = names.includes('account.key') || names.includes('ca.conf') ? [folder] : [];
  if (depth === DEEPEST) return found;
  for (const name of names.filter((one) => one !== 'deactivated')) {
    const below = join(folder, name);
    const isFolder = await stat(below)
      .then((entry) => entry.isDirectory())
      .catch(() => false);
    if (isFolder) found.push(...(await accountFolders(below, depth + 1)));
  }
  return found;
}

/** The folder that acme.sh makes for a directory: no scheme, no port. */
function caFolder(url: string): string {
  const { hostname, pathname } = new URL(url);
  return `${hostname}/${pathname.split('/').filter(Boolean).join('/')}`;
}

function directoryOf(path: string, candidates: readonly string[], accountUrl: string | undefined): string {
  const exact = candidates.find((url) => caFolder(url) === path);
  if (exact) return exact;
  const host = path.split('/')[0] ?? '';
  if (path === host) {
    const there = candidates.find((url) => new URL(url).hostname === host);
    if (there) return there;
    throw new StorageError(`acme.sh did not note which directory of ${host} this account is of`, {
      hint: 'name it with --server and import again',
    });
  }
  const account = accountUrl !== undefined && URL.canParse(accountUrl) ? new URL(accountUrl) : undefined;
  return account?.hostname === host
    ? directoryUrl(`${account.origin}/${path.slice(host.length + 1)}`)
    : directoryUrl(`https://${path}`);
}

async function readAccount(folder: string, conf: Conf, settings: Conf, hints: ImportHints) {
  const elsewhere = settings.get('ACCOUNT_KEY_PATH');
  const own = join(folder, 'account.key');
  const file = (await sourceText(own)) === undefined && elsewhere && isAbsolute(elsewhere) ? elsewhere : own;
  const pem = await sourceText(file);
  const url = conf.get('ACCOUNT_URL');
  if (pem === undefined) {
    if (url === undefined) return undefined;
    throw damaged(folder, 'account.key is missing', 'restore it there and import again');
  }
  const key = privateKeyOf(pem, file);
  const keyPem = olderPem(key, key.export({ type: 'pkcs8', format: 'pem' }).toString());
  const json = await sourceJson<{ readonly contact?: unknown }>(join(folder, 'account.json')).catch(() => undefined);
  const contact = Array.isArray(json?.contact)
    ? json.contact.filter((one): one is string => typeof one === 'string')
    : undefined;
  const address = contact?.find((one) => one.startsWith('mailto:'))?.slice('mailto:'.length);
  const email = address ?? conf.get('CA_EMAIL') ?? settings.get('ACCOUNT_EMAIL') ?? hints.email;
  // acme.sh registers anew when the key is not the one that it had registered.
  const hash = conf.get('CA_KEY_HASH');
  const changed = hash !== undefined && hash !== createHash('sha256').update(pem).digest('base64');
  const usable = url !== undefined && URL.canParse(url) && !changed ? url : undefined;
  const notes = accountNotes('acme.sh', email, usable);
  return { email, keyPem, url: usable, contact, notes };
}
