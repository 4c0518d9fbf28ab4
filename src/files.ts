import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StorageError } from './errors.ts';

const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  EMFILE: 'too many open files',
  ENOENT: 'it does not exist',
};

/** `cannot write certificates/example.com.key: permission denied`, from what the system said. */
export function storageError(doing: string, path: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  return new StorageError(`cannot ${doing} ${path}: ${words[code] ?? message}`, { cause: error });
}

/** Makes a folder that only its owner can look into, and the ones above it. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw storageError('make folder', path, error);
  });
}

/** Makes what was renamed or created in a folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some file systems cannot do this for folders, and then nothing can be done about it.
    if (!/^(?:EINVAL|ENOTSUP|EISDIR|EPERM)$/u.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await handle.close();
  }
}

/** Writes a file that did not exist, whole and synced; on any failure it is removed again. */
export async function writeNewFile(path: string, data: string | Buffer, mode = 0o600): Promise<void> {
  try {
    const handle = await open(path, 'wx', mode);
    try {
      await handle.writeFile(data);
      await handle.chmod(mode); // Whatever the umask.
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await rm(path, { force: true });
    throw storageError('write', path, error);
  }
}

/** Replaces a file in one step: readers see the old content or the new one, also after a power cut. */
export async function writeFileAtomic(
  path: string,
  data: string | Buffer,
  { mode = 0o600 }: { readonly mode?: number } = {},
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeNewFile(temporary, data, mode);
  try {
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw storageError('write', path, error);
  }
}

/** The text of a file, or undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw storageError('read', path, error);
  }
}

/** Reads JSON that must be an object; `undefined` when there is no file, `StorageError` when it is damaged. */
export async function readJson<T extends object>(path: string): Promise<T | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as T;
  } catch {
    // Told below, in the same words as a wrong type.
  }
  throw new StorageError(`${path} is damaged: it is not a JSON object`, {
    hint: 'restore it from a backup, or move it away to start afresh',
  });
}
