import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  extraFiles,
  parsePfxFormat,
  refuseFilesWithoutKey,
  refuseForgottenPassword,
} from '../../../src/acme/extra-files.ts';
import { openStore } from '../../../src/acme/storage.ts';
import { newFolder } from '../../helpers/child.ts';
import { belongTogether, newPair, stored } from '../../helpers/pairs.ts';

const certificate = stored('example.com', newPair());

/** What lego's own Go library and openssl make of it is in pfx.test.ts. */
const opens = (data: Buffer, password: string) =>
  spawnSync('openssl', ['pkcs12', '-noout', '-passin', `pass:${password}`], { input: data }).status === 0;

it('makes none unless asked', async () => {
  expect(await extraFiles({ certificate })).toEqual({});
});

it('puts the certificate and its issuers into .pem, and the key behind them, as lego does', async () => {
  const { '.pem': pem } = await extraFiles({ pem: true, certificate });
  expect(pem).toBe(`${certificate.certificatePem.trimEnd()}\n${certificate.keyPem}`);
  expect(belongTogether(String(pem), String(pem))).toBe(true);
});

it('keeps the parts of .pem apart when they end without a line break', async () => {
  const cut = {
    ...certificate,
    certificatePem: certificate.certificatePem.trim(),
    keyPem: certificate.keyPem?.trim() ?? '',
  };
  expect(await extraFiles({ pem: true, certificate: cut })).toEqual(await extraFiles({ pem: true, certificate }));
});

it('locks .pfx with the password, or with the one that lego has for it', async () => {
  const { '.pfx': own } = await extraFiles({ pfx: 'SHA256', pfxPassword: 'mine', certificate });
  expect([opens(own as Buffer, 'mine'), opens(own as Buffer, 'changeit')]).toEqual([true, false]);
  const { '.pfx': open } = await extraFiles({ pfx: 'SHA256', certificate });
  expect(opens(open as Buffer, 'changeit')).toBe(true);
});

it('makes no file of a certificate without a key, which is to be refused before', async () => {
  const { keyPem: _, ...withoutKey } = certificate;
  expect(await extraFiles({ pem: true, pfx: 'DES', certificate: withoutKey })).toEqual({});
  expect(() => refuseFilesWithoutKey({ pem: true })).toThrow('--pem needs the private key');
  expect(() => refuseFilesWithoutKey({ pfx: 'DES' })).toThrow('--pfx needs the private key');
  expect(() => refuseFilesWithoutKey({ pem: false })).not.toThrow();
});

describe('a renewal that is told no password', () => {
  const refused = (data: string | Buffer | undefined) => refuseForgottenPassword(data as Buffer, 'x.pfx');

  it.each(['SHA256', 'DES', 'RC2'] as const)('does not replace a %s that has one', async (pfx) => {
    const own = await extraFiles({ pfx, pfxPassword: 'mine', certificate });
    await expect(refused(own['.pfx'])).rejects.toMatchObject({
      code: 'CONFIG',
      message: 'x.pfx has a password, which was not given',
    });
    await expect(refused((await extraFiles({ pfx, certificate }))['.pfx'])).resolves.toBeUndefined();
  });

  it.each([
    ['-macalg', 'sha1', true],
    ['-macalg', 'sha256', true],
    // Of another kind, or none: who knows.
    ['-macalg', 'sha512', false],
    ['-nomac', '-legacy', false],
  ])('tells those of openssl %s %s apart: %s', async (flag, value, told) => {
    const pem = join(newFolder(), 'x.pem');
    writeFileSync(pem, `${certificate.certificatePem}${certificate.keyPem}`);
    const made = (password: string) =>
      execFileSync('openssl', ['pkcs12', '-export', '-in', pem, flag, value, '-passout', `pass:${password}`]);
    await expect(refused(made('changeit'))).resolves.toBeUndefined();
    if (told) await expect(refused(made('mine'))).rejects.toMatchObject({ code: 'CONFIG' });
    else await expect(refused(made('mine'))).resolves.toBeUndefined();
  });

  it.each(['', 'no PKCS#12', '\x30\x03\x02\x01\x03'])('minds no file that is none: %j', async (text) => {
    await expect(refused(Buffer.from(text, 'latin1'))).resolves.toBeUndefined();
  });
});

it('gives what the store takes', async () => {
  const root = newFolder();
  const extra = await extraFiles({ pem: true, pfx: 'SHA256', certificate });
  await openStore(root).writeCertificate(certificate, { extra });
  const at = (extension: string) => join(root, 'certificates', `example.com${extension}`);
  expect(opens(readFileSync(at('.pfx')), 'changeit')).toBe(true);
  const pem = readFileSync(at('.pem'), 'utf8');
  expect(createPrivateKey(pem).equals(createPrivateKey(certificate.keyPem ?? ''))).toBe(true);
  expect(new X509Certificate(pem).subject).toBe('CN=example.com');
  expect(['.pem', '.pfx'].map((extension) => statSync(at(extension)).mode & 0o777)).toEqual([0o600, 0o600]);
});

it.each(['SHA256', 'sha256', 'DES', 'rc2'])('knows the format %s', (value) => {
  expect(parsePfxFormat(value, '--pfx.format')).toBe(value.toUpperCase());
});

it('names the formats that there are', () => {
  expect(() => parsePfxFormat('AES', '--pfx.format')).toThrow(
    expect.objectContaining({ message: '--pfx.format AES is unknown', hint: 'use one of SHA256, DES, RC2' }),
  );
});
