import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { request } from 'node:https';
import { type AcmeClient, keysOf, newKeys, sign, type Wishes } from './client.ts';
import { type Lab, startLab } from './lab.ts';

let lab: Lab;
let client: AcmeClient;
beforeAll(async () => {
  lab = await startLab();
  client = await lab.client();
});
afterAll(() => lab.close());

describe('what needs no signature', () => {
  it('tells in its directory what it can do, and that it is a test CA', async () => {
    const { status, headers, body } = await client.send('GET', lab.ca.directoryUrl);
    const { meta, ...resources } = body;
    expect([status, headers['content-type']]).toEqual([200, 'application/json']);
    expect(Object.keys(resources)).toEqual(
      expect.arrayContaining(['newNonce', 'newAccount', 'newOrder', 'revokeCert', 'keyChange', 'renewalInfo']),
    );
    expect(meta).toMatchObject({
      externalAccountRequired: false,
      caaIdentities: ['sandbox.test'],
      profiles: {
        classic: expect.stringContaining('test CA'),
        tlsserver: expect.any(String),
        shortlived: expect.any(String),
      },
    });
    for (const page of [meta.website, meta.termsOfService]) {
      expect((await client.send('GET', page)).text).toMatch(/test CA/u);
    }
  });

  it.each([
    ['HEAD', 200],
    ['GET', 204],
  ])('gives a nonce to %s', async (method, status) => {
    const reply = await client.send(method, client.directory.newNonce);
    expect(reply.status).toBe(status);
    expect(reply.headers).toMatchObject({
      'replay-nonce': expect.stringMatching(/^[A-Za-z0-9_-]{16,}$/u),
      'cache-control': 'no-store',
      link: `<${lab.ca.directoryUrl}>;rel="index"`,
    });
  });

  it('asks for a User-Agent', async () => {
    const reply = await client.send('GET', lab.ca.directoryUrl, undefined, { 'user-agent': undefined });
    expect([reply.status, reply.kind]).toEqual([400, 'malformed']);
  });

  it.each([
    ['GET of what is read by POST-as-GET', 'GET', '/account/1', 405],
    ['GET of a new order', 'GET', '/new-order', 405],
    ['DELETE of an order', 'DELETE', '/order/1', 405],
    ['POST to the directory', 'POST', '/directory', 405],
    ['what there is not', 'GET', '/nowhere', 404],
  ])('refuses %s', async (_, method, path, status) => {
    const reply = await client.send(method, client.origin + path);
    expect([reply.status, reply.kind, reply.headers['content-type']]).toEqual([
      status,
      'malformed',
      'application/problem+json',
    ]);
  });
});

