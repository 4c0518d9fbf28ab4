import { createHash } from 'node:crypto';
import { renameSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StorageError } from '../errors.ts';
import {
  type FileOptions,
  makeFolder,
  readIfThere,
  readJson,
  refuseNewer,
  removeFile,
  removeQuietly,
  storageError,
  syncFolder,
  targetOf,
  temporaryBeside,
  writeFileAtomic,
  writeNewFile,
} from '../files.ts';

const VERSION = 1;

/** One file of a set: `.key`, `.crt` ... */
export interface SetFile extends FileOptions {
  readonly extension: string;
  /** Base64, so that PKCS#12 fits in; absent: the file is moved out of the way, since it belongs to the old set. */
  readonly data?: string | undefined;
}

/** A complete new set that replaces, or is about to replace, the files of a certificate. */
export interface Intent {
  readonly version: number;
  /** SHA-256 of the certificate file that this set takes the place of; absent: there was none. */
  readonly replaces?: string | undefined;
  readonly files: readonly SetFile[];
}

export const contentOf = ({ files }: Intent, extension: string): string | undefined => {
  const data = files.find((file) => file.extension === extension)?.data;
  return data === undefined ? undefined : Buffer.from(data, 'base64').toString('utf8');
};

const hash = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : createHash('sha256').update(text).digest('hex');

/**
 * Replaces the files of a certificate together. Renames of several files cannot be one step, so the complete new set is
 * first written down as an intent, in one step; from then on it counts, and whoever finds it finishes what was begun
 * (docs/decisions/0003-certificate-files.md). All functions but `read` want the caller to hold the set's lock.
 */
export function certificateSet(base: string, intentFile: string) {
  const pathOf = (extension: string) => `${base}${extension}`;

  /** The intent that a dead process left, unless someone else (lego) has written the certificate since. */
  async function read(): Promise<Intent | undefined> {
    const intent = await readJson<Intent>(intentFile);
    if (!intent) return undefined;
    refuseNewer(intentFile, intent.version, VERSION);
    if (!Array.isArray(intent.files)) throw new StorageError(`${intentFile} is damaged: it lists no files`);
    const now = hash(await readIfThere(pathOf('.crt')));
    return now === intent.replaces || now === hash(contentOf(intent, '.crt')) ? intent : undefined;
  }

  /** Finishes the write of a dead process, by writing all files of its set. */
  async function rollForward(): Promise<void> {
    const intent = await read();
    for (const { extension, data, ...options } of intent?.files ?? []) {
      if (data !== undefined) await writeFileAtomic(pathOf(extension), Buffer.from(data, 'base64'), options);
      else moveAside(pathOf(extension));
    }
    await removeFile(intentFile);
  }

  /** `files` in the order of their renames. On any error the old set is in place. */
  async function write(files: readonly (SetFile & { data?: string | undefined })[]): Promise<void> {
    await rollForward();
    await makeFolder(dirname(base));
    await makeFolder(dirname(intentFile));
    const replaces = hash(await readIfThere(pathOf('.crt')));
    const staged: Staged[] = [];
    try {
      for (const { extension, data, ...options } of files) {
        const path = pathOf(extension);
        const target = await targetOf(path);
        const temporary = data === undefined ? undefined : temporaryBeside(target);
        staged.push({ path, target, temporary, before: await existing(target) });
        if (temporary) await writeNewFile(temporary, Buffer.from(data ?? '', 'base64'), options);
      }
      const intent: Intent = { version: VERSION, ...(replaces ? { replaces } : {}), files };
      await writeFileAtomic(intentFile, JSON.stringify(intent));
    } catch (error) {
      await removeFile(intentFile).catch(() => {});
      for (const { temporary } of staged) if (temporary) await removeQuietly(temporary);
      const at = staged.at(-1)?.path ?? base;
      throw storageError('write', at, error instanceof StorageError && error.cause ? error.cause : error);
    }
    await exchange(staged);
    for (const folder of new Set(staged.map(({ target }) => dirname(target)))) {
      await syncFolder(folder).catch((error: unknown) => {
        throw storageError('write to', folder, error);
      });
    }
    await removeFile(intentFile);
  }

  async function exchange(staged: readonly Staged[]): Promise<void> {
    const done: Staged[] = [];
    try {
      // Synchronous, one right after the other: no signal handler and no other work can come in between.
      for (const file of staged) {
        if (file.temporary) renameSync(file.temporary, file.target);
        else moveAside(file.target);
        done.push(file);
      }
    } catch (error) {
      for (const { target, before } of done) {
        if (before) await writeFileAtomic(target, before.data, before.options);
        else await removeFile(target);
      }
      await removeFile(intentFile);
      for (const { temporary } of staged) if (temporary) await removeQuietly(temporary);
      throw storageError('write', staged[done.length]?.path ?? base, error);
    }
  }

  return { read, rollForward, write };
}

interface Staged {
  readonly path: string;
  readonly target: string;
  readonly temporary: string | undefined;
  readonly before: { readonly data: Buffer; readonly options: FileOptions } | undefined;
}

async function existing(target: string): Promise<Staged['before']> {
  const text = await readIfThere(target, 'latin1');
  return text === undefined ? undefined : { data: Buffer.from(text, 'latin1'), options: await fileOptions(target) };
}

/** Mode and owner of a file that is about to be replaced, so that what was set for a service stays. */
export async function fileOptions(path: string): Promise<FileOptions & { mode: number }> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return { mode: 0o600 };
  return { mode: found.mode & 0o777, owner: { uid: found.uid, gid: found.gid, optional: true } };
}

/** A key of the user's own is never deleted: `x.key` becomes `x.key.old`. */
function moveAside(path: string): void {
  try {
    renameSync(path, `${path}.old`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

export const intentFolder = (root: string): string => join(root, 'writes');
