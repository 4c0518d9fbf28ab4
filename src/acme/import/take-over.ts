import { createPublicKey, X509Certificate } from 'node:crypto';
import { basename, join } from 'node:path';
import { type AppError, ConfigError, isAppError } from '../../errors.ts';
import { makeFolder, namesIn, readIfThere, writeNewFile } from '../../files.ts';
import type { Log } from '../../log.ts';
import { fileNameOf, type Store, type StoredAccount, type StoredCertificate } from '../storage.ts';
import type { Found, FoundAccount, FoundCertificate } from './found.ts';

/** `kept`: something else of that name is in the store, and stays. */
export type ImportAction = 'imported' | 'replaced' | 'unchanged' | 'kept' | 'failed';

export interface Taken<T> {
  readonly found: T;
  readonly action: ImportAction;
  /** Why it failed or was kept. */
  readonly error?: AppError | undefined;
}

export interface TakeOverOptions {
  /** Only find out what would be done. */
  readonly dryRun: boolean;
  /** Replace what is in the store; a copy of it goes to `archives/`. */
  readonly force: boolean;
  readonly now: Date;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface TakenAll {
  readonly accounts: readonly Taken<FoundAccount>[];
  readonly certificates: readonly Taken<FoundCertificate>[];
}

/** Writes what was found to the store, accounts first. One that fails does not stop the others. */
export async function takeOver(
  { accounts, certificates }: Found,
  store: Store,
  options: TakeOverOptions,
): Promise<TakenAll> {
  const takenAccounts: Taken<FoundAccount>[] = [];
  for (const found of accounts) {
    options.signal.throwIfAborted();
    takenAccounts.push(await attempt(found, options.signal, () => takeAccount(found, store, options)));
  }
  const takenCertificates: Taken<FoundCertificate>[] = [];
  for (const found of certificates) {
    options.signal.throwIfAborted();
    takenCertificates.push(await attempt(found, options.signal, () => takeCertificate(found, store, options)));
  }
  return { accounts: takenAccounts, certificates: takenCertificates };
}

async function attempt<T>(found: T, signal: AbortSignal, take: () => Promise<ImportAction>): Promise<Taken<T>> {
  try {
    return { found, action: await take() };
  } catch (error) {
    if (signal.aborted || !isAppError(error)) throw error;
    return { found, action: error instanceof InTheWay ? 'kept' : 'failed', error };
  }
}

/** Not an error of anybody's: the store has something else there. */
class InTheWay extends ConfigError {}

async function takeAccount({ account }: FoundAccount, store: Store, options: TakeOverOptions): Promise<ImportAction> {
  const { directoryUrl, id } = account;
  const act = async (): Promise<ImportAction> => {
    const there = await store.loadAccount(directoryUrl, id);
    const action = decideAccount(there, account, options.force);
    if (options.dryRun || action === 'unchanged') return action;
    if (there && action === 'replaced') await archive(store, `${basename(id)}.key`, there.keyPem, options.now);
    await store.saveAccount(account);
    return action;
  };
  return options.dryRun ? act() : locked(store.lockAccount(directoryUrl, id, options), act);
}

function decideAccount(there: StoredAccount | undefined, account: StoredAccount, force: boolean): ImportAction {
  if (!there) return 'imported';
  if (publicKey(there.keyPem) === publicKey(account.keyPem)) {
    // The same account, perhaps without its address so far.
    return there.url === undefined && account.url !== undefined ? 'imported' : 'unchanged';
  }
  if (force) return 'replaced';
  throw new InTheWay(`the store has another account ${account.id} at ${account.directoryUrl}`, {
    hint: 'it is used for the certificates of both; replace it with --force, or import with another --email',
  });
}

const publicKey = (keyPem: string): string =>
  createPublicKey(keyPem).export({ type: 'spki', format: 'der' }).toString('base64');

async function takeCertificate(
  { stored }: FoundCertificate,
  store: Store,
  options: TakeOverOptions,
): Promise<ImportAction> {
  const file = fileNameOf(stored.name);
  const act = async (): Promise<ImportAction> => {
    const action = await decideCertificate(stored, file, store, options.force);
    if (options.dryRun || action === 'unchanged') return action;
    if (action === 'replaced') await archiveCopies(store, file, options.now);
    await store.writeCertificate(stored);
    return action;
  };
  return options.dryRun ? act() : locked(store.lockCertificate(file, options), act);
}

async function decideCertificate(
  stored: StoredCertificate,
  file: string,
  store: Store,
  force: boolean,
): Promise<ImportAction> {
  const there = await store.readCertificate(file).catch((error: unknown) => {
    if (!force || !isAppError(error)) throw error;
    return 'damaged' as const;
  });
  if (there === undefined) return 'imported';
  if (there !== 'damaged' && serial(there) === serial(stored) && there.name === stored.name) {
    const lacks = (there.settings === undefined && stored.settings) || (there.keyPem === undefined && stored.keyPem);
    return lacks ? 'imported' : force ? 'replaced' : 'unchanged';
  }
  if (force) return 'replaced';
  throw new InTheWay(`the store has another certificate ${stored.name}`, { hint: 'replace it with --force' });
}

const serial = ({ certificatePem }: StoredCertificate): string => new X509Certificate(certificatePem).fingerprint256;

async function locked<T>(lock: Promise<{ release(): Promise<void> }>, act: () => Promise<T>): Promise<T> {
  const held = await lock;
  try {
    return await act();
  } finally {
    await held.release();
  }
}

/** Copies, since what is there must not be gone before what replaces it is in place. */
async function archiveCopies(store: Store, file: string, now: Date): Promise<void> {
  for (const path of Object.values(store.paths(file))) {
    const text = await readIfThere(path).catch(() => undefined);
    if (text !== undefined) await archive(store, basename(path), text, now);
  }
}

/** As `quoin revoke` names what it puts aside, and never over another one. */
async function archive(store: Store, file: string, text: string, now: Date): Promise<void> {
  const folder = join(store.root, 'archives');
  await makeFolder(folder);
  const there = new Set(await namesIn(folder));
  let seconds = Math.floor(now.getTime() / 1000);
  while (there.has(`${seconds}.${file}`)) seconds += 1;
  await writeNewFile(join(folder, `${seconds}.${file}`), text);
}
