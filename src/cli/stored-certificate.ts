import type { X509Certificate } from 'node:crypto';
import { domainToASCII } from 'node:url';
import { parseChain } from '../acme/certificate.ts';
import type { Store, StoredCertificate } from '../acme/storage.ts';
import { ConfigError, isAppError, StorageError } from '../errors.ts';

/** Enough to find a mistyped name; a store may hold thousands. */
const MOST_LISTED = 20;

/** A certificate of the store, whatever is the matter with its key. */
export interface Found {
  /** As the store has it: `_.example.com`. */
  readonly file: string;
  /** Without its key where `keyProblem` says why. */
  readonly stored: StoredCertificate;
  readonly keyProblem?: StorageError | undefined;
}

/**
 * What the store calls the certificate that somebody calls `*.example.com`, `Example.COM` or `bücher.example`. Throws
 * `ConfigError` that lists what is there.
 */
export async function findName(store: Store, given: string): Promise<string> {
  const known = await store.listCertificates();
  const wildcard = given.startsWith('*.');
  const ascii = `${wildcard ? '*.' : ''}${domainToASCII(wildcard ? given.slice(2) : given)}`.replace(/\.$/u, '');
  const spellings = [given, ascii].map((name) => name.replaceAll('*', '_').replaceAll(':', '-'));
  const found = spellings.find((name) => known.includes(name));
  if (found !== undefined) return found;
  const names = known.map((name) => name.replace(/^_\./u, '*.'));
  const more = names.length > MOST_LISTED ? ` and ${names.length - MOST_LISTED} more: see quoin list` : '';
  throw new ConfigError(`there is no certificate ${given} in ${store.root}`, {
    hint:
      names.length > 0
        ? `there are ${names.slice(0, MOST_LISTED).join(', ')}${more}`
        : 'the store is empty; name another one with --path',
    facts: { certificates: names },
  });
}

/** Throws `StorageError` where not even the certificate can be read. */
export async function readFound(store: Store, file: string): Promise<Found> {
  try {
    const stored = await store.readCertificate(file);
    if (stored) return { file, stored };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    // Perhaps only the key is damaged or of another certificate: of a certificate alone much can be told and done.
    const stored = await store.readListed(file);
    if (!stored || !isCertificate(stored.certificatePem)) throw error;
    return { file, stored, keyProblem: error };
  }
  throw new ConfigError(`there is no certificate ${file} in ${store.root} any more`);
}

function isCertificate(pem: string): boolean {
  try {
    return parseChain(pem).length > 0;
  } catch {
    return false;
  }
}

/** The leaf first. Throws `StorageError` where the file is damaged. */
export function chainOf({
  name,
  certificatePem,
  issuerPem,
}: StoredCertificate): [X509Certificate, ...X509Certificate[]] {
  try {
    const bundled = parseChain(certificatePem);
    const [leaf, ...issuers] = bundled.length > 1 ? bundled : parseChain(certificatePem + issuerPem);
    if (leaf) return [leaf, ...issuers];
  } catch (cause) {
    if (isAppError(cause)) throw cause;
    throw new StorageError(`the stored certificate ${name} is damaged: ${(cause as Error).message}`, { cause });
  }
  throw new StorageError(`the stored certificate ${name} is damaged: there is no certificate in the file`);
}
