import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import fixture, { keys } from '../../../../fixtures/dns/transip.ts';
import transip from '../../../../src/dns/providers/transip.ts';
import type { FakeRequest } from '../../../helpers/fake-api.ts';
import { clientsOf, fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quoin-transip-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('signs the exact body of a login with RSA and SHA-512', async () => {
  const config = { account: 'test-user', keyPath: keys().path };
  const made = await clientsOf(transip, config);
  const body = '{"login":"test-user","nonce":"98475920834"} é';
  const { signature = '' } = (await made[0]?.sign?.({ method: 'POST', url: '', body })) ?? {};
  const publicKey = createPublicKey(readFileSync(keys().path));
  expect(verify('sha512', Buffer.from(body), publicKey, Buffer.from(signature, 'base64'))).toBe(true);
  expect(verify('sha512', Buffer.from(`${body} `), publicKey, Buffer.from(signature, 'base64'))).toBe(false);
});

it('logs in once for many requests at a time, again when the token runs out, and keeps tokens out of the log', async () => {
  const usual = fixture();
  const { dns, logged, open } = await fakeVendor(transip, usual);
  const session = await open();
  await session.add([value, { fqdn: '_acme-challenge.a.example.com', value: 'two' }]);
  expect(usual.tokens()).toHaveLength(1);
  jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 29.5 * 60_000);
  await session.remove([value]);
  expect(usual.tokens()).toHaveLength(2);
  expect(dns.txt(value.fqdn)).toEqual([]);
  for (const token of usual.tokens()) expect(logged.join('\n')).not.toContain(token);
});

it('gives an entry the TTL of its neighbours, and deletes it with the TTL it has', async () => {
  const { dns, open } = await fakeVendor(transip, fixture());
  const session = await open({ TRANSIP_TTL: '60' });
  const apex = { fqdn: '_acme-challenge.example.com', value: 'one' };
  await session.add([apex, value]);
  const ttlOf = (fqdn: string) => dns.records('example.com').map((r) => (r.fqdn === fqdn ? r.ttl : 0));
  expect(ttlOf(apex.fqdn).filter(Boolean)).toEqual([300, 300]);
  expect(ttlOf(value.fqdn).filter(Boolean)).toEqual([60]);
  await (await open({ TRANSIP_TTL: '600' })).remove([apex, value]);
  expect(dns.records('example.com').map((record) => record.value)).toEqual(['someone-else']);
});

it('tells about the whitelist when the address is refused', async () => {
  const usual = fixture();
  const { open } = await fakeVendor(transip, usual);
  usual.shutOut();
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('called from IP 192.0.2.1'),
    hint: expect.stringContaining('whitelist'),
  });
});

it('names both variables when the login is refused', async () => {
  const { open } = await fakeVendor(transip, fixture());
  await expect((await open({ TRANSIP_ACCOUNT_NAME: 'other' })).add([value])).rejects.toMatchObject({
    fault: 'auth',
    hint: 'check TRANSIP_ACCOUNT_NAME and TRANSIP_PRIVATE_KEY_PATH',
  });
});

it.each([
  ['that is not there', () => join(folder, 'none.key'), /which cannot be read \(ENOENT\)/u],
  ['that holds something else', () => write('a password'), /which holds no RSA private key/u],
  [
    'that holds a key of another kind',
    () => write(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    /which holds no RSA private key/u,
  ],
])('names the variable of a file %s', async (_what, makePath, message) => {
  const path = makePath();
  const { open } = await fakeVendor(transip, fixture());
  const failed = open({ TRANSIP_PRIVATE_KEY_PATH: path });
  await expect(failed).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringMatching(message) });
  await expect(failed).rejects.toThrow(`TRANSIP_PRIVATE_KEY_PATH names ${path}`);
});

function write(content: string): string {
  const path = join(folder, 'odd.key');
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

it('names the variables also where a refused login is not explained', async () => {
  const unexplained = ({ body }: FakeRequest) => ({ status: Object.values(body).length > 0 ? 401 : 400 });
  const usual = fixture();
  const { open } = await fakeVendor(transip, {
    ...usual,
    routes: (dns) => ({ ...usual.routes(dns), 'POST https://api.transip.nl/v6/auth': unexplained }),
  });
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'auth',
    hint: 'check TRANSIP_ACCOUNT_NAME and TRANSIP_PRIVATE_KEY_PATH',
  });
});
