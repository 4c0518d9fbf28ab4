import { type KeyObject, X509Certificate } from 'node:crypto';
import { AcmeError } from '../errors.ts';

/** What a certificate says, for people and for deciding when it is due. */
export interface CertificateInfo {
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Common name of the issuer, or all of its name where it has none. */
  readonly issuer: string;
  /** Hexadecimal, in upper case. */
  readonly serial: string;
}

/** A machine's clock may be a day behind (and is warned about); a certificate that begins later than this is a mistake. */
const FUTURE_MS = 2 * 86_400_000;
const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/gu;

/** The certificates of a PEM text, whatever stands between them, leaf first and each followed by its issuer. */
export function parseChain(pem: string): X509Certificate[] {
  const all = (pem.match(BLOCK) ?? []).map((block) => new X509Certificate(block));
  const leaf = all.find((certificate) => !certificate.ca) ?? all[0];
  const chain: X509Certificate[] = [];
  for (let next = leaf; next && !chain.includes(next); ) {
    const current: X509Certificate = next;
    chain.push(current);
    next = all.find((other) => other !== current && current.checkIssued(other));
  }
  return chain;
}

export const toPem = (chain: readonly X509Certificate[]): string =>
  chain.map((certificate) => certificate.toString()).join('');

const commonName = (subject: string): string =>
  /(?:^|\n)CN=(.*)$/mu.exec(subject)?.[1] ?? subject.replaceAll('\n', ', ');

const namesOf = (certificate: X509Certificate): string[] =>
  (certificate.subjectAltName ?? '')
    .split(', ')
    .flatMap((entry) => (entry.startsWith('DNS:') ? [entry.slice(4).toLowerCase()] : []));

export function describeCertificate(pem: string): CertificateInfo {
  const [leaf] = parseChain(pem);
  if (!leaf) throw new AcmeError('ACME_CERTIFICATE', 'there is no certificate in the file');
  return {
    names: namesOf(leaf),
    notBefore: new Date(leaf.validFrom),
    notAfter: new Date(leaf.validTo),
    issuer: commonName(leaf.issuer),
    serial: leaf.serialNumber,
  };
}

/**
 * Whether the chain ends under a root of this common name. One that goes on from there, by a cross-signed root, leads somewhere
 * else.
 */
export function leadsTo(chain: readonly X509Certificate[], root: string): boolean {
  const last = chain.at(-1);
  return last !== undefined && commonName(last.issuer) === root;
}

/** Refuses a chain that must not be installed: another key, other names, expired, or links that do not hold. */
export function checkChain(
  chain: readonly X509Certificate[],
  publicKey: KeyObject,
  names: readonly string[],
  now: Date,
): void {
  const refuse = (why: string): never => {
    throw new AcmeError('ACME_CERTIFICATE', `acme: the certificate from the CA ${why}; it was not stored`);
  };
  const [leaf] = chain;
  if (!leaf) throw new AcmeError('ACME_CERTIFICATE', 'acme: the CA sent no certificate');
  if (!leaf.publicKey.equals(publicKey)) refuse('is for another key');
  const has = namesOf(leaf).sort().join(' ');
  const wants = [...names].sort().join(' ');
  if (has !== wants) refuse(`names ${has || 'nothing'} instead of ${wants}`);
  if (new Date(leaf.validTo) <= now) refuse(`expired on ${leaf.validTo}`);
  if (new Date(leaf.validFrom).getTime() > now.getTime() + FUTURE_MS) refuse(`is not valid before ${leaf.validFrom}`);
  chain.slice(0, -1).forEach((certificate, index) => {
    const issuer = chain[index + 1];
    if (issuer && !certificate.verify(issuer.publicKey)) refuse('has a chain whose signatures do not hold');
  });
}
