import { webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { leadsTo, parseChain } from '../../../src/acme/certificate.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const crypto = webcrypto as any;
const newKeys = () => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

async function certify(subject: string, keys: any, issuer: string, issuerKeys: any, isCa = true): Promise<string> {
  const made = await x509.X509CertificateGenerator.create(
    {
      ...{ serialNumber: '01', subject: `CN=${subject}`, issuer: `CN=${issuer}`, publicKey: keys.publicKey },
      ...{ signingKey: issuerKeys.privateKey, signingAlgorithm: algorithm, notBefore: new Date() },
      notAfter: new Date(Date.now() + 86_400_000),
      extensions: [new x509.BasicConstraintsExtension(isCa)],
    },
    crypto,
  );
  return new X509Certificate(Buffer.from(made.rawData)).toString();
}

describe('the root that a chain leads to', () => {
  let leaf: string;
  let crossSigned: string;
  let selfSigned: string;
  beforeAll(async () => {
    const [old, modern, own] = await Promise.all([newKeys(), newKeys(), newKeys()]);
    [leaf, crossSigned, selfSigned] = await Promise.all([
      certify('example.com', own, 'New Root', modern, false),
      certify('New Root', modern, 'Old Root', old),
      certify('New Root', modern, 'New Root', modern),
    ]);
  });

  it('is the issuer of the last certificate, with the root itself in the chain or without', () => {
    expect(leadsTo(parseChain(leaf), 'New Root')).toBe(true);
    expect(leadsTo(parseChain(leaf + selfSigned), 'New Root')).toBe(true);
    expect(leadsTo(parseChain(leaf + crossSigned), 'Old Root')).toBe(true);
    expect(leadsTo([], 'Old Root')).toBe(false);
  });

  it('is not a newer root on the way to an older one that has signed it', () => {
    expect(leadsTo(parseChain(leaf + crossSigned), 'New Root')).toBe(false);
  });
});
