import { execFileSync } from 'node:child_process';
import { createPublicKey, webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { AcmeClient } from './client.ts';
import { authorized, csrFor, type Lab, obtain, startLab } from './lab.ts';

const crypto = webcrypto as any;
let lab: Lab;
let client: AcmeClient;
beforeAll(async () => {
  lab = await startLab();
  client = await lab.client();
});
afterAll(() => lab.close());

interface Wanted {
  readonly names?: readonly { type: string; value: string }[];
  readonly subject?: string;
  readonly algorithm?: Record<string, unknown>;
  readonly hash?: string;
  readonly extensions?: readonly x509.Extension[];
  readonly keys?: { privateKey: unknown; publicKey: unknown };
}
const P256 = { name: 'ECDSA', namedCurve: 'P-256' };
const rsa = (modulusLength: number, hash = 'SHA-256') => ({
  name: 'RSASSA-PKCS1-v1_5',
  modulusLength,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash,
});
const dns = (...values: string[]) => values.map((value) => ({ type: 'dns', value }));
/** A CSR with whatever may be wrong about one. */
async function makeCsr({
  names = [],
  subject = '',
  algorithm = P256,
  hash = 'SHA-256',
  ...more
}: Wanted): Promise<Buffer> {
  const keys = more.keys ?? (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']));
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: subject,
      keys: keys as any,
      signingAlgorithm: { name: algorithm.name as string, hash } as any,
      extensions: [
        ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names as any)] : []),
        ...(more.extensions ?? []),
      ],
    },
    crypto,
  );
  return Buffer.from(request.rawData);
}

describe('a CSR', () => {
  let order: any;
  beforeAll(async () => {
    order = (await authorized(lab, client, ['a.test', '*.a.test'])).body;
  });
  const finalize = async (csr: unknown) => client.post(order.finalize, { csr });
  const both = dns('a.test', '*.a.test');

  it.each<[string, Wanted]>([
    ['lacks a name', { names: dns('a.test') }],
    ['lacks all names', {}],
    ['has a name more', { names: [...both, ...dns('b.test')] }],
    ['has another common name', { names: both, subject: 'CN=b.test' }],
    ['has an IP address', { names: [...both, { type: 'ip', value: '127.0.0.1' }] }],
    ['has an e-mail address', { names: [...both, { type: 'email', value: 'a@a.test' }] }],
    ['has a URL', { names: [...both, { type: 'url', value: 'https://a.test' }] }],
    ['has a short RSA key', { names: both, algorithm: rsa(1024) }],
    ['has a key on P-521', { names: both, algorithm: { name: 'ECDSA', namedCurve: 'P-521' }, hash: 'SHA-512' }],
    ['has an Ed25519 key', { names: both, algorithm: { name: 'Ed25519' } }],
    ['is signed with SHA-1', { names: both, hash: 'SHA-1' }],
    [
      'wants another TLS feature',
      { names: both, extensions: [new x509.Extension('1.3.6.1.5.5.7.1.24', false, Buffer.from('3003020111', 'hex'))] },
    ],
  ])('that %s is refused', async (_, wanted) => {
    const reply = await finalize((await makeCsr(wanted)).toString('base64url'));
    expect([reply.status, reply.kind]).toEqual([400, 'badCSR']);
  });

  it('with the key of an account is refused', async () => {
    const other = await lab.client();
    const publicKey = await crypto.subtle.importKey('jwk', other.keys.jwk, P256, true, ['verify']);
    const csr = await makeCsr({ names: both, keys: { privateKey: other.keys.privateKey, publicKey } });
    const reply = await finalize(csr.toString('base64url'));
    expect([reply.kind, reply.body.detail]).toEqual(['badCSR', expect.stringContaining('account')]);
  });

  it('whose signature does not hold is refused', async () => {
    const csr = await makeCsr({ names: both });
    csr[csr.length - 1]! ^= 1;
    expect((await finalize(csr.toString('base64url'))).kind).toBe('badCSR');
  });

  it.each<[string, (csr: Buffer) => unknown, string]>([
    ['missing', () => undefined, 'malformed'],
    ['PEM', (csr) => `-----BEGIN CERTIFICATE REQUEST-----\n${csr.toString('base64')}`, 'malformed'],
    ['padded base64', (csr) => `${csr.toString('base64')}=`, 'malformed'],
    ['empty', () => '', 'badCSR'],
    ['something else', () => Buffer.from('hello').toString('base64url'), 'badCSR'],
    ['cut', (csr) => csr.subarray(0, -9).toString('base64url'), 'badCSR'],
    [
      'for a key whose curve is no curve',
      (csr) =>
        Buffer.from(csr.toString('hex').replace('06082a8648ce3d0301', '30082a8648ce3d0301'), 'hex').toString(
          'base64url',
        ),
      'badCSR',
    ],
    ['followed by more', (csr) => Buffer.concat([csr, Buffer.alloc(3)]).toString('base64url'), 'badCSR'],
  ])('that is %s is refused', async (_, spoil, kind) => {
    const reply = await finalize(spoil(await makeCsr({ names: both })));
    expect([reply.status, reply.kind]).toEqual([400, kind]);
  });

  it('that was refused leaves the order ready for a better one, in capitals too', async () => {
    const csr = await makeCsr({ names: dns('A.test', '*.a.TEST'), subject: 'CN=a.Test' });
    const reply = await finalize(csr.toString('base64url'));
    expect([reply.status, reply.body.status]).toEqual([200, 'valid']);
    const again = await finalize(csr.toString('base64url'));
    expect([again.status, again.kind]).toEqual([403, 'orderNotReady']);
  });

  it('may have its only name as common name', async () => {
    const csr = await makeCsr({ subject: 'CN=cn.test' });
    const { pem } = await obtain(lab, client, ['cn.test'], {}, csr.toString('base64url'));
    expect(new X509Certificate(pem).subjectAltName).toBe('DNS:cn.test');
  });
});

