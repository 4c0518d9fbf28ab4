import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../src/acme/storage.ts';
import { newFolder } from '../helpers/child.ts';
import { newPair, stored } from '../helpers/pairs.ts';
import { makeCa } from '../helpers/tls.ts';
import { quoin } from './world.ts';

const openssl = (input: string | Buffer, ...args: string[]) =>
  execFileSync('openssl', args, { input, encoding: 'utf8' });
let cwd: string;
const at = (...parts: string[]) => join(cwd, '.quoin', ...parts);
const add = async (name: string, pair = newPair(name)) => {
  await openStore(at()).writeCertificate(stored(name, pair));
  return pair;
};
beforeEach(() => {
  cwd = newFolder();
});
const run = (...argv: string[]) => quoin(argv, { cwd });

describe('a name that is not in the store', () => {
  it.each([['show'], ['export'], ['revoke']])('%s lists what is there, and makes no store', async (command) => {
    const none = await run(command, 'example.com');
    expect(none).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('the store is empty') });
    expect(existsSync(at())).toBe(false);
    await add('*.example.net');
    const other = await run(command, 'example.com', '--json');
    expect([other.code, JSON.parse(other.stdout)]).toMatchObject([
      2,
      { error: { code: 'CONFIG', certificates: ['*.example.net'], hint: 'there are *.example.net' } },
    ]);
  });

  it.each([['show'], ['export']])('%s wants one', async (command) => {
    expect(await run(command)).toMatchObject({ code: 2, stderr: expect.stringContaining("argument 'name'") });
  });

  it.each([['../../etc/passwd'], ['a/b'], ['']])('%j leads nowhere', async (name) => {
    expect(await run('show', name)).toMatchObject({ code: 2 });
  });
});

describe('show', () => {
  it('tells what openssl tells', async () => {
    const { certificatePem } = await add('example.com');
    const { code, stdout } = await run('show', 'example.com', '--json');
    const { certificate } = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(certificate).toMatchObject({
      name: 'example.com',
      names: ['example.com'],
      keyType: 'ec256',
      dns: ['exec'],
      server: 'https://ca.example/directory',
      account: 'me@example.com',
      key: 'matches',
      paths: { key: at('certificates/example.com.key') },
    });
    const told = openssl(certificatePem, 'x509', '-noout', '-serial', '-fingerprint', '-sha256').toLowerCase();
    expect(told).toContain(`serial=${certificate.serial.toLowerCase()}`);
    expect(told).toContain(`fingerprint=${certificate.fingerprint.toLowerCase()}`);
    expect((await run('show', 'example.com', '--quiet')).stdout).toContain('belongs to the certificate');
  });

  it.each(['*.xn--bcher-kva.example', '*.bücher.example', '*.BÜCHER.example', '_.xn--bcher-kva.example'])(
    'finds %s',
    async (name) => {
      await add('*.xn--bcher-kva.example');
      expect((await run('show', name)).code).toBe(0);
    },
  );

  it('says that the key is missing, or of another certificate, and the rest all the same', async () => {
    await add('example.com');
    writeFileSync(at('certificates/example.com.key'), newPair().keyPem);
    const wrong = await run('show', 'example.com', '--json');
    expect([wrong.code, JSON.parse(wrong.stdout)]).toMatchObject([6, { certificate: { key: 'wrong' } }]);
    expect(wrong.stderr).toContain('does not belong to');
    rmSync(at('certificates/example.com.key'));
    const missing = await run('show', 'example.com', '--json');
    expect([missing.code, JSON.parse(missing.stdout)]).toMatchObject([0, { certificate: { key: 'missing' } }]);
  });

  it('names a certificate that is damaged', async () => {
    await add('example.com');
    writeFileSync(at('certificates/example.com.crt'), 'nothing');
    expect(await run('show', 'example.com')).toMatchObject({ code: 6, stderr: expect.stringContaining('is damaged') });
  });
});

