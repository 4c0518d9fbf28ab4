import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePfx } from '../../../src/acme/pfx.ts';
import { derive } from '../../../src/acme/pfx-derive.ts';
import { encryptRc2 } from '../../../src/acme/rc2.ts';
import { newFolder } from '../../helpers/child.ts';
import { newPair } from '../../helpers/pairs.ts';
import { describeWith } from '../../helpers/servers.ts';
import { makeCa } from '../../helpers/tls.ts';

const formats = ['SHA256', 'DES', 'RC2'] as const;
const MODERN = 'PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256';
const TRIPLE_DES = 'pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048';
const PASSWORD = 'correct horse';
/** A certificate with its issuer, as a CA gives them. */
const ca = makeCa();
const issued = ca.issue('DNS:example.com');
ca.remove();
const withIssuer = { certificatePem: issued.cert, issuerPem: ca.cert, keyPem: issued.key };
const rsa = { ...newPair('example.com', ['rsa:2048']), issuerPem: '' };

async function pfx(content: Partial<Parameters<typeof encodePfx>[0]>): Promise<string> {
  const file = join(newFolder(), 'x.pfx');
  const full = {
    ...withIssuer,
    password: PASSWORD,
    format: 'SHA256',
    friendlyName: 'example.com',
    ...content,
  } as const;
  writeFileSync(file, await encodePfx(full));
  return file;
}

/** OpenSSL 3 reads RC2 and 3DES only with -legacy. */
function openssl(file: string, password: string, ...flags: string[]) {
  const args = ['pkcs12', '-legacy', '-in', file, '-passin', 'env:PASSWORD', ...flags];
  // It writes names in Latin-1.
  const how = { encoding: 'latin1', env: { ...process.env, PASSWORD: password } } as const;
  const { status, stdout, stderr } = spawnSync('openssl', args, how);
  return { status, stdout, stderr };
}
/** What openssl finds: one text for each certificate and key, with its attributes. */
const bags = (file: string, password: string): string[] =>
  openssl(file, password, '-nodes').stdout.match(/.*?-----END [A-Z ]+-----\n/gsu) ?? [];

describe.each(formats)('a .pfx file of the format %s', (format) => {
  it.each([
    ['an EC key', withIssuer, 2],
    ['an RSA key', rsa, 1],
    ['a chain in one file', { ...withIssuer, certificatePem: issued.cert + ca.cert }, 2],
    ['an issuer that is the certificate itself', { ...rsa, issuerPem: rsa.certificatePem }, 1],
  ])('with %s is read by openssl', async (_, content, count) => {
    const found = bags(await pfx({ format, ...content }), PASSWORD);
    const certificates = found.slice(0, -1).map((bag) => new X509Certificate(bag).fingerprint256);
    const wanted = [content.certificatePem, content.issuerPem].slice(0, count);
    expect(certificates).toEqual(wanted.map((pem) => new X509Certificate(pem).fingerprint256));
    expect(createPrivateKey(found.at(-1)!).equals(createPrivateKey(content.keyPem))).toBe(true);
  });

  it('says which certificate the key belongs to, and what it is called', async () => {
    const [leaf, issuer, key] = bags(await pfx({ format, friendlyName: 'exämple.com' }), PASSWORD);
    const id = createHash('sha1').update(new X509Certificate(issued.cert).raw).digest('hex').toUpperCase();
    for (const bag of [leaf, key]) {
      expect(bag).toContain(`localKeyID: ${id.match(/../gu)!.join(' ')}`);
      expect(bag).toContain('friendlyName: exämple.com');
    }
    expect(issuer).not.toMatch(/localKeyID|friendlyName/u);
  });

  it.each([
    ['nothing', ''],
    ['letters beyond ASCII', 'pässwörd €ыカ'],
    ['a character beyond 16 bits', '🔑 key'],
    ['more than two blocks', 'long '.repeat(40)],
  ])('opens with a password of %s', async (_, password) => {
    expect(bags(await pfx({ format, password }), password)).toHaveLength(3);
  });

  it('does not open with another password', async () => {
    const file = await pfx({ format });
    for (const wrong of ['', `${PASSWORD}!`]) {
      const { status, stdout, stderr } = openssl(file, wrong, '-nodes');
      expect([status, stdout, stderr]).toEqual([1, '', expect.stringContaining('invalid password')]);
    }
  });

  it('has salts of its own', async () => {
    const [one, other] = await Promise.all([pfx({ format }), pfx({ format })]);
    expect(readFileSync(one).equals(readFileSync(other))).toBe(false);
  });
});

