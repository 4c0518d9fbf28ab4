import { createHash, createPrivateKey } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ConfigError, StorageError } from '../errors.ts';
import {
  makeFolder,
  readIfThere,
  readJson,
  storageError,
  syncFolder,
  writeFileAtomic,
  writeNewFile,
} from '../files.ts';
import { acquireLock, type Lock } from '../lock.ts';
import type { Log } from '../log.ts';

export interface StoredAccount {
  /** The e-mail address, or `noemail@example.com` as lego 5 has it for accounts without one. */
  readonly id: string;
  readonly email?: string | undefined;
  readonly directoryUrl: string;
  /** PEM, SEC1 or PKCS#1: lego 4 reads no other. */
  readonly keyPem: string;
  /** The account's URL at the CA; absent until it is registered. */
  readonly url?: string | undefined;
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

interface WaitOptions {
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** lego's folders and files (docs/reference/store.md), with what quoin needs besides in folders of its own. */
export interface Store {
  readonly root: string;
  readonly journalFolder: string;
  /** `StorageError` where the store cannot be written to, found out before anything is ordered. */
  probe(): Promise<void>;
  loadAccount(directoryUrl: string, id: string): Promise<StoredAccount | undefined>;
  saveAccount(account: StoredAccount): Promise<void>;
  paths(name: string): CertificatePaths;
  readCertificate(name: string): Promise<StoredCertificate | undefined>;
  /** All files or none, also when the process dies in between: what was begun is finished by the next reader. */
  writeCertificate(certificate: StoredCertificate): Promise<CertificatePaths>;
  /** The names of all certificates, sorted. */
  listCertificates(): Promise<readonly string[]>;
  readPending(name: string): Promise<PendingOrder | undefined>;
  writePending(name: string, order: PendingOrder): Promise<void>;
  removePending(name: string): Promise<void>;
  lockAccount(directoryUrl: string, id: string, options: WaitOptions): Promise<Lock>;
  lockCertificate(name: string, options: WaitOptions): Promise<Lock>;
}

/** What lego 4 (`email`, `registration`) and lego 5 (all of it) keep in account.json. */
interface AccountFile {
  readonly id?: string;
  readonly email?: string;
  readonly keyType?: string;
  readonly server?: string;
  readonly registration?: { readonly body?: { readonly status?: string }; readonly uri?: string } | null;
}
interface MetadataFile {
  readonly domain?: string;
  readonly certUrl?: string;
  readonly quoin?: { readonly version: 1 } & CertificateSettings;
}

/** `*.example.com` is stored as `_.example.com`, as lego does. Nothing that a name can hold leads out of the folder. */
export function fileNameOf(name: string): string {
  const file = name.replaceAll('*', '_').replaceAll(':', '-');
  if (!/^[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*$/u.test(file) || file.includes('..')) {
    throw new ConfigError(`${name} cannot be the name of a file`);
  }
  return file;
}

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8);

export function openStore(root: string): Store {
  const certificates = join(root, 'certificates');
  const locks = join(root, 'locks');
  const orders = join(root, 'orders');

  /** Two directories on one host must not share an account: the second one's folder carries a hash. */
  const accountFolders = (directoryUrl: string, id: string): string[] => {
    const host = new URL(directoryUrl).host.replaceAll(':', '_');
    return [host, `${host}_${shortHash(directoryUrl)}`].map((folder) => join(root, 'accounts', folder, fileNameOf(id)));
  };
  const belongsTo = ({ server, registration }: AccountFile, directoryUrl: string): boolean =>
    server
      ? server === directoryUrl
      : !registration?.uri || new URL(registration.uri).host === new URL(directoryUrl).host;

  async function findAccount(directoryUrl: string, id: string) {
    for (const folder of accountFolders(directoryUrl, id)) {
      const file = await readJson<AccountFile>(join(folder, 'account.json'));
      if (file === undefined) return { folder };
      if (belongsTo(file, directoryUrl)) return { folder, file };
    }
    throw new StorageError(`the accounts of ${id} at ${directoryUrl} are in disorder`);
  }

  const keyFiles = (folder: string, id: string) => [
    join(folder, 'keys', `${fileNameOf(id)}.key`), // lego 4
    join(folder, `${fileNameOf(id)}.key`), // lego 5
  ];

  const part = (name: string, extension: string) => join(certificates, `${fileNameOf(name)}${extension}`);
  const paths = (name: string): CertificatePaths => ({
    certificate: part(name, '.crt'),
    issuer: part(name, '.issuer.crt'),
    key: part(name, '.key'),
    metadata: part(name, '.json'),
  });

  /** Finishes a write that had passed its commit point when its process died. */
  async function finishWrite(name: string): Promise<void> {
    const commit = part(name, '.commit');
    const intent = await readJson<{ extensions: string[] }>(commit);
    if (!intent) return;
    for (const extension of intent.extensions) {
      await rename(part(name, `${extension}.new`), part(name, extension)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw storageError('write', part(name, extension), error);
      });
    }
    await syncFolder(certificates);
    await rm(commit, { force: true });
  }