describe('export', () => {
  it('gives the certificate alone, its issuers too, or DER, and openssl reads them', async () => {
    const ca = makeCa();
    const { key, cert } = ca.issue('DNS:example.com');
    ca.remove();
    const bundle = { ...stored('example.com', { keyPem: key, certificatePem: cert }), issuerPem: ca.cert };
    await openStore(at()).writeCertificate(bundle);
    const leaf = new X509Certificate(cert);
    const pem = await run('export', 'example.com');
    expect(openssl(pem.stdout, 'x509', '-noout', '-serial')).toBe(`serial=${leaf.serialNumber}\n`);
    const full = (await run('export', 'example.com', '--format', 'fullchain')).stdout;
    expect(full.match(/BEGIN [A-Z ]+/gu)).toEqual(['BEGIN CERTIFICATE', 'BEGIN CERTIFICATE']);
    expect((await run('export', 'example.com', '--format', 'der', '--out', 'x.der')).stdout).toBe(
      `wrote ${join(cwd, 'x.der')}\n`,
    );
    expect(readFileSync(join(cwd, 'x.der')).equals(leaf.raw)).toBe(true);
    expect(openssl('', 'x509', '-inform', 'DER', '-in', join(cwd, 'x.der'), '-noout', '-serial')).toContain('serial=');
    const { content } = JSON.parse((await run('export', 'example.com', '--format', 'der', '--json')).stdout);
    expect(Buffer.from(content, 'base64').equals(leaf.raw)).toBe(true);
  });

  it('gives the key when it is asked for, and not before', async () => {
    const { keyPem } = await add('example.com');
    for (const format of ['pem', 'fullchain'])
      expect((await run('export', 'example.com', '--format', format)).stdout).not.toContain('PRIVATE');
    const { stdout } = await run('export', 'example.com', '--key');
    expect(stdout.endsWith(keyPem)).toBe(true);
    expect(openssl(stdout, 'pkey', '-pubout')).toBe(openssl(stdout, 'x509', '-noout', '-pubkey'));
  });

  it('writes files that only their owner can read, in the place of what was there', async () => {
    await add('example.com');
    const file = join(cwd, 'out.pem');
    writeFileSync(file, 'old', { mode: 0o644 });
    const { code, stdout } = await run('export', 'example.com', '--key', '--out', 'out.pem', '--json');
    expect([code, JSON.parse(stdout)]).toEqual([0, { name: 'example.com', format: 'pem', key: true, file }]);
    expect([statSync(file).mode & 0o777, readdirSync(cwd).sort()]).toEqual([0o600, ['.quoin', 'out.pem']]);
  });

  it('gives no key that is missing or of another certificate; the certificate it gives', async () => {
    await add('example.com');
    writeFileSync(at('certificates/example.com.key'), newPair().keyPem);
    expect((await run('export', 'example.com')).code).toBe(0);
    expect(await run('export', 'example.com', '--key')).toMatchObject({ code: 6, stdout: '' });
    rmSync(at('certificates/example.com.key'));
    expect(await run('export', 'example.com', '--key')).toMatchObject({ code: 2, stdout: '' });
  });

  it.each([
    [['--format', 'p7b'], 'use one of pem, fullchain, der, pfx'],
    [['--format', 'pfx'], 'PFX is binary'],
    [['--format', 'pfx', '--pfx.format', 'AES'], 'use one of SHA256, DES, RC2'],
    [['--format', 'der', '--key'], 'holds one certificate and no key'],
    [['--format', 'der'], 'DER is binary'],
    [['--out', '.quoin/certificates/example.com.key'], 'is in the store'],
  ])('refuses %j', async (flags, told) => {
    const { keyPem } = await add('example.com');
    const { code, stdout, stderr } = await run('export', 'example.com', ...flags);
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(told)]);
    expect(readFileSync(at('certificates/example.com.key'), 'utf8')).toBe(keyPem);
  });

  describe('as .pfx', () => {
    const opened = (file: string, password: string) =>
      openssl('', 'pkcs12', '-legacy', '-nodes', '-in', join(cwd, file), '-passin', `pass:${password}`);
    const pfx = (...flags: string[]) => run('export', 'example.com', '--format', 'pfx', '--out', 'x.pfx', ...flags);

    it.each([
      [[]],
      [['--pfx.format', 'DES', '--password', 'secret word']],
      [['--pfx.format', 'rc2', '--pfx.pass', 'secret word']],
      [['--pfx.password', 'secret word', '--key']],
    ])('gives all in one file, which openssl reads: %j', async (flags) => {
      const { keyPem, certificatePem } = await add('example.com');
      const { code, stdout, stderr } = await pfx('--json', ...flags);
      expect([code, JSON.parse(stdout)]).toMatchObject([0, { name: 'example.com', format: 'pfx', key: true }]);
      expect(stdout + stderr).not.toContain('secret');
      const text = opened('x.pfx', flags.includes('secret word') ? 'secret word' : 'changeit');
      expect(openssl(text, 'pkey')).toBe(openssl(keyPem, 'pkey'));
      expect(new X509Certificate(text).raw.equals(new X509Certificate(certificatePem).raw)).toBe(true);
      expect(statSync(join(cwd, 'x.pfx')).mode & 0o777).toBe(0o600);
    });

    it.each(['QUOIN_PFX_PASSWORD', 'LEGO_PFX_PASSWORD'])('takes the password from %s', async (name) => {
      await add('example.com');
      const env = { [name]: 'from there', LEGO_PFX_FORMAT: 'RC2' };
      const argv = ['export', 'example.com', '--format', 'pfx', '--out', 'x.pfx'];
      expect(await quoin(argv, { cwd, env })).toMatchObject({ code: 0, stderr: '' });
      expect(opened('x.pfx', 'from there')).toContain('BEGIN PRIVATE KEY');
      await quoin([...argv, '--pfx.password', ''], { cwd, env });
      expect(opened('x.pfx', '')).toContain('BEGIN PRIVATE KEY');
    });

    it('warns of the password that everybody knows', async () => {
      await add('example.com');
      expect((await pfx()).stderr).toContain('changeit, which everybody knows; set QUOIN_PFX_PASSWORD');
      expect((await pfx('--password', 'changeit')).stderr).toContain('everybody knows');
      expect((await pfx('--password', 'another')).stderr).toBe('');
    });

    it('is base64 in JSON', async () => {
      await add('example.com');
      const { stdout } = await run('export', 'example.com', '--format', 'pfx', '--json');
      writeFileSync(join(cwd, 'x.pfx'), Buffer.from(JSON.parse(stdout).content, 'base64'));
      expect(opened('x.pfx', 'changeit')).toContain('BEGIN PRIVATE KEY');
    });

    it('needs the key', async () => {
      await add('example.com');
      rmSync(at('certificates/example.com.key'));
      const { code, stderr } = await pfx();
      expect([code, stderr]).toEqual([2, expect.stringContaining('use --format fullchain')]);
    });
  });

  it.each([
    ['out/x.pem', 'it does not exist'],
    ['.', 'it is a folder'],
  ])('says that %s cannot be', async (out, told) => {
    await add('example.com');
    expect(await run('export', 'example.com', '--out', out)).toMatchObject({
      code: 6,
      stderr: expect.stringContaining(told),
    });
  });
});

describe('revoke', () => {
  it.each([
    [[], 'no certificate was named'],
    [['example.com', '--reason', 'because'], 'use one of unspecified (0), keyCompromise (1)'],
    [['example.com', '--with-certificate-key'], 'is not in the store'],
  ])('refuses %j before the CA is asked', async (argv, told) => {
    await add('example.com');
    rmSync(at('certificates/example.com.key'));
    const { code, stderr } = await run('revoke', ...argv);
    expect([code, stderr]).toEqual([2, expect.stringContaining(told)]);
  });

  it('takes no names from the environment', async () => {
    await add('example.com');
    const { stderr } = await quoin(['revoke'], { cwd, env: { QUOIN_DOMAINS: 'example.com' } });
    expect(stderr).toContain('no certificate was named');
  });
});
