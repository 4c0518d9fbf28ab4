import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError } from '../kit/index.ts';

/** @throws ConfigError naming the variable that the path comes from */
export function readFile(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`${name} names ${path}, which cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** @throws ConfigError naming `source`: where the PEM comes from */
export function privateKeyFrom(source: string, pem: string, passphrase?: string | undefined): KeyObject {
  try {
    return createPrivateKey(passphrase === undefined ? pem : { key: pem, passphrase });
  } catch (cause) {
    const why = pem.includes('ENCRYPTED') ? 'cannot be decrypted: check its password' : 'is no private key in PEM form';
    throw new ConfigError(`${source} ${why}`, { cause });
  }
}

export interface ClientCertificate {
  readonly key: KeyObject;
  /** That of the key comes first. */
  readonly certificates: readonly [X509Certificate, ...X509Certificate[]];
}

/** Key and certificates of one PEM file, in any order. */
export function readCertificate(name: string, path: string, password: string | undefined): ClientCertificate {
  const pem = readFile(name, path);
  const keyText = /-----BEGIN (?:\w+ )?PRIVATE KEY-----.+?-----END (?:\w+ )?PRIVATE KEY-----/su.exec(pem)?.[0];
  const texts = pem.match(/-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gsu) ?? [];
  if (keyText === undefined || texts.length === 0)
    throw new ConfigError(`${name} names ${path}, which lacks a certificate or its key in PEM form`, {
      hint: 'openssl pkcs12 -in client.pfx -out client.pem makes it of a PFX file',
    });
  const key = privateKeyFrom(`${name}: the key in ${path}`, keyText, password);
  const certificates = texts.map((text) => new X509Certificate(text));
  const own = certificates.find((certificate) => certificate.checkPrivateKey(key));
  if (!own) throw new ConfigError(`${name}: no certificate in ${path} belongs to the key in it`);
  return { key, certificates: [own, ...certificates.filter((certificate) => certificate !== own)] };
}