  return {
    root,
    journalFolder: join(root, 'journal'),
    paths,

    async probe() {
      for (const folder of [join(root, 'accounts'), certificates, locks, orders, join(root, 'journal')]) {
        await makeFolder(folder);
      }
      const file = join(certificates, `.probe-${shortHash(String(process.hrtime.bigint()))}`);
      await writeNewFile(file, Buffer.alloc(64 * 1024, 1));
      await rm(file, { force: true });
    },

    async loadAccount(directoryUrl, id) {
      const { folder, file } = await findAccount(directoryUrl, id);
      for (const path of keyFiles(folder, id)) {
        const keyPem = await readIfThere(path);
        if (keyPem === undefined) continue;
        checkKey(keyPem, path);
        return { id, email: file?.email, directoryUrl, keyPem, url: file?.registration?.uri || undefined };
      }
      if (!file) return undefined;
      throw new StorageError(`${join(folder, 'account.json')} has no key beside it`, {
        hint: `restore ${keyFiles(folder, id)[0]} from a backup, or move the folder away to register a new account`,
      });
    },

    async saveAccount({ id, email, directoryUrl, keyPem, url }) {
      const { folder, file } = await findAccount(directoryUrl, id);
      await makeFolder(join(folder, 'keys'));
      for (const path of keyFiles(folder, id)) {
        if ((await readIfThere(path)) !== keyPem) await writeFileAtomic(path, keyPem);
      }
      if (url === undefined) return; // lego takes an account file without registration for a broken account.
      const content: AccountFile = {
        ...file,
        id,
        email: email ?? '',
        server: directoryUrl,
        registration: { ...file?.registration, body: { status: 'valid', ...file?.registration?.body }, uri: url },
      };
      await writeFileAtomic(join(folder, 'account.json'), `${JSON.stringify(content, null, '\t')}\n`);
    },

    async readCertificate(name) {
      await finishWrite(name);
      const at = paths(name);
      const certificatePem = await readIfThere(at.certificate);
      if (certificatePem === undefined) return undefined;
      const metadata = await readJson<MetadataFile>(at.metadata);
      return {
        name: metadata?.domain ?? name,
        certificatePem,
        issuerPem: (await readIfThere(at.issuer)) ?? '',
        keyPem: await readIfThere(at.key),
        url: metadata?.certUrl ?? '',
        settings: metadata?.quoin,
      };
    },

    async writeCertificate({ name, certificatePem, issuerPem, keyPem, url, settings }) {
      await finishWrite(name);
      const metadata = {
        domain: name,
        certUrl: url,
        certStableUrl: url,
        ...(settings ? { quoin: { version: 1, ...settings } } : {}),
      };
      const files: [extension: string, content: string][] = [
        ...(keyPem === undefined ? [] : [['.key', keyPem] as [string, string]]),
        ['.crt', certificatePem],
        ['.issuer.crt', issuerPem],
        ['.json', `${JSON.stringify(metadata, null, '\t')}\n`],
      ];
      await makeFolder(certificates);
      try {
        for (const [extension, content] of files) {
          await rm(part(name, `${extension}.new`), { force: true });
          await writeNewFile(part(name, `${extension}.new`), content);
        }
        // From here on the new set counts: whoever finds this file finishes the renames.
        await writeFileAtomic(
          part(name, '.commit'),
          JSON.stringify({ extensions: files.map(([extension]) => extension) }),
        );
      } catch (error) {
        for (const [extension] of files) await rm(part(name, `${extension}.new`), { force: true });
        throw error;
      }
      await finishWrite(name);
      return paths(name);
    },

    async listCertificates() {
      const files = await readdir(certificates).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw storageError('read', certificates, error);
      });
      return files
        .filter((file) => file.endsWith('.crt') && !file.endsWith('.issuer.crt'))
        .map((file) => file.slice(0, -'.crt'.length))
        .sort();
    },

    readPending: (name) => readJson<PendingOrder>(join(orders, `${fileNameOf(name)}.json`)),
    async writePending(name, order) {
      await makeFolder(orders);
      await writeFileAtomic(join(orders, `${fileNameOf(name)}.json`), JSON.stringify({ version: 1, ...order }));
    },
    removePending: (name) => rm(join(orders, `${fileNameOf(name)}.json`), { force: true }),

    lockAccount: (directoryUrl, id, options) =>
      acquireLock(join(locks, `account-${shortHash(`${directoryUrl} ${id}`)}`), { what: `account ${id}`, ...options }),
    lockCertificate: (name, options) =>
      acquireLock(join(locks, `certificate-${fileNameOf(name)}`), { what: `certificate ${name}`, ...options }),
  };
}

/** The store's folder: as given, else an existing `./.lego`, else `./.quoin`. */
export const storeRoot = (cwd: string, given: string | undefined, legoExists: boolean): string =>
  resolve(cwd, given ?? (legoExists ? '.lego' : '.quoin'));

function checkKey(pem: string, path: string): void {
  try {
    createPrivateKey(pem);
  } catch (cause) {
    throw new StorageError(`${path} is damaged: it holds no private key`, {
      cause,
      hint: 'restore it from a backup; without it the account cannot be used',
    });
  }
}