describe('a signed request', () => {
  const spoilHeader = (change: (text: string) => string) => (jws: Record<string, any>) => ({
    ...jws,
    protected: Buffer.from(change(Buffer.from(jws.protected, 'base64url').toString())).toString('base64url'),
  });
  const rows: [string, Wishes, number, string][] = [
    ['of another content type', { headers: { 'content-type': 'application/json' } }, 415, 'malformed'],
    ['without a content type', { headers: { 'content-type': undefined } }, 415, 'malformed'],
    ['without a User-Agent', { headers: { 'user-agent': undefined } }, 400, 'malformed'],
    ['that is no object', { spoil: () => [] }, 400, 'malformed'],
    ['with an unprotected header', { spoil: (jws) => ({ ...jws, header: {} }) }, 400, 'malformed'],
    ['in general JSON form', { spoil: ({ payload, ...rest }) => ({ payload, signatures: [rest] }) }, 400, 'malformed'],
    ['without a payload', { spoil: ({ payload: _, ...jws }) => jws }, 400, 'malformed'],
    ['without a signature', { spoil: ({ signature: _, ...jws }) => jws }, 400, 'malformed'],
    ['with padded base64url', { spoil: (jws) => ({ ...jws, protected: `${jws.protected}=` }) }, 400, 'malformed'],
    ['whose header is not JSON', { spoil: spoilHeader((text) => text.slice(1)) }, 400, 'malformed'],
    ['whose header is a list', { spoil: spoilHeader((text) => `[${text}]`) }, 400, 'malformed'],
    ['whose header was changed', { spoil: spoilHeader((text) => text.replace('{', '{ ')) }, 400, 'malformed'],
    [
      'whose payload was changed',
      { spoil: (jws) => ({ ...jws, payload: Buffer.from('{"status":"deactivated"}').toString('base64url') }) },
      400,
      'malformed',
    ],
    ['with a critical extension', { header: { crit: ['b64'], b64: true } }, 400, 'malformed'],
    [
      'without an algorithm',
      { spoil: spoilHeader((text) => text.replace('"alg"', '"elg"')) },
      400,
      'badSignatureAlgorithm',
    ],
    ['by nobody', { spoil: spoilHeader((text) => text.replace('ES256', 'none')) }, 400, 'badSignatureAlgorithm'],
    ['by a MAC', { spoil: spoilHeader((text) => text.replace('ES256', 'HS256')) }, 400, 'badSignatureAlgorithm'],
    [
      'by an algorithm that is not of its key',
      { spoil: spoilHeader((text) => text.replace('ES256', 'ES384')) },
      400,
      'badSignatureAlgorithm',
    ],
    ['without a nonce', { header: { nonce: undefined } }, 400, 'badNonce'],
    ['with a nonce of its own', { header: { nonce: randomBytes(16).toString('base64url') } }, 400, 'badNonce'],
    ['with a nonce that is not base64url', { header: { nonce: 'a b' } }, 400, 'malformed'],
    ['with a number for a nonce', { header: { nonce: 5 } }, 400, 'malformed'],
    ['without a url', { header: { url: undefined } }, 400, 'malformed'],
    ['for another url', { header: { url: 'https://127.0.0.1/other' } }, 403, 'unauthorized'],
    ['with neither jwk nor kid', { header: { kid: undefined } }, 400, 'malformed'],
    ['with a kid that is no text', { header: { kid: 5 } }, 400, 'malformed'],
    ['of an account that there is not', { header: { kid: 'https://127.0.0.1/account/1' } }, 400, 'accountDoesNotExist'],
  ];
  it.each(rows)('%s is refused', async (_, wishes, status, kind) => {
    const reply = await client.post(client.kid!, {}, wishes);
    expect([reply.status, reply.kind]).toEqual([status, kind]);
    expect(reply.headers).toMatchObject({
      'content-type': 'application/problem+json',
      'replay-nonce': expect.any(String),
      link: `<${lab.ca.directoryUrl}>;rel="index"`,
    });
    expect(reply.body.status).toBe(status);
    // And the nonce in a refusal is good.
    const again = await client.post(client.kid!, null, { header: { nonce: reply.headers['replay-nonce'] } });
    expect(again.status).toBe(200);
  });

  it('lists the algorithms that it takes', async () => {
    const reply = await client.post(client.kid!, null, {
      spoil: spoilHeader((text) => text.replace('ES256', 'ES256K')),
    });
    expect(reply.body.algorithms).toEqual(['ES256', 'ES384', 'ES512', 'RS256', 'EdDSA']);
  });

  it('with both jwk and kid is refused, and so is the wrong one of them', async () => {
    const { jwk } = client.keys;
    const both = await client.post(client.kid!, null, { header: { jwk } });
    const key = await client.post(client.kid!, null, { header: { jwk, kid: undefined } });
    const account = await client.post(client.directory.newAccount, {});
    expect([both, key, account].map(({ status, kind }) => [status, kind])).toEqual(Array(3).fill([400, 'malformed']));
  });

  it('is taken once', async () => {
    const body = JSON.stringify(await client.sign(client.kid!, null));
    const send = () => client.send('POST', client.kid!, body, { 'content-type': 'application/jose+json' });
    const replies = [await send(), await send()];
    expect(replies.map(({ status, kind }) => [status, kind])).toEqual([
      [200, ''],
      [400, 'badNonce'],
    ]);
  });

  it('signed by another key than that of its account is refused', async () => {
    const reply = await client.post(client.kid!, null, { keys: await newKeys() });
    expect([reply.status, reply.kind]).toEqual([400, 'malformed']);
  });

  it.each([
    ['is not JSON', '{', 'malformed'],
    ['is a list', '[]', 'malformed'],
    ['is empty where something is to be made', null, 'malformed'],
  ])('whose payload %s is refused', async (_, payload, kind) => {
    const reply = await client.post(client.directory.newOrder, payload);
    expect([reply.status, reply.kind]).toEqual([400, kind]);
  });

  it('with a payload is refused where there is only something to read', async () => {
    const { headers, body } = await client.newOrder(['payload.test']);
    const replies = await Promise.all(
      [headers.location, body.authorizations[0], `${client.kid}/orders`].map((url) => client.post(url, {})),
    );
    expect(replies.map(({ status, kind }) => [status, kind])).toEqual(Array(3).fill([400, 'malformed']));
  });

  it('that is larger than any has reason to be is refused while it arrives', async () => {
    const status = await new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/jose+json', 'user-agent': 'test' };
      const sending = request(
        client.directory.newOrder,
        { method: 'POST', agent: client.agent, headers },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      sending.on('error', reject);
      sending.write('x'.repeat(300 * 1024)); // Chunked, and never ended.
    });
    expect(status).toBe(413);
  });
});

