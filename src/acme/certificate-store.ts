import { X509Certificate } from 'node:crypto';
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, isAppError, StorageError } from '../errors.ts';
import { damaged, type FileOptions, namesIn, readIfThere, readJson, refuseNewer } from '../files.ts';
import { acquireLock, type Lock, tryLock } from '../lock.ts';
import type { Log } from '../log.ts';
import { readRecord } from './certificate-record.ts';
import { certificateSet, contentOf, fileOptions, type Intent, intentFolder, type SetFile } from './certificate-set.ts';
import type { CertificateFiles, CertificatePaths, CertificateSettings, StoredCertificate } from './storage.ts';
import { fileNameOf, lockName } from './store-names.ts';
import { legoKeyType, readKey } from './stored-keys.ts';

const VERSION = 1;
/** A set is written within milliseconds; who waits longer has met a hanging file system. */
const WRITE_WAIT_MS = 30_000;

/** lego 4 has `domain`, lego 5 `id`, `domains` and `keyType`; both have the URLs and ignore the rest. */
interface Metadata {
  readonly id?: string;
  readonly domain?: string;
  readonly certUrl?: string;
  readonly quoin?: { readonly version: number } & CertificateSettings;
}

/** Without keys: reading a thousand of them takes seconds. */
export type ListedCertificate = Omit<StoredCertificate, 'keyPem'>;

export interface CertificateStore {
  paths(name: string): CertificatePaths;
  read(name: string): Promise<StoredCertificate | undefined>;
  write(certificate: StoredCertificate, files?: CertificateFiles): Promise<CertificatePaths>;
  list(): Promise<readonly string[]>;
  readListed(name: string): Promise<ListedCertificate | undefined>;
  stamp(name: string): string;
}

export function openCertificates(root: string, log: Log): CertificateStore {
  const folder = join(root, 'certificates');
  const part = (name: string, extension: string) => join(folder, `${fileNameOf(name)}${extension}`);
  const intentOf = (name: string) => join(intentFolder(root), `${fileNameOf(name)}.json`);
  const lockOf = (name: string) => join(root, 'locks', lockName('write', name));
  const setOf = (name: string) => certificateSet(part(name, ''), intentOf(name));
  const paths = (name: string): CertificatePaths => ({
    certificate: part(name, '.crt'),
    issuer: part(name, '.issuer.crt'),
    key: part(name, '.key'),
    metadata: part(name, '.json'),
  });

  /** Finishes what a dead process began, unless its set is being written right now or the store is read-only. */
  async function finish(name: string): Promise<void> {
    let lock: Lock | undefined;
    try {
      lock = await tryLock(lockOf(name));
      if (lock) await setOf(name).rollForward();
    } catch (error) {
      if (!isAppError(error)) throw error;
      log.debug(`the new files of ${name} are not in place yet: ${error.message}`);
    } finally {
      await lock?.release();
    }
  }

  async function readFiles(name: string, withKey = true): Promise<Files | undefined> {
    const at = paths(name);
    const certificatePem = await readIfThere(at.certificate);
    if (certificatePem === undefined) return undefined;
    return {
      certificatePem,
      issuerPem: (await readIfThere(at.issuer)) ?? '',
      keyPem: withKey ? await readIfThere(at.key) : undefined,
      metadata: await readJson<Metadata>(at.metadata),
    };
  }

  async function read(name: string): Promise<StoredCertificate | undefined> {
    for (let tries = 1; ; tries += 1) {
      const intent = await setOf(name).read();
      if (intent) await finish(name);
      const files = intent ? filesOf(intent) : await readFiles(name);
      if (!files) return undefined;
      const at = paths(name);
      const leaf = readLeaf(files.certificatePem, at.certificate);
      if (files.keyPem === undefined || leaf.checkPrivateKey(readKey(files.keyPem, at.key))) {
        return toStored(name, files, at.metadata);
      }
      // Perhaps another process was replacing the files while they were read one by one.
      if (tries === 5) {
        throw new StorageError(`${at.key} does not belong to ${basename(at.certificate)}`, {
          hint: `restore the pair from a backup, or move both away to obtain a new certificate`,
        });
      }
      await sleep(tries * 10);
    }
  }

  const list = async (): Promise<readonly string[]> => {
    const found = (await namesIn(folder)).flatMap((file) =>
      file.endsWith('.crt') && !file.endsWith('.issuer.crt') ? [file.slice(0, -'.crt'.length)] : [],
    );
    // A first write that died before its renames is to be finished, too.
    const begun = (await namesIn(intentFolder(root))).flatMap((file) =>
      file.endsWith('.json') ? [file.slice(0, -'.json'.length)] : [],
    );
    return [...new Set([...found, ...begun])].sort();
  };

  return {
    paths,
    read,
    list,

    async write(certificate, { mode, owner, extra = {} } = {}) {
      const { name, certificatePem, issuerPem, keyPem } = certificate;
      const at = paths(name);
      const leaf = readLeaf(certificatePem, at.certificate);
      if (keyPem !== undefined && !leaf.checkPrivateKey(readKey(keyPem, at.key))) {
        throw new StorageError(`the new key and certificate of ${name} do not belong together`);
      }
      const signal = AbortSignal.timeout(WRITE_WAIT_MS);
      const lock = await acquireLock(lockOf(name), { what: `the files of ${name}`, log, signal }).catch((error) => {
        throw isAppError(error) ? error : new StorageError(`${lockOf(name)} is not let go of`, { cause: error });
      });
      try {
        await refuseOtherName(name, at.metadata);
        const oldKey = keyPem === undefined ? await readIfThere(at.key) : undefined;
        const keyStays = oldKey !== undefined && leaf.checkPrivateKey(readKey(oldKey, at.key));
        const key = keyPem !== undefined ? [file('.key', keyPem)] : keyStays ? [] : [{ extension: '.key' }];
        const contents: SetFile[] = [
          ...key,
          file('.crt', certificatePem),
          ...Object.entries(extra).map(([extension, data]) => file(extension, data)),
          file('.issuer.crt', issuerPem),
          file('.json', metadataOf(certificate, leaf)),
        ];
        const set = await Promise.all(
          contents.map(async (one) => ({ ...one, ...(await optionsFor(part(name, one.extension), mode, owner)) })),
        );
        await setOf(name).write(set);
        return at;
      } finally {
        await lock.release();
      }
    },

    async readListed(name) {
      const begun = (await setOf(name).read()) !== undefined;
      const files = begun ? await read(name) : await readFiles(name, false);
      if (!files) return undefined;
      const { keyPem: _, ...stored } = 'name' in files ? files : toStored(name, files, paths(name).metadata);
      return stored;
    },

    stamp(name) {
      const found = statSync(part(name, '.crt'), { throwIfNoEntry: false });
      return found ? `${found.mtimeMs} ${found.size} ${found.ino}` : '';
    },
  };
}

