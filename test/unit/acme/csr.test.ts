import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { createCsr, readCsr } from '../../../src/acme/csr.ts';
import { generateCertificateKey, keyTypes } from '../../../src/acme/keys.ts';

const plain = { mustStaple: false, commonName: true };
const NAMES = ['example.com', '*.example.com', 'xn--bcher-kva.example'];
/** What OpenSSL makes of it; fails where the signature does not hold. */
const openssl = (der: Buffer) =>
  execFileSync('openssl', ['req', '-inform', 'DER', '-verify', '-noout', '-text'], {
    input: der,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
const ec256 = await generateCertificateKey('ec256');

describe('a certificate request', () => {
  it.each(keyTypes.filter((type) => type !== 'rsa8192'))(
    'of an %s key is signed and names all domains',
    async (type) => {
      const key = await generateCertificateKey(type);
      const der = await createCsr(NAMES, key, plain);
      expect(openssl(der)).toContain('DNS:example.com, DNS:*.example.com, DNS:xn--bcher-kva.example');
      const { names, publicKey } = await readCsr(der, 'request.der');
      expect(names).toEqual(NAMES);
      expect(publicKey.equals(createPublicKey(createPrivateKey(key)))).toBe(true);
    },
  );

  it('has the first name that fits as common name, or none', async () => {
    const long = `${'a'.repeat(60)}.example.com`;
    expect(openssl(await createCsr([long, 'short.example.com'], ec256, plain))).toContain('CN = short.example.com');
    expect(openssl(await createCsr([long], ec256, plain))).not.toContain('CN =');
    const without = await createCsr(NAMES, ec256, { ...plain, commonName: false });
    expect(openssl(without)).not.toContain('CN =');
    expect((await readCsr(without, 'request.der')).names).toEqual(NAMES);
  });

  it('asks for OCSP stapling where that is wanted', async () => {
    const text = openssl(await createCsr(NAMES, ec256, { ...plain, mustStaple: true }));
    expect(text).toMatch(/TLS Feature:\s*\n\s*status_request/u);
    expect(openssl(await createCsr(NAMES, ec256, plain))).not.toContain('TLS Feature');
  });

  it('takes a hundred names', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `n${index}.example.com`);
    expect((await readCsr(await createCsr(names, ec256, plain), 'request.der')).names).toEqual(names);
  });

  it('cannot be signed by a key that no CA takes', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    await expect(createCsr(NAMES, pem, plain)).rejects.toMatchObject({ exitCode: 2, hint: expect.any(String) });
  });
});
