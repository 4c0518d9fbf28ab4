import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StoredCertificate } from '../../src/acme/storage.ts';
import { newFolder } from './child.ts';

/** A self-signed certificate with its key, by openssl. */
export function newPair(
  name = 'example.com',
  algorithm: readonly string[] = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
) {
  const folder = newFolder();
  const [key, crt] = [join(folder, 'key'), join(folder, 'crt')];
  execFileSync(
    'openssl',
    // prettier-ignore
    [
      'req',
      '-x509',
      '-newkey',
      ...algorithm,
      '-nodes',
      '-keyout',
      key,
      '-out',
      crt,
      '-days',
      '90',
      '-subj',
      `/CN=${name}`,
      '-addext',
      `subjectAltName=DNS:${name}`,
    ],
    { stdio: 'pipe' },
  );
  return { keyPem: readFileSync(key, 'utf8'), certificatePem: readFileSync(crt, 'utf8') };
}

export const stored = (name: string, pair: ReturnType<typeof newPair>): StoredCertificate => ({
  name,
  ...pair,
  issuerPem: pair.certificatePem,
  url: `https://ca.example/cert/${new X509Certificate(pair.certificatePem).serialNumber}`,
  settings: {
    names: [name],
    directoryUrl: 'https://ca.example/directory',
    accountId: 'me@example.com',
    dns: ['exec'],
    keyType: 'ec256',
    mustStaple: false,
    bundle: true,
  },
});

export const belongTogether = (certificatePem: string, keyPem: string): boolean =>
  new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem));
