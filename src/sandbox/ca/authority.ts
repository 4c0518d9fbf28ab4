import { randomBytes, webcrypto } from 'node:crypto';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { damaged, makeFolder, readJson, writeFileAtomic } from '../../files.ts';
import { crypto, ECDSA, keyPair, newSerial, pemOf, type SigningKey, sign } from './x509.ts';

/** Two roots, and one intermediate that both have certified: two chains for every certificate. */
export interface Authority {
  readonly rootPem: string;
  /** The intermediate as the first root certified it, and as the second did. */
  readonly issuers: readonly [x509.X509Certificate, x509.X509Certificate];
  /** Hexadecimal: what leaves name as their authority's key. */
  readonly keyIdentifier: string;
  readonly signingKey: SigningKey;
  /** Key and certificate of an HTTPS server on loopback. */
  serverIdentity(now: number): Promise<{ readonly key: string; readonly cert: string }>;
}

interface Stored {
  readonly roots: readonly { readonly certificate: string; readonly key: string }[];
  readonly intermediate: { readonly certificates: readonly string[]; readonly key: string };
}

const ORGANIZATION = 'Quoin Sandbox, a test CA, never for production';
const FILE = 'authority.json';
const DAY_MS = 86_400_000;
const BACKDATE_MS = DAY_MS;
const [ROOT_DAYS, INTERMEDIATE_DAYS, SERVER_DAYS] = [7_300, 3_650, 397];

/** The one that is kept in this folder, or a new one, which is then kept. */
export async function openAuthority(now: number, folder?: string): Promise<Authority> {
  if (folder === undefined) return open(await create(now));
  await makeFolder(folder);
  const path = join(folder, FILE);
  const stored = await readJson<Stored>(path);
  if (!stored) {
    const fresh = await create(now);
    await writeFileAtomic(path, `${JSON.stringify(fresh, undefined, 2)}\n`);
    return open(fresh);
  }
  try {
    return await open(stored);
  } catch (cause) {
    throw damaged(path, 'its keys and certificates cannot be used', undefined, cause);
  }
}

async function create(now: number): Promise<Stored> {
  const names = ['Test Root', 'Other Test Root', 'Test Intermediate'].map((name) => named(name));
  const [first, second, intermediate] = await Promise.all([keyPair(), keyPair(), keyPair()]);
  const roots = await Promise.all(
    [first, second].map((keys, index) => authorityCertificate({ subject: names[index], keys, signer: keys, now })),
  );
  const issuers = await Promise.all(
    [first, second].map((signer, index) =>
      authorityCertificate({ subject: names[2], keys: intermediate, signer, issuer: roots[index], now }),
    ),
  );
  const [firstKey, secondKey, key] = await Promise.all([first, second, intermediate].map(exportKey));
  return {
    roots: [firstKey, secondKey].map((own, index) => ({ certificate: toPem(roots[index]), key: own ?? '' })),
    intermediate: { certificates: issuers.map(toPem), key: key ?? '' },
  };
}

const named = (what: string): x509.JsonName => [
  { CN: [`Quoin Sandbox ${what} ${randomBytes(3).toString('hex')}`] },
  { O: [ORGANIZATION] },
];
const toPem = (certificate: x509.X509Certificate | undefined): string => (certificate ? pemOf(certificate) : '');

interface AuthorityParams {
  readonly subject: x509.JsonName | undefined;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly signer: webcrypto.CryptoKeyPair;
  /** The root; without it, this is one. */
  readonly issuer?: x509.X509Certificate | undefined;
  readonly now: number;
}

async function authorityCertificate(params: AuthorityParams): Promise<x509.X509Certificate> {
  const { subject = [], keys, signer, issuer, now } = params;
  const authorityKey = await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey, false, crypto);
  return sign({
    serialNumber: newSerial(),
    subject,
    issuer: issuer?.subjectName ?? subject,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + (issuer ? INTERMEDIATE_DAYS : ROOT_DAYS) * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: signer.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(true, issuer ? 0 : undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
      ...(issuer ? [authorityKey, new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth])] : []),
    ],
  });
}

const exportKey = async ({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> =>
  Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey)).toString('base64');
const importKey = (key: string): Promise<SigningKey> =>
  webcrypto.subtle.importKey('pkcs8', Buffer.from(key, 'base64'), ECDSA, false, ['sign']);

async function open({ roots, intermediate }: Stored): Promise<Authority> {
  const [root] = roots;
  const [first, second] = intermediate.certificates.map((pem) => new x509.X509Certificate(pem));
  const keyIdentifier = first?.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  if (!root || !first || !second || !keyIdentifier) throw new Error('certificates are missing');
  const rootKey = await importKey(root.key);
  return {
    rootPem: root.certificate,
    issuers: [first, second],
    keyIdentifier,
    signingKey: await importKey(intermediate.key),
    serverIdentity: (now) => serverIdentity(new x509.X509Certificate(root.certificate), rootKey, now),
  };
}

async function serverIdentity(root: x509.X509Certificate, signingKey: SigningKey, now: number) {
  const keys = await keyPair();
  const rootKeyIdentifier = root.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId ?? '';
  const certificate = await sign({
    serialNumber: newSerial(),
    subject: [{ CN: ['localhost'] }, { O: [ORGANIZATION] }],
    issuer: root.subjectName,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + SERVER_DAYS * DAY_MS),
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
      ]),
      new x509.AuthorityKeyIdentifierExtension(rootKeyIdentifier),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
    ],
  });
  const key = `-----BEGIN PRIVATE KEY-----\n${await exportKey(keys)}\n-----END PRIVATE KEY-----\n`;
  return { key, cert: pemOf(certificate) };
}