it.each([
  ['SHA256', 'sha256, Iteration 100000', MODERN, MODERN],
  ['DES', 'sha1, Iteration 2048', TRIPLE_DES, TRIPLE_DES],
  ['RC2', 'sha1, Iteration 2048', 'pbeWithSHA1And40BitRC2-CBC, Iteration 2048', TRIPLE_DES],
] as const)('%s encrypts as its name says', async (format, mac, certificates, key) => {
  const { stderr } = openssl(await pfx({ format }), PASSWORD, '-noout', '-info');
  expect(stderr).toContain(`MAC: ${mac}\n`);
  expect(stderr).toContain(`Encrypted data: ${certificates}\n`);
  expect(stderr).toContain(`Shrouded Keybag: ${key}`);
});

describeWith(['keytool'], 'Java', () => {
  const keytool = (file: string, password: string) =>
    spawnSync('keytool', ['-list', '-v', '-keystore', file, '-storepass', password], { encoding: 'utf8' });

  it.each(formats)('reads %s, with the name as the alias and the whole chain', async (format) => {
    const file = await pfx({ format });
    const { stdout } = keytool(file, PASSWORD);
    expect(stdout).toContain('Alias name: example.com\n');
    expect(stdout).toContain('Entry type: PrivateKeyEntry\nCertificate chain length: 2\n');
    expect(stdout).toContain(`SHA256: ${new X509Certificate(issued.cert).fingerprint256}\n`);
    expect(keytool(file, 'another').stdout).toContain('password was incorrect');
    // Listing proves nothing about the key: taking it over does.
    const taken = join(newFolder(), 'taken.p12');
    const from = ['-srckeystore', file, '-srcstorepass', PASSWORD];
    const to = ['-destkeystore', taken, '-deststoretype', 'PKCS12', '-deststorepass', 'changeit'];
    execFileSync('keytool', ['-importkeystore', '-noprompt', ...from, ...to], { stdio: 'pipe' });
    const key = openssl(taken, 'changeit', '-nodes', '-nocerts').stdout;
    expect(createPrivateKey(key).equals(createPrivateKey(issued.key))).toBe(true);
  });
});

it.each([
  // As OpenSSL and Bouncy Castle have them in their tests.
  ['smeg', '0A58CF64530D823F', 1, 'key', '8AAAE6297B6CB04642AB5B077851284EB7128F1A2A7FBCA3'],
  ['smeg', '0A58CF64530D823F', 1, 'iv', '79993DFE048D3B76'],
  ['queeg', '05DEC959ACFF72F7', 1000, 'key', 'ED2034E36328830FF09DF1E1A07DD357185DAC0D4F9EB3D4'],
] as const)('derives from %s and %s what others derive', async (password, salt, iterations, purpose, expected) => {
  const wanted = Buffer.from(expected, 'hex');
  const from = { hash: 'sha1', purpose, password, salt: Buffer.from(salt, 'hex'), iterations } as const;
  expect(await derive({ ...from, length: wanted.length })).toEqual(wanted);
});

it.each([
  // RFC 2268 section 5, but for the key of 63 bits, which node-forge gets wrong and nobody uses.
  ['ffffffffffffffff', 64, 'ffffffffffffffff', '278b27e42e2f0d49'],
  ['3000000000000000', 64, '1000000000000001', '30649edf9be7d2c2'],
  ['88', 64, '0000000000000000', '61a8a244adacccf0'],
  ['88bca90e90875a', 64, '0000000000000000', '6ccf4308974c267f'],
  ['88bca90e90875a7f0f79c384627bafb2', 64, '0000000000000000', '1a807d272bbe5db1'],
  ['88bca90e90875a7f0f79c384627bafb2', 128, '0000000000000000', '2269552ab0f85ca6'],
])('RC2 with the key %s of %i bits is that of RFC 2268', async (key, bits, plain, cipher) => {
  const encrypted = await encryptRc2(Buffer.from(plain, 'hex'), Buffer.from(key, 'hex'), Buffer.alloc(8), bits);
  expect(encrypted.subarray(0, 8).toString('hex')).toBe(cipher);
});