interface Files {
  readonly certificatePem: string;
  readonly issuerPem: string;
  readonly keyPem: string | undefined;
  readonly metadata: Metadata | undefined;
}

const file = (extension: string, data: string | Buffer): SetFile => ({
  extension,
  data: Buffer.from(data as string).toString('base64'),
});

const filesOf = (intent: Intent): Files => ({
  certificatePem: contentOf(intent, '.crt') ?? '',
  issuerPem: contentOf(intent, '.issuer.crt') ?? '',
  keyPem: contentOf(intent, '.key'),
  metadata: JSON.parse(contentOf(intent, '.json') ?? '{}') as Metadata,
});

function readLeaf(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    const why = pem.trim() === '' ? 'it is empty' : 'it does not begin with a certificate';
    throw damaged(path, why, 'restore it from a backup, or move it away to obtain a new certificate', cause);
  }
}

function toStored(name: string, { metadata, ...pems }: Files, path: string): StoredCertificate {
  const { certUrl, quoin } = metadata ?? {};
  refuseNewer(path, quoin?.version, VERSION);
  return {
    ...pems,
    name: nameIn(metadata) ?? name,
    url: typeof certUrl === 'string' ? certUrl : '',
    settings: readRecord(quoin, path),
  };

  /** What the certificate calls itself, unless its files are called otherwise (`--filename` of lego 4): those are what we find it by. */
  function nameIn({ domain, id }: Metadata = {}): string | undefined {
    return [domain, id].find((one) => typeof one === 'string' && sharesFiles(one, name));
  }
}

function metadataOf({ name, url, settings }: StoredCertificate, leaf: X509Certificate): string {
  const domains = (leaf.subjectAltName ?? '')
    .split(', ')
    .flatMap((san) => /^(?:DNS|IP Address):(.*)$/u.exec(san)?.[1] ?? []);
  const { preferredChain, profile } = settings ?? {};
  const metadata = {
    id: name,
    domain: name,
    domains,
    keyType: legoKeyType(leaf.publicKey),
    ...(preferredChain ? { preferredChain } : {}),
    ...(profile ? { profile } : {}),
    certUrl: url,
    certStableUrl: url,
    ...(settings ? { quoin: { version: VERSION, ...settings } } : {}),
  };
  return `${JSON.stringify(metadata, null, '\t')}\n`;
}

function sharesFiles(a: string, b: string): boolean {
  const [one, other] = [a, b].map((name) => name.replaceAll('*', '_').replaceAll(':', '-'));
  return one === other;
}

/** `_.example.com` must not overwrite `*.example.com`. Unreadable metadata is about to be replaced and says nothing. */
async function refuseOtherName(name: string, path: string): Promise<void> {
  const { domain, id } = (await readJson<Metadata>(path).catch(() => undefined)) ?? {};
  const other = domain ?? id;
  if (typeof other === 'string' && other !== name && sharesFiles(other, name)) {
    throw new ConfigError(`${name} and ${other} would have the same files`, { hint: 'choose another name' });
  }
}

/** What a user set with chmod and chown stays, as with lego; only a key is never readable by everybody. */
async function optionsFor(path: string, mode: number | undefined, owner: FileOptions['owner']): Promise<FileOptions> {
  const before = await fileOptions(path);
  const allowed = /\.(?:key|pem|pfx)$/u.test(path) ? 0o660 : 0o666;
  return { mode: (mode ?? before.mode) & allowed, owner: owner ?? before.owner };
}
