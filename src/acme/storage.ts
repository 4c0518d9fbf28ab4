import { join, resolve } from 'node:path';
import { makeFolder, probeFolder, sweepFolder } from '../files.ts';
import { acquireLock, type Lock } from '../lock.ts';
import { type Log, silentLog } from '../log.ts';
import { type AccountList, type AccountStore, openAccounts } from './account-store.ts';
import { intentFolder } from './certificate-set.ts';
import { type ListedCertificate, openCertificates } from './certificate-store.ts';
import { openOrders } from './order-store.ts';
import { openRenewals, type RenewalState } from './renewal-state.ts';
import { hostFolder, lockName, shortHash } from './store-names.ts';
import { permissionWarnings } from './store-permissions.ts';

export { fileNameOf } from './store-names.ts';
export type { ListedCertificate };

export interface StoredAccount {
  /** The e-mail address, or `noemail@example.com` as lego 5 has it for accounts without one. */
  readonly id: string;
  readonly email?: string | undefined;
  readonly directoryUrl: string;
  /** PEM: SEC1, PKCS#1 or PKCS#8. */
  readonly keyPem: string;
  /** While a change of the key is under way: the new one, which the CA may know already (account-key.ts). */
  readonly nextKeyPem?: string | undefined;
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
  /** Absent when the user brought the request (CSR). */
  readonly keyPem?: string | undefined;
}

/** A hook: a text for `sh -c`, or a program and its arguments. */
export type HookCommand = string | readonly string[];

/** All that a certificate was asked to be, kept with it so that a renewal needs credentials only. */
export interface CertificateSettings {
  readonly names: readonly string[];
  /** Where the certificate came from. */
  readonly directoryUrl: string;
  /** As typed after `--server`, in the order of preference; absent: `directoryUrl` alone. */
  readonly servers?: readonly string[] | undefined;
  readonly accountId: string;
  /** As typed after `--dns`: `cloudflare`, `example.org=route53@ORG`. Empty when the certificate was imported from where that is not known. */
  readonly dns: readonly string[];
  /** Of a new key. With `csrPem` or `privateKeyFile`: of that key. */
  readonly keyType: string;
  readonly profile?: string | undefined;
  readonly preferredChain?: string | undefined;
  readonly mustStaple: boolean;
  readonly bundle: boolean;
  /** Whether the first name also becomes the common name; absent: yes. */
  readonly commonName?: boolean | undefined;
  /** The next certificate gets the key of this one. */
  readonly reuseKey?: boolean | undefined;
  /** The request that the user brought; the key stays with the user. */
  readonly csrPem?: string | undefined;
  /** Absolute path of the key that the user brought. */
  readonly privateKeyFile?: string | undefined;
  /** Renew so many days before the end, whatever the CA suggests. */
  readonly renewDays?: number | undefined;
  readonly resolvers?: readonly string[] | undefined;
  readonly propagation?: PropagationSettings | undefined;
  /** Absolute paths of PEM files with the roots of a private CA. */
  readonly caCertificates?: readonly string[] | undefined;
  readonly files?: FileSettings | undefined;
  readonly hooks?: HookSettings | undefined;
}

/** How to know that the TXT records are visible. */
export interface PropagationSettings {
  /** Milliseconds to wait instead of asking. */
  readonly waitMs?: number | undefined;
  /** Ask the authoritative servers; absent: yes. */
  readonly authoritative?: boolean | undefined;
  /** Ask the resolvers too; absent: no. */
  readonly recursive?: boolean | undefined;
}

export type PfxFormat = 'SHA256' | 'DES' | 'RC2';

/** More files than lego's four, and how all are written. */
export interface FileSettings {
  readonly pem?: boolean | undefined;
  readonly pfx?: PfxFormat | undefined;
  /** Octal: `640`. */
  readonly mode?: string | undefined;
  /** `user`, `user:group` or `:group`, by name or number. */
  readonly owner?: string | undefined;
}

export interface HookSettings {
  /** Absolute: the folder that the hooks run in, whoever renews. */
  readonly cwd?: string | undefined;
  readonly pre?: HookCommand | undefined;
  readonly deploy?: HookCommand | undefined;
  readonly post?: HookCommand | undefined;
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
  /** The same, and what only the commands about accounts need. */
  readonly accounts: AccountStore;
  paths(name: string): CertificatePaths;
  /** `StorageError` where its files are damaged or do not belong together. */
  readCertificate(name: string): Promise<StoredCertificate | undefined>;
  /** All files or none, also when the process dies in between: what was begun is finished by the next reader. */
  writeCertificate(certificate: StoredCertificate, files?: CertificateFiles): Promise<CertificatePaths>;
  /** The names of all certificates as `readCertificate` takes them, sorted. */
  listCertificates(): Promise<readonly string[]>;
  /** Quickly: the key is neither read nor checked, and what stands in the file is taken for a certificate. */
  readListed(name: string): Promise<ListedCertificate | undefined>;
  /** Changes whenever the certificate's file does. */
  stamp(name: string): string;
  /** A damaged file is set aside, with a warning. */
  readPending(name: string, directoryUrl?: string): Promise<PendingOrder | undefined>;
  writePending(name: string, order: PendingOrder): Promise<void>;
  /** At this CA, or at all of them. */
  removePending(name: string, directoryUrl?: string): Promise<void>;
  /** When to renew it, and how the last attempt went; undefined when nothing is known. */
  readRenewal(name: string): Promise<RenewalState | undefined>;
  writeRenewal(name: string, state: RenewalState): Promise<void>;
  removeRenewal(name: string): Promise<void>;
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
  const renewalFolder = join(root, 'renewals');
  const renewals = openRenewals(renewalFolder);

  return {
    root,
    journalFolder,

    async probe() {
      await makeFolder(root);
      const written = [accountFolder, certificateFolder, locks, orderFolder, journalFolder, renewalFolder];
      for (const folder of [...written, intentFolder(root)]) {
        await probeFolder(folder);
        await sweepFolder(folder);
      }
    },
    warnings: () => permissionWarnings(root),

    loadAccount: accounts.load,
    saveAccount: accounts.save,
    listAccounts: accounts.list,
    accounts,

    paths: certificates.paths,
    readCertificate: certificates.read,
    writeCertificate: certificates.write,
    listCertificates: certificates.list,
    readListed: certificates.readListed,
    stamp: certificates.stamp,

    readPending: orders.read,
    writePending: orders.write,
    removePending: orders.remove,

    readRenewal: renewals.read,
    writeRenewal: renewals.write,
    removeRenewal: renewals.remove,

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
