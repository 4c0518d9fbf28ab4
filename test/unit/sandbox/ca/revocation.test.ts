import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createCsr } from '../../../../src/acme/csr.ts';
import { generateCertificateKey } from '../../../../src/acme/keys.ts';
import { type AcmeClient, type Keys, keysOf, newKeys } from './client.ts';
import { authorized, type Lab, obtain, startLab } from './lab.ts';

let lab: Lab;
let client: AcmeClient;
beforeAll(async () => {
  lab = await startLab();
  client = await lab.client();
});
beforeEach(() => lab.dns.clear());
afterAll(() => lab.close());

const der = (pem: string) => new X509Certificate(pem).raw.toString('base64url');
const revoke = (who: AcmeClient, certificate: unknown, more: object = {}, wishes = {}) =>
  who.post(who.directory.revokeCert, { certificate, ...more }, wishes);
const by = (keys: Keys) => ({ keys, header: { jwk: keys.jwk, kid: undefined, alg: keys.alg } });

it('is done by the account, once', async () => {
  const { pem, body } = await obtain(lab, client, ['own.test']);
  const replies = [await revoke(client, der(pem)), await revoke(client, der(pem))];
  expect(replies.map(({ status, kind }) => [status, kind])).toEqual([
    [200, ''],
    [400, 'alreadyRevoked'],
  ]);
  expect((await client.post(body.certificate, null)).status).toBe(200);
});

it.each(['ec256', 'rsa2048'] as const)('is done by the certificate’s own key: %s', async (type) => {
  const names = [`${type}.test`];
  const keyPem = await generateCertificateKey(type);
  const csr = await createCsr(names, keyPem, { mustStaple: false, commonName: true });
  const { pem } = await obtain(lab, client, names, {}, csr.toString('base64url'));
  const stranger = await lab.client();
  const keys = await keysOf(createPrivateKey(keyPem), type === 'ec256' ? 'ES256' : 'RS256');
  expect((await revoke(stranger, der(pem), { reason: 1 }, by(keys))).status).toBe(200);
});

it('is done by another account that is authorized for all names', async () => {
  const { pem } = await obtain(lab, client, ['a.test', '*.a.test']);
  const other = await lab.client();
  expect(await revoke(other, der(pem))).toMatchObject({ status: 403, kind: 'unauthorized' });
  await authorized(lab, other, ['a.test']);
  expect(await revoke(other, der(pem))).toMatchObject({ status: 403, kind: 'unauthorized' });
  const { body } = await authorized(lab, other, ['*.a.test']);
  await other.post(body.authorizations[0], { status: 'deactivated' });
  expect(await revoke(other, der(pem))).toMatchObject({ status: 403, kind: 'unauthorized' });
  await authorized(lab, other, ['*.a.test']);
  expect((await revoke(other, der(pem))).status).toBe(200);
});

it('is not done by any other key, and not by an account key without its account', async () => {
  const { pem } = await obtain(lab, client, ['keys.test']);
  for (const keys of [await newKeys(), client.keys]) {
    expect(await revoke(client, der(pem), {}, by(keys))).toMatchObject({ status: 403, kind: 'unauthorized' });
  }
});

it.each([0, 1, 3, 4, 5])('has the reason %i', async (reason) => {
  const { pem } = await obtain(lab, client, [`reason${reason}.test`]);
  expect((await revoke(client, der(pem), { reason })).status).toBe(200);
});

it.each([2, 6, 7, 8, 9, 10, 11, -1, 1.5, '1', null])('does not have the reason %p', async (reason) => {
  const { pem } = await obtain(lab, client, ['reasons.test']);
  const reply = await revoke(client, der(pem), { reason });
  expect([reply.status, reply.kind]).toEqual([400, 'badRevocationReason']);
  expect((await revoke(client, der(pem))).status).toBe(200);
});

it.each<[string, () => unknown, number]>([
  ['nothing', () => undefined, 400],
  ['PEM', () => lab.ca.rootPem, 400],
  ['garbage', () => Buffer.from('garbage').toString('base64url'), 400],
  ['a certificate from elsewhere', () => der(lab.ca.rootPem), 404],
])('is refused for %s', async (_, certificate, status) => {
  const reply = await revoke(client, certificate());
  expect([reply.status, reply.kind]).toEqual([status, 'malformed']);
});

it('is refused for a certificate that was changed', async () => {
  const { pem } = await obtain(lab, client, ['changed.test']);
  const bytes = new X509Certificate(pem).raw;
  bytes[bytes.length - 1]! ^= 1;
  expect(await revoke(client, bytes.toString('base64url'))).toMatchObject({ status: 404, kind: 'malformed' });
});
