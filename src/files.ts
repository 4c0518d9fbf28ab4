import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, realpath, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StorageError } from './errors.ts';

const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'something else of that name is there',
  ENOENT: 'it does not exist',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files',
  EFBIG: 'the file would be too large',
  EBUSY: 'it is in use or mounted by itself',
  EIO: 'the disk reports an input/output error',
  ESTALE: 'the network file system has lost it',
};
const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'make room, then run again',
  EDQUOT: 'make room, then run again',
  EACCES: 'run as the owner of the folder, or name another one with --path',
  EROFS: 'name a folder that can be written to with --path',
};

/** Read from disk at most; nothing that is kept there comes near it. */
const MAX_BYTES = 1024 * 1024;
/** A temporary file that is older was left by a process that died. */
const ABANDONED_MS = 10 * 60_000;
const TEMPORARY = /^\.quoin-[0-9a-f]{12}\.tmp$/u;

export const errorCode = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';

/** `cannot write certificates/example.com.key: permission denied`, from what the system said. */
export function storageError(doing: string, path: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const code = errorCode(error);
  const what = words[code] ?? (error as Error).message;
  return new StorageError(`cannot ${doing} ${path}: ${what}`, { cause: error, hint: hints[code] });
}

/** Makes a folder that only its owner can look into, and the missing ones above it, so that they survive a power cut. */
export async function makeFolder(path: string): Promise<void> {
  try {
    const first = await mkdir(path, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
  } catch (error) {
    throw storageError('make folder', path, errorCode(error) === 'ENOENT' ? await whyNot(path, error) : error);
  }
}

/** Node's recursive mkdir says ENOENT where a file system is read-only; a plain one says what is the matter. */
async function whyNot(path: string, otherwise: unknown): Promise<unknown> {
  try {
    await mkdir(path, { mode: 0o700 });
    return otherwise;
  } catch (error) {
    return errorCode(error) === 'ENOENT' && dirname(path) !== path ? whyNot(dirname(path), error) : error;
  }
}

/** Makes what was renamed or created in a folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    await handle.sync();
  } catch (error) {
    // Some file systems cannot do this for folders, some folders cannot be opened, and then nothing can be done about it.
    if (!/^(?:EINVAL|ENOTSUP|EISDIR|EPERM|EACCES)$/u.test(errorCode(error))) throw error;
  } finally {
    await handle?.close();
  }
}

export interface FileOptions {
  /** Whatever the umask; 0600 unless given. */
  readonly mode?: number | undefined;
  /** `optional`: no error where the process may not give files away. */
  readonly owner?: { readonly uid: number; readonly gid: number; readonly optional?: boolean } | undefined;
}

/** Writes a file that did not exist, whole and synced; on any failure it is removed again. */
export async function writeNewFile(
  path: string,
  data: string | Buffer,
  { mode = 0o600, owner }: FileOptions = {},
): Promise<void> {
  try {
    const handle = await open(path, 'wx', mode & 0o600);
    try {
      await handle.writeFile(data);
      if (owner) {
        await handle.chown(owner.uid, owner.gid).catch((error: unknown) => {
          if (!owner.optional || errorCode(error) !== 'EPERM') throw error;
        });
      }
      await handle.chmod(mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') await removeQuietly(path);
    throw storageError('write', path, error);
  }
}

/** A name for a temporary file beside the target: short, so that long names of certificates stay possible. */
export const temporaryBeside = (path: string): string =>
  join(dirname(path), `.quoin-${randomBytes(6).toString('hex')}.tmp`);

/** Cleaning up after a failure must not hide the failure. */
export const removeQuietly = (path: string): Promise<void> => rm(path, { force: true }).catch(() => {});

/** Where a write has to go: a symbolic link stays and what it leads to is replaced; one that leads nowhere is replaced. */
export async function targetOf(path: string): Promise<string> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await realpath(path) : path;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return path;
    throw storageError('write', path, error);
  }
}

/** Replaces a file in one step: readers see the old content or the new one, also after a power cut. */
export async function writeFileAtomic(path: string, data: string | Buffer, options: FileOptions = {}): Promise<void> {
  const target = await targetOf(path);
  const temporary = temporaryBeside(target);
  try {
    await writeNewFile(temporary, data, options);
    await rename(temporary, target);
    await syncFolder(dirname(target));
  } catch (error) {
    await removeQuietly(temporary);
    // The user knows the file, not the temporary one that could not be written.
    throw storageError('write', path, error instanceof StorageError ? error.cause : error);
  }
}

/** Removes a file, durably. No error when there is none. */
export async function removeFile(path: string): Promise<void> {
  try {
    await rm(path);
    await syncFolder(dirname(path));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw storageError('remove', path, error);
  }
}

/** Removes the temporary files that processes left when they died. */
export async function sweepFolder(path: string): Promise<void> {
  for (const name of await namesIn(path)) {
    if (!TEMPORARY.test(name)) continue;
    const file = join(path, name);
    const { mtimeMs } = await lstat(file).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (Date.now() - mtimeMs > ABANDONED_MS) await removeQuietly(file);
  }
}

/** What a folder holds; nothing when it does not exist. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw storageError('read', folder, error);
  }
}

/** Finds out, by writing, whether a folder can take files of a realistic size. */
export async function probeFolder(path: string): Promise<void> {
  await makeFolder(path);
  const file = temporaryBeside(join(path, 'probe'));
  try {
    await writeNewFile(file, Buffer.alloc(64 * 1024, 1));
    await rm(file);
  } catch (error) {
    const cause = error instanceof StorageError ? error.cause : error;
    if (errorCode(cause) === 'ENOSPC') {
      const { files, ffree } = await statfs(path).catch(() => ({ files: 0, ffree: 1 }));
      if (files > 0 && ffree === 0) {
        throw new StorageError(`cannot write to ${path}: the file system has no free inodes`, {
          cause,
          hint: 'remove files that are not needed, then run again',
        });
      }
    }
    throw storageError('write to', path, cause);
  }
}

/**
 * The text of a file, or undefined when there is none. Read synchronously, because with small files that costs a tenth, and
 * without waiting for the other end of a named pipe.
 */
export async function readIfThere(path: string, encoding: 'utf8' | 'latin1' = 'utf8'): Promise<string | undefined> {
  let handle: number | undefined;
  try {
    handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = fstatSync(handle);
    if (found.size > MAX_BYTES) throw damaged(path, `it is larger than ${MAX_BYTES / 1024} KiB`);
    if (!found.isFile() && !found.isDirectory()) throw damaged(path, 'it is not a regular file');
    return readFileSync(handle, encoding);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw storageError('read', path, error);
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

/** For files whose content makes no sense. */
export const damaged = (
  path: string,
  why: string,
  hint = 'restore it from a backup, or move it away to start afresh',
  cause?: unknown,
): StorageError => new StorageError(`${path} is damaged: ${why}`, { hint, cause });

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
  throw damaged(path, text.trim() === '' ? 'it is empty' : 'it is not a JSON object');
}

/** Files of a later version must not be taken for something they are not. */
export function refuseNewer(path: string, version: unknown, known: number): void {
  if (typeof version === 'number' && version > known) {
    throw new StorageError(`${path} was written by a newer quoin (format ${version}, this one reads up to ${known})`, {
      hint: 'use the newer quoin for this store',
    });
  }
}