describe('an account key', () => {
  it.each(['ES256', 'ES384', 'ES512', 'RS256', 'EdDSA'])('of %s is taken', async (alg) => {
    const other = await lab.client(false);
    other.keys = await newKeys(alg);
    expect((await other.register()).status).toBe(201);
    expect((await other.post(other.kid!, null)).status).toBe(200);
  });

  const rsa = (options: object) =>
    generateKeyPairSync('rsa', { modulusLength: 2048, ...options } as any).privateKey as any;
  it.each([
    ['RSA of 1024 bits', () => rsa({ modulusLength: 1024 })],
    ['RSA with the exponent 3', () => rsa({ publicExponent: 3 })],
  ])('that is weak is refused: %s', async (_, make) => {
    const other = await lab.client(false);
    const { jwk } = await keysOf(make(), 'RS256');
    const body = { ...(await sign(other.keys, { alg: 'ES256', jwk, url: '', nonce: '' }, {})), signature: 'AAAA' };
    const header = { alg: 'RS256', jwk, nonce: await other.nonce(), url: other.directory.newAccount };
    const encoded = Buffer.from(JSON.stringify(header)).toString('base64url');
    const reply = await other.send(
      'POST',
      other.directory.newAccount,
      JSON.stringify({ ...body, protected: encoded }),
      {
        'content-type': 'application/jose+json',
      },
    );
    expect([reply.status, reply.kind]).toEqual([400, 'badPublicKey']);
  });

  it.each([
    ['holds its private half', (jwk: any) => ({ ...jwk, d: jwk.x })],
    ['is not on its curve', (jwk: any) => ({ ...jwk, y: jwk.x })],
    ['is of an unknown curve', (jwk: any) => ({ ...jwk, crv: 'secp256k1' })],
    ['is symmetric', () => ({ kty: 'oct', k: 'AAAA' })],
    ['lacks a coordinate', ({ y: _, ...jwk }: any) => jwk],
  ])('that %s is refused', async (_, change) => {
    const other = await lab.client(false);
    const reply = await other.post(other.directory.newAccount, {}, { header: { jwk: change(other.keys.jwk) } });
    expect([reply.status, reply.kind]).toEqual([400, 'badPublicKey']);
  });
});
