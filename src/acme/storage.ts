import { join, resolve } from 'node:path';
import { makeFolder, probeFolder, sweepFolder } from '../files.ts';
import { acquireLock, type Lock } from '../lock.ts';
import { type Log, silentLog } from '../log.ts';
import { type AccountList, openAccounts } from './account-store.ts';
import { intentFolder } from './certificate-set.ts';
import { type CertificateList, openCertificates } from './certificate-store.ts';
import { openOrders } from './order-store.ts';
import { hostFolder, lockName, shortHash } from './store-names.ts';
import { permissionWarnings } from './store-permissions.ts';

export { fileNameOf } from './store-names.ts';

export interface StoredAccount {
  /** The e-mail address, or `noemail@example.com` as lego 5 has it for accounts without one. */
  readonly id: string;
  readonly email?: string | undefined;
  readonly directoryUrl: string;
  /** PEM: SEC1, PKCS#1 or PKCS#8. */
  readonly keyPem: string;
  /** The account's URL at the CA; absent until it is registered. */
  readonly url?: string | undefined;
  readonly contact?: readonly string[] | undefined;
  readonly status?: string | undefined;
}

/** An order that is under way, so that a run that dies can be resumed instead of repeated. */
export interface PendingOrder {
  readonly url: string;
  readonly directoryUrl: string;
  readonly accountUrl: string;
  readonly names: readonly string[];
  /** Fingerprint of everything that the certificate was asked to be. */
  readonly settings: string;
  readonly createdAt: string;
  readonly keyPem: string;
}

export interface CertificateSettings {
  readonly names: readonly string[];
  readonly directoryUrl: string;
  readonly accountId: string;
  readonly dns: string;
  readonly keyType: string;
  readonly profile?: string | undefined;
  readonly preferredChain?: string | undefined;
  readonly mustStaple: boolean;
  readonly bundle: boolean;
}

export interface StoredCertificate {
  readonly name: string;
  /** The certificate, with its issuers behind it when bundled. */
  readonly certificatePem: string;
  readonly issuerPem: string;
  readonly keyPem?: string | undefined;
  /** Of the certificate at the CA. */
  readonly url: string;
  /** Absent when lego wrote it. */
  readonly settings?: CertificateSettings | undefined;
}

export interface CertificatePaths {
  readonly certificate: string;
  readonly issuer: string;
  readonly key: string;
  readonly metadata: string;
}

/** How the files of a certificate are written. */
export interface CertificateFiles {
  /** Of all its files, less what would let everybody read a key. Unless given, files keep the mode and owner they have, and new ones are 0600. */
  readonly mode?: number | undefined;
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** More files of the same set, by extension: `{ '.pem': ..., '.pfx': ... }`. */
  readonly extra?: Readonly<Record<`.${string}`, string | Buffer>> | undefined;
}

interface WaitOptions {
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** lego's folders and files (docs/reference/store.md), with what quoin needs besides in folders of its own. */
export interface Store {
  /** Absolute. */
  readonly root: string;
  readonly journalFolder: string;
  /** `StorageError` where the store cannot be written to, found out before anything is ordered. */
  probe(): Promise<void>;
  /** Keys that others can read, folders that others can write to or own: one line each. */
  warnings(): Promise<readonly string[]>;
  /** `StorageError` where there is an account that cannot be read; never `undefined` then. */
  loadAccount(directoryUrl: string, id: string): Promise<StoredAccount | undefined>;
  /** Before registration (without `url`) and after it; the key is on disk first. */
  saveAccount(account: StoredAccount): Promise<void>;
  listAccounts(): Promise<AccountList>;
  paths(name: string): CertificatePaths;
  /** `StorageError` where its files are damaged or do not belong together. */
  readCertificate(name: string): Promise<StoredCertificate | undefined>;
  /** All files or none, also when the process dies in between: what was begun is finished by the next reader. */
  writeCertificate(certificate: StoredCertificate, files?: CertificateFiles): Promise<CertificatePaths>;
  /** The names of all certificates as `readCertificate` takes them, sorted. */
  listCertificates(): Promise<readonly string[]>;
  /** All certificates, quickly: keys are neither read nor checked. What cannot be read does not hide the others. */
  readCertificates(): Promise<CertificateList>;
  /** A damaged file is set aside, with a warning. */
  readPending(name: string): Promise<PendingOrder | undefined>;
  writePending(name: string, order: PendingOrder): Promise<void>;
  removePending(name: string): Promise<void>;
  lockAccount(directoryUrl: string, id: string, options: WaitOptions): Promise<Lock>;
  lockCertificate(name: string, options: WaitOptions): Promise<Lock>;
}

/** `log` is told what happens without being asked for: damaged files set aside. */
export function openStore(path: string, { log = silentLog }: { readonly log?: Log } = {}): Store {
  const root = resolve(path);
  const locks = join(root, 'locks');
  const certificateFolder = join(root, 'certificates');
  const accountFolder = join(root, 'accounts');
  const orderFolder = join(root, 'orders');
  const journalFolder = join(root, 'journal');
  const accounts = openAccounts(accountFolder);
  const certificates = openCertificates(root, log);
  const orders = openOrders(orderFolder, log);

  return {
    root,
    journalFolder,

    async probe() {
      await makeFolder(root);
      for (const folder of [accountFolder, certificateFolder, locks, orderFolder, journalFolder, intentFolder(root)]) {
        await probeFolder(folder);
        await sweepFolder(folder);
      }
    },
    warnings: () => permissionWarnings(root),

    loadAccount: accounts.load,
    saveAccount: accounts.save,
    listAccounts: accounts.list,

    paths: certificates.paths,
    readCertificate: certificates.read,
    writeCertificate: certificates.write,
    listCertificates: certificates.list,
    readCertificates: certificates.readAll,

    readPending: orders.read,
    writePending: orders.write,
    removePending: orders.remove,

    // By host, not by directory: two directories of one host choose between the same folders.
    lockAccount: (directoryUrl, id, options) =>
      acquireLock(join(locks, `account-${shortHash(`${hostFolder(directoryUrl)} ${id}`)}`), {
        what: `account ${id}`,
        ...options,
      }),
    lockCertificate: (name, options) =>
      acquireLock(join(locks, lockName('certificate', name)), { what: `certificate ${name}`, ...options }),
  };
}

/** The store's folder: as given, else an existing `./.lego`, else `./.quoin`. */
export const storeRoot = (cwd: string, given: string | undefined, legoExists: boolean): string =>
  resolve(cwd, given ?? (legoExists ? '.lego' : '.quoin'));
