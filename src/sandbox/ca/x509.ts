import { createPublicKey, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { calculateJwkThumbprint, type JWK } from 'jose';

/** Certificates between bytes and objects, with the library's types put right for Node. */
type Create = Parameters<typeof x509.X509CertificateGenerator.create>;
export type CertificateParams = Create[0];
export type SigningKey = webcrypto.CryptoKey;

export const crypto = webcrypto as unknown as NonNullable<Create[1]>;
export const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** DER bytes of id-pe-tlsfeature with status_request: "must staple" (RFC 7633). */
export const MUST_STAPLE = { oid: '1.3.6.1.5.5.7.1.24', value: '3003020105' } as const;

/** 128 bits, positive, and always as many (RFC 5280 section 4.1.2.2 has at most 160). */
export function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

export const keyPair = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);

/** RFC 7638, of the key in this SubjectPublicKeyInfo; undefined where it is of a kind that JWK does not know. */
export async function thumbprintOf(spki: ArrayBuffer | Buffer): Promise<string | undefined> {
  try {
    const key = createPublicKey({ key: Buffer.from(spki as ArrayBuffer), format: 'der', type: 'spki' });
    return await calculateJwkThumbprint(key.export({ format: 'jwk' }) as JWK);
  } catch {
    return undefined;
  }
}

export const pemOf = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`;

export async function sign(params: CertificateParams): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.create({ signingAlgorithm: ECDSA, ...params }, crypto);
}
