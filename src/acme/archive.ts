import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { StorageError } from '../errors.ts';
import { errorCode, makeFolder, namesIn, storageError, syncFolder } from '../files.ts';
import { intentFolder } from './certificate-set.ts';
import { fileNameOf } from './store-names.ts';

/**
 * In the order of their renames. Until the certificate itself is gone it counts as being in the store, so that whoever is
 * interrupted in between can do it again; the metadata, which tell where it came from, are needed for that.
 */
const EXTENSIONS = ['.key', '.pem', '.pfx', '.issuer.crt', '.crt', '.json'];

/**
 * Moves the files of a certificate to `archives/<seconds>.<file>`, as lego does, and never over others. The caller holds
 * the certificate's lock. The new paths are returned.
 */
export async function archiveCertificate(root: string, name: string, now: Date): Promise<readonly string[]> {
  const file = fileNameOf(name);
  const [from, to] = [join(root, 'certificates'), join(root, 'archives')];
  const intent = join(intentFolder(root), `${file}.json`);
  if (existsSync(intent)) throw new StorageError(`cannot archive ${name}: ${intent} is still to be put in place`);
  await makeFolder(to);
  const there = new Set(await namesIn(to));
  const taken = (seconds: number) => EXTENSIONS.some((extension) => there.has(`${seconds}.${file}${extension}`));
  let seconds = Math.floor(now.getTime() / 1000);
  while (taken(seconds)) seconds += 1;
  const moved: string[] = [];
  for (const extension of EXTENSIONS) {
    const [old, archived] = [join(from, `${file}${extension}`), join(to, `${seconds}.${file}${extension}`)];
    try {
      renameSync(old, archived);
      moved.push(archived);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw storageError('move to archives/', old, error);
    }
  }
  for (const folder of [from, to]) {
    await syncFolder(folder).catch((error: unknown) => {
      throw storageError('write to', folder, error);
    });
  }
  return moved;
}