describe('an order', () => {
  it('that is pending is not finalized', async () => {
    const { body } = await client.newOrder(['pending.test']);
    const reply = await client.post(body.finalize, { csr: await csrFor(['pending.test']) });
    expect([reply.status, reply.kind]).toEqual([403, 'orderNotReady']);
  });

  it('is finalized once, when it is asked for twice at the same time', async () => {
    const { body } = await authorized(lab, client, ['twice.test']);
    const csr = await csrFor(['twice.test']);
    const replies = await Promise.all([client.post(body.finalize, { csr }), client.post(body.finalize, { csr })]);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 403]);
  });
});

describe('a certificate', () => {
  const openssl = (pem: string, ...args: string[]) =>
    execFileSync('openssl', ['x509', '-noout', ...args], { input: pem, encoding: 'utf8' });
  const extensions = (pem: string) => openssl(pem, '-text').replace(/\s+/gu, ' ');

  it('leads to the root by two chains', async () => {
    const { certificate, body } = await obtain(lab, client, ['chain.test', '*.chain.test']);
    expect(certificate.headers['content-type']).toBe('application/pem-certificate-chain');
    const alternate = /<([^>]+)>;rel="alternate"/u.exec(certificate.headers.link)?.[1] ?? '';
    const other = await client.post(alternate, null);
    expect(other.headers.link).toContain(`<${body.certificate}>;rel="alternate"`);
    const [chain, otherChain] = [certificate, other].map(({ text }) =>
      text.match(/-----BEGIN.*?END CERTIFICATE-----/gsu)!.map((block) => new X509Certificate(block)),
    );
    expect([chain!.length, otherChain!.length]).toEqual([2, 2]);
    const root = new X509Certificate(lab.ca.rootPem);
    expect(root.subject).toMatch(/^CN=Quoin Sandbox Test Root [0-9a-f]+\nO=.*test CA.*never for production/u);
    expect(chain![0]!.raw.equals(otherChain![0]!.raw)).toBe(true);
    for (const intermediate of [chain![1]!, otherChain![1]!]) {
      expect([chain![0]!.checkIssued(intermediate), chain![0]!.verify(intermediate.publicKey)]).toEqual([true, true]);
    }
    expect([chain![1]!.checkIssued(root), chain![1]!.verify(root.publicKey)]).toEqual([true, true]);
    expect([otherChain![1]!.issuer === root.subject, otherChain![1]!.verify(root.publicKey)]).toEqual([false, false]);
  });

  it('is what OpenSSL takes for a server’s', async () => {
    const { pem } = await obtain(lab, client, ['server.test']);
    const text = extensions(pem);
    for (const part of [
      'Signature Algorithm: ecdsa-with-SHA256',
      'Key Usage: critical Digital Signature X509v3 Extended',
      'Extended Key Usage: TLS Web Server Authentication',
      'Basic Constraints: critical CA:FALSE',
      'Authority Key Identifier',
      'Subject Key Identifier',
      `CA Issuers - URI:${client.origin}/issuer`,
      'Subject Alternative Name: DNS:server.test',
      'Subject: CN = server.test'.replaceAll(' = ', '='),
    ]) {
      expect(text.replaceAll(' = ', '=')).toContain(part);
    }
    const { serialNumber, validFrom, validTo } = new X509Certificate(pem);
    expect(serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/u);
    const age = Date.now() - Date.parse(validFrom);
    expect([age > 0, age < 120_000]).toEqual([true, true]);
    expect(Date.parse(validTo) - Date.parse(validFrom)).toBe(90 * 86_400_000 - 1000);
  });

  it.each([
    ['tlsserver', 45 * 24],
    ['shortlived', 160],
  ])('of the profile %s has no common name, and its own lifetime', async (profile, hours) => {
    const { pem } = await obtain(lab, client, [`${profile}.test`], { profile });
    const { subject, validFrom, validTo, subjectAltName } = new X509Certificate(pem);
    expect([subject || undefined, subjectAltName]).toEqual([undefined, `DNS:${profile}.test`]);
    expect(extensions(pem)).toContain('Subject Alternative Name: critical');
    expect(extensions(pem)).not.toContain('Subject Key Identifier');
    expect((Date.parse(validTo) - Date.parse(validFrom) + 1000) / 3_600_000).toBe(hours);
  });

  it.each(['ec256', 'ec384', 'rsa2048'] as const)('holds the key of its CSR: %s', async (type) => {
    const names = [`${type}.test`];
    const csr = await csrFor(names, type);
    const { pem } = await obtain(lab, client, names, {}, csr);
    const request = new x509.Pkcs10CertificateRequest(Buffer.from(csr, 'base64url'));
    const wanted = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
    expect(new X509Certificate(pem).publicKey.equals(wanted)).toBe(true);
    expect(extensions(pem).includes('Key Encipherment')).toBe(type === 'rsa2048');
  });

  it('must be stapled when its CSR says so', async () => {
    const csr = await csrFor(['staple.test'], 'ec256', { mustStaple: true });
    const { pem } = await obtain(lab, client, ['staple.test'], {}, csr);
    expect(extensions(pem)).toContain('TLS Feature: status_request');
  });

  it('names where its issuer’s certificate is', async () => {
    const { pem } = await obtain(lab, client, ['issuer.test']);
    const url = /URI:(\S+)/u.exec(new X509Certificate(pem).infoAccess ?? '')?.[1] ?? '';
    const chunks: Buffer[] = [];
    const { get } = await import('node:https');
    await new Promise((resolve) =>
      get(url, { agent: client.agent, headers: { 'user-agent': 'test' } }, (response) => {
        response.on('data', (chunk) => chunks.push(chunk)).on('end', resolve);
      }),
    );
    expect(new X509Certificate(pem).verify(new X509Certificate(Buffer.concat(chunks)).publicKey)).toBe(true);
  });
});

it('has an HTTPS endpoint under the same root, also by the name localhost', async () => {
  const reply = await client.send('GET', lab.ca.directoryUrl.replace('127.0.0.1', 'localhost'));
  expect(reply.status).toBe(200);
});

describe('with another lifetime', () => {
  let brief: Lab;
  beforeAll(async () => {
    brief = await startLab({ lifetimeMs: 120_000 });
  });
  afterAll(() => brief.close());

  it('certificates live that long, whatever their profile', async () => {
    const other = await brief.client();
    const { pem } = await obtain(brief, other, ['brief.test'], { profile: 'tlsserver' });
    const { validFrom, validTo } = new X509Certificate(pem);
    expect(Date.parse(validTo) - Date.parse(validFrom)).toBe(119_000);
    expect(Date.parse(validTo)).toBeGreaterThan(Date.now());
    expect(other.directory.meta.profiles.classic).toContain('0.03 hours');
  });
});
