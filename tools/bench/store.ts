import { KeyObject } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { crypto, keyPair, pemOf, sign } from '../../src/sandbox/ca/x509.ts';

const DAY_MS = 86_400_000;

export interface StoreOptions {
  readonly count: number;
  readonly zone: string;
  /** Days since they were made, of a lifetime of 90. */
  readonly ageDays: number;
  readonly directoryUrl: string;
  readonly accountId: string;
  readonly dns: string;
  readonly caCertificates?: readonly string[];
}

export const nameOf = (index: number, zone: string): string => `n${index + 1}.${zone}`;

/** A store of certificates as quoin writes them, each with a key of its own, made without a CA: what `renew` finds. */
export async function makeStore(root: string, options: StoreOptions): Promise<void> {
  const { count, zone, ageDays, directoryUrl, accountId, dns, caCertificates } = options;
  const certificates = join(root, 'certificates');
  const renewals = join(root, 'renewals');
  for (const folder of [certificates, renewals]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const issuerKeys = await keyPair();
  const notBefore = new Date(Math.floor((Date.now() - ageDays * DAY_MS) / 1000) * 1000);
  const notAfter = new Date(notBefore.getTime() + 90 * DAY_MS);
  const authority = 'CN=Bench Issuer';
  const signingKey = issuerKeys.privateKey;
  const identifier = await x509.AuthorityKeyIdentifierExtension.create(issuerKeys.publicKey, false, crypto);
  const issuer = await sign({
    ...{ subject: authority, issuer: authority, publicKey: issuerKeys.publicKey, signingKey },
    ...{ serialNumber: '01', notBefore, notAfter: new Date(notAfter.getTime() + 90 * DAY_MS) },
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  for (let index = 0; index < count; index += 1) {
    const name = nameOf(index, zone);
    const keys = await keyPair();
    const leaf = await sign({
      ...{ subject: `CN=${name}`, issuer: authority, publicKey: keys.publicKey, signingKey },
      ...{ serialNumber: (index + 2).toString(16).padStart(8, '1'), notBefore, notAfter },
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }]), identifier],
    });
    const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' });
    const base = join(certificates, name);
    writeFileSync(`${base}.crt`, pemOf(leaf) + pemOf(issuer), { mode: 0o600 });
    writeFileSync(`${base}.issuer.crt`, pemOf(issuer), { mode: 0o600 });
    writeFileSync(`${base}.key`, key, { mode: 0o600 });
    const settings = {
      ...{ version: 1, names: [name], directoryUrl, accountId, dns: [dns], keyType: 'ec256' },
      ...{ mustStaple: false, bundle: true, ...(caCertificates ? { caCertificates } : {}) },
    };
    const metadata = { id: name, domain: name, domains: [name], keyType: 'EC256', certUrl: '', quoin: settings };
    writeFileSync(`${base}.json`, JSON.stringify(metadata, null, '\t'), { mode: 0o600 });
  }
}
