import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isAppError } from '../../errors.ts';
import { damaged } from '../../files.ts';
import { describeCertificate, toPem } from '../certificate.ts';
import { directories } from '../directories.ts';
import { type KeyType, keyTypes } from '../keys.ts';
import { normalizeNames } from '../names.ts';
import type { CertificateSettings, HookSettings } from '../storage.ts';
import { legoKeyType } from '../stored-keys.ts';
import type { FoundCertificate, ImportHints } from './found.ts';

/** The texts of a certificate's files, with their names for messages. */
export interface Pems {
  readonly certificateFile: string;
  /** With the issuers behind it, or without. */
  readonly certificate: string;
  /** Those that are in a file of their own. */
  readonly issuer?: string | undefined;
  readonly keyFile: string;
  /** Absent: the certificate was made from a request. */
  readonly key?: string | undefined;
}

/** What the other client has written down for the renewal. */
export interface Wishes {
  /** Absent: not known, and then nothing is recorded. */
  readonly directoryUrl: string | undefined;
  readonly accountId: string;
  readonly dns: readonly string[];
  /** Where `dns` is empty: how the names were proven, for people: `webroot`. */
  readonly proof?: string | undefined;
  readonly profile?: string | undefined;
  readonly preferredChain?: string | undefined;
  readonly mustStaple?: boolean | undefined;
  readonly reuseKey?: boolean | undefined;
  readonly renewDays?: number | undefined;
  readonly hooks?: HookSettings | undefined;
}

export interface Raw {
  readonly from: string;
  readonly name: string;
  readonly pems: Pems;
  /** Of the certificate at the CA. */
  readonly url: string;
  /** A record of quoin's own, which says everything. */
  readonly settings?: CertificateSettings | undefined;
  readonly wishes: Wishes;
  readonly notes?: readonly string[];
}

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/gu;
/** The object identifier of "must staple" (RFC 7633), as it stands in a certificate. */
const TLS_FEATURE = Buffer.from('06082b06010505070118', 'hex');
const HINT = 'restore it there and import again, or obtain the certificate anew with quoin run';

/** Checks that the files belong together. @throws StorageError that names the damaged file */
export function buildCertificate(raw: Raw, hints: ImportHints): FoundCertificate {
  const { from, name, pems, url, wishes } = raw;
  const certificates = blocksOf(pems.certificate, pems.certificateFile);
  const leaf = certificates.find(({ ca }) => !ca) ?? (certificates[0] as X509Certificate);
  const behind = certificates.filter((one) => one !== leaf);
  const issuers = behind.length > 0 || !pems.issuer ? behind : blocksOf(pems.issuer, pems.certificateFile);
  const keyPem = pems.key === undefined ? undefined : readKeyFor(leaf, pems.key, pems);
  const notes = [...(raw.notes ?? [])];
  const hooks = wishes.hooks ?? {};
  const settings = raw.settings ?? record(name, leaf, wishes, { hints, bundle: behind.length > 0, notes });
  // Commands of another program run only when the user has said so.
  const taken = hints.hooks && Object.keys(hooks).length > 0 ? hooks : undefined;
  return {
    from,
    hooks,
    notes,
    stored: {
      name,
      certificatePem: toPem([leaf, ...behind]),
      issuerPem: toPem(issuers),
      keyPem,
      url,
      settings: settings && { ...settings, hooks: taken },
    },
  };
}

function blocksOf(pem: string, file: string): X509Certificate[] {
  const blocks = pem.match(BLOCK) ?? [];
  if (blocks.length === 0) {
    throw damaged(file, pem.trim() === '' ? 'it is empty' : 'there is no certificate in it', HINT);
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw damaged(file, 'a certificate in it cannot be read', HINT, cause);
  }
}

/** PKCS#8, whatever it was: PKCS#1, SEC1 with or without its parameters, PKCS#8. */
function readKeyFor(leaf: X509Certificate, pem: string, { keyFile, certificateFile }: Pems): string {
  const key = privateKeyOf(pem, keyFile);
  if (!leaf.checkPrivateKey(key)) throw damaged(keyFile, `it is not the key of ${certificateFile}`, HINT);
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The private key of a PEM text. @throws StorageError that names the file */
export function privateKeyOf(pem: string, file: string): KeyObject {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/mu.test(pem)) {
    throw damaged(file, 'the key is protected by a passphrase', 'write it without one and import again');
  }
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw damaged(file, pem.trim() === '' ? 'it is empty' : 'it holds no private key', HINT, cause);
  }
}

interface Recording {
  readonly hints: ImportHints;
  readonly bundle: boolean;
  readonly notes: string[];
}

/** What quoin needs to renew; undefined, with a note, where it could not or where the CA is not known. */
function record(
  name: string,
  leaf: X509Certificate,
  wishes: Wishes,
  { hints, bundle, notes }: Recording,
): CertificateSettings | undefined {
  const { accountId, profile, preferredChain, reuseKey, renewDays } = wishes;
  const directoryUrl = wishes.directoryUrl ?? hints.servers[0];
  if (directoryUrl === undefined) {
    notes.push('its CA is not known, so how to renew it is not recorded: name the CA with --server and import again');
    return undefined;
  }
  const names = namesToRenew(name, leaf, notes);
  if (!names) return undefined;
  const dns = wishes.dns.length > 0 ? wishes.dns : hints.dns;
  if (dns.length === 0) {
    const how = wishes.proof ? ` (its names were proven by ${wishes.proof})` : '';
    notes.push(`its DNS provider is not known${how}: name one with --dns, now or when it is renewed`);
  }
  const has = legoKeyType(leaf.publicKey);
  const keyType = nearestKeyType(has);
  if (keyType !== has.toLowerCase()) notes.push(`quoin makes no keys like its own: the next one will be ${keyType}`);
  const caCertificates = Object.values(directories).includes(directoryUrl) ? [] : hints.caCertificates;
  return {
    names,
    directoryUrl,
    accountId,
    dns,
    keyType,
    profile,
    preferredChain,
    mustStaple: wishes.mustStaple === true || leaf.raw.includes(TLS_FEATURE),
    bundle,
    ...(reuseKey ? { reuseKey } : {}),
    ...(renewDays === undefined ? {} : { renewDays }),
    ...(hints.resolvers.length > 0 ? { resolvers: hints.resolvers } : {}),
    ...(caCertificates.length > 0 ? { caCertificates } : {}),
  };
}

function namesToRenew(name: string, leaf: X509Certificate, notes: string[]): string[] | undefined {
  const all = (leaf.subjectAltName ?? '').split(', ').filter(Boolean);
  const { names } = describeCertificate(leaf.toString());
  const other = all.find((entry) => !entry.startsWith('DNS:'));
  try {
    if (other === undefined && names.length > 0) {
      return normalizeNames([...names.filter((one) => one === name), ...names]);
    }
    notes.push(`quoin cannot renew it: ${other ?? 'a certificate without names'} cannot be proven by DNS-01`);
  } catch (error) {
    if (!isAppError(error)) throw error;
    notes.push(`quoin cannot renew it: ${error.message}`);
  }
  return undefined;
}

/** The type itself, or the next stronger one that quoin makes: `RSA2560` becomes rsa3072. */
function nearestKeyType(type: string): KeyType {
  const bits = Number(/^RSA(\d+)$/u.exec(type)?.[1]);
  const exact = keyTypes.find((known) => known === type.toLowerCase());
  if (exact) return exact;
  if (!bits) return 'ec384';
  return keyTypes.find((known) => known.startsWith('rsa') && Number(known.slice(3)) >= bits) ?? 'rsa8192';
}
