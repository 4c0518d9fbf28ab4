import { createHash } from 'node:crypto';
import { ConfigError } from '../errors.ts';

/** NAME_MAX of every file system in use, less the longest extension. */
const LONGEST = 255 - '.json.damaged'.length;

/**
 * The file name of a certificate: `*.example.com` is stored as `_.example.com` and `:` becomes `-`, as lego does. Nothing
 * that a name can hold leads out of the folder. Throws `ConfigError`.
 */
export function fileNameOf(name: string): string {
  const file = name.replaceAll('*', '_').replaceAll(':', '-');
  if (!/^[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*$/u.test(file) || file.includes('..') || file.length > LONGEST) {
    throw new ConfigError(`${name} cannot be the name of a file`);
  }
  return file;
}

/** The folder of an account is its id as it is, as in lego, so an id that would lead elsewhere is refused. */
export function checkAccountId(id: string): string {
  if (!/^[^\s/\\\p{Cc}.][^/\\\p{Cc}]*$/u.test(id) || id.length > LONGEST) {
    throw new ConfigError(`${id} cannot be the name of an account's folder`, { hint: 'name an e-mail address' });
  }
  return id;
}

/** `localhost_14000`, as lego names the folder of a CA's host. */
export const hostFolder = (directoryUrl: string): string => new URL(directoryUrl).host.replaceAll(':', '_');

export const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8);

/** Long names are cut, since a lock needs room for what it appends. */
export function lockName(kind: string, name: string): string {
  const file = fileNameOf(name);
  return `${kind}-${file.length > 150 ? `${file.slice(0, 100)}-${shortHash(file)}` : file}`;
}
