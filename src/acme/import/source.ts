import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../../errors.ts';
import { errorCode, storageError } from '../../files.ts';
import { readAcmeSh } from './acme-sh.ts';
import { readCertbot } from './certbot.ts';
import type { ImportFormat } from './formats.ts';
import { type Found, type ImportHints, namesThere, sourceNames, sourceText } from './found.ts';
import { readLego } from './lego.ts';

const readers: Readonly<Record<ImportFormat, (root: string, hints: ImportHints) => Promise<Found>>> = {
  lego: readLego,
  certbot: readCertbot,
  'acme.sh': readAcmeSh,
};

/** Reads all that a store of another client holds, and changes nothing in it. */
export const readSource = (format: ImportFormat, root: string, hints: ImportHints): Promise<Found> =>
  readers[format](root, hints);

/** The folder itself, without links. @throws ConfigError where there is none */
export async function sourceRoot(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new ConfigError(`there is no folder ${path}`);
    throw storageError('read', path, error);
  }
}

/** Whose store it is, by what is in it. @throws ConfigError where that cannot be told */
export async function detectFormat(root: string): Promise<ImportFormat> {
  const names = await sourceNames(root);
  if (names.includes('renewal') || names.includes('live')) return 'certbot';
  if (await looksLikeLego(root)) return 'lego';
  if (names.includes('account.conf') || (await looksLikeAcmeSh(root, names))) return 'acme.sh';
  throw new ConfigError(`${root} holds no store of lego, certbot or acme.sh`, {
    hint: 'name the folder itself, such as ./.lego, /etc/letsencrypt or ~/.acme.sh, and whose it is: --from lego',
  });
}

/** Certificates beside their metadata, or accounts by host and id. */
async function looksLikeLego(root: string): Promise<boolean> {
  const certificates = await namesThere(join(root, 'certificates'));
  if (certificates.some((name) => name.endsWith('.crt'))) return true;
  const accounts = join(root, 'accounts');
  for (const host of await namesThere(accounts)) {
    for (const id of await namesThere(join(accounts, host))) {
      const names = await namesThere(join(accounts, host, id));
      if (names.includes('account.json') || names.includes(`${id}.key`) || names.includes('keys')) return true;
    }
  }
  return false;
}

/** A folder that CERT_HOME names, without an account.conf. */
async function looksLikeAcmeSh(root: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    const file = join(root, name, `${name.replace(/_ecc$/u, '')}.conf`);
    const text = await sourceText(file).catch(() => undefined);
    if (text !== undefined && /^Le_Domain=/mu.test(text)) return true;
  }
  return false;
}
