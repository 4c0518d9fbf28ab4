import { randomBytes } from 'node:crypto';
import { type AcmeClient, type Keys, newKeys, sign } from './client.ts';
import { type Lab, startLab } from './lab.ts';

let lab: Lab;
let client: AcmeClient;
const eab = { kid: 'customer-1', hmacKey: randomBytes(32).toString('base64url') };
let eabLab: Lab;
beforeAll(async () => {
  [lab, eabLab] = await Promise.all([startLab(), startLab({ externalAccounts: [eab] })]);
});
beforeEach(async () => {
  client = await lab.client(false);
});
afterAll(() => Promise.all([lab.close(), eabLab.close()]));

const agreed = { termsOfServiceAgreed: true };

it('is made once for a key', async () => {
  const first = await client.register({ ...agreed, contact: ['mailto:a@example.test'] });
  client.kid = undefined;
  const second = await client.register({ ...agreed, contact: ['mailto:b@example.test'] });
  expect([first.status, second.status]).toEqual([201, 200]);
  expect(second.headers.location).toBe(first.headers.location);
  expect(second.body).toEqual(first.body);
  expect(first.body).toMatchObject({ status: 'valid', contact: ['mailto:a@example.test'] });
});

it('is made once even when it is asked for twice at the same time', async () => {
  const { newAccount } = client.directory;
  const replies = await Promise.all([client.post(newAccount, agreed), client.post(newAccount, agreed)]);
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 201]);
  expect(replies[0]!.headers.location).toBe(replies[1]!.headers.location);
});

it('is found by its key alone, and not made then', async () => {
  const missing = await client.register({ onlyReturnExisting: true });
  expect([missing.status, missing.kind]).toEqual([400, 'accountDoesNotExist']);
  await client.register();
  const { kid } = client;
  client.kid = undefined;
  expect(await client.register({ onlyReturnExisting: true })).toMatchObject({
    status: 200,
    headers: { location: kid },
  });
});

it('is not made before the terms are agreed to, and the refusal says where they are', async () => {
  const reply = await client.register({});
  expect([reply.status, reply.kind]).toEqual([403, 'userActionRequired']);
  const { termsOfService } = client.directory.meta;
  expect(reply.body.instance).toBe(termsOfService);
  expect(reply.headers.link).toContain(`<${termsOfService}>;rel="terms-of-service"`);
});

const contacts: [string, unknown, string][] = [
  ['by telephone', ['tel:+1234'], 'unsupportedContact'],
  ['that is no URL', ['a@example.test'], 'invalidContact'],
  ['with header fields', ['mailto:a@example.test?subject=hello'], 'invalidContact'],
  ['of two addresses', ['mailto:a@example.test,b@example.test'], 'invalidContact'],
  ['without a host', ['mailto:a'], 'invalidContact'],
  ['of nobody', ['mailto:'], 'invalidContact'],
  ['that is a number', [5], 'malformed'],
  ['outside a list', 'mailto:a@example.test', 'malformed'],
];
it.each(contacts)('takes no contact %s', async (_, contact, kind) => {
  const made = await client.register({ ...agreed, contact });
  expect([made.status, made.kind]).toEqual([400, kind]);
  await client.register();
  const updated = await client.post(client.kid!, { contact });
  expect([updated.status, updated.kind]).toEqual([400, kind]);
  expect((await client.post(client.kid!, null)).body.contact).toEqual([]);
});

it('can be updated, and ignores what cannot be', async () => {
  await client.register();
  const contact = ['mailto:new@example.test'];
  const reply = await client.post(client.kid!, {
    contact,
    orders: 'https://elsewhere.test',
    termsOfServiceAgreed: false,
  });
  expect(reply.body).toMatchObject({ status: 'valid', contact, orders: `${client.kid}/orders` });
  expect((await client.post(client.kid!, {})).body).toEqual(reply.body);
});

it('is nobody else’s to read', async () => {
  await client.register();
  const other = await lab.client();
  const replies = await Promise.all([client.kid!, `${client.kid}/orders`].map((url) => other.post(url, null)));
  expect(replies.map(({ status, kind }) => [status, kind])).toEqual(Array(2).fill([403, 'unauthorized']));
});

it('lists its orders in pages, without those that failed', async () => {
  await client.register();
  const made = await Promise.all(Array.from({ length: 102 }, (_, i) => client.newOrder([`n${i}.test`])));
  await client.post(made[0]!.body.authorizations[0], { status: 'deactivated' });
  const listed: string[] = [];
  for (let url: string | undefined = `${client.kid}/orders`; url; ) {
    const reply = await client.post(url, null);
    listed.push(...reply.body.orders);
    url = /<([^>]+)>;rel="next"/u.exec(reply.headers.link)?.[1];
  }
  const wanted = made.slice(1).map(({ headers }) => headers.location);
  expect(listed.sort()).toEqual(wanted.sort());
});

describe('deactivated', () => {
  it('is good for nothing any more', async () => {
    await client.register();
    const order = await client.newOrder(['gone.test']);
    const done = await client.post(client.kid!, { status: 'deactivated' });
    expect([done.status, done.body.status]).toEqual([200, 'deactivated']);
    const replies = await Promise.all([
      client.post(client.kid!, null),
      client.post(client.kid!, { status: 'valid' }),
      client.post(order.headers.location, null),
      client.newOrder(['more.test']),
    ]);
    client.kid = undefined;
    replies.push(await client.register());
    expect(replies.map(({ status, kind }) => [status, kind])).toEqual(Array(5).fill([401, 'unauthorized']));
  });

  it('is all that its status can become', async () => {
    await client.register();
    const reply = await client.post(client.kid!, { status: 'revoked' });
    expect([reply.status, reply.kind]).toEqual([400, 'malformed']);
  });
});

describe('a key change', () => {
  interface Inner {
    readonly keys?: Keys;
    readonly header?: Record<string, unknown>;
    readonly payload?: object;
  }
  let next: Keys;
  beforeEach(async () => {
    await client.register();
    next = await newKeys('ES384');
  });
  const change = async ({ keys = next, header = {}, payload = {} }: Inner = {}) => {
    const { keyChange } = client.directory;
    const inner = { account: client.kid, oldKey: client.keys.jwk, ...payload };
    const jws = await sign(keys, { alg: keys.alg, jwk: keys.jwk, url: keyChange, ...header }, inner);
    return client.post(keyChange, jws);
  };

  it('gives the account to the new key and takes it from the old one', async () => {
    expect(await change()).toMatchObject({ status: 200, body: { status: 'valid' }, headers: { location: client.kid } });
    const old = await client.post(client.kid!, null);
    expect([old.status, old.kind]).toEqual([400, 'badSignatureAlgorithm']);
    client.keys = next;
    expect((await client.post(client.kid!, null)).status).toBe(200);
  });

  it('to a key that has an account is a conflict, which names that account', async () => {
    const other = await lab.client();
    const reply = await change({ keys: other.keys });
    expect([reply.status, reply.headers.location]).toEqual([409, other.kid]);
    expect((await client.post(client.kid!, null)).status).toBe(200);
  });

  it.each<[string, () => Inner | Promise<Inner>, string]>([
    ['for another url', () => ({ header: { url: 'https://127.0.0.1/key-change' } }), 'malformed'],
    ['with a nonce inside', () => ({ header: { nonce: 'AAAA' } }), 'malformed'],
    ['with a kid inside', () => ({ header: { jwk: undefined, kid: client.kid } }), 'malformed'],
    ['for another account', () => ({ payload: { account: `${client.kid}0` } }), 'malformed'],
    ['from another key', () => ({ payload: { oldKey: next.jwk } }), 'malformed'],
    ['without the old key', () => ({ payload: { oldKey: undefined } }), 'malformed'],
    ['not signed with the new key', async () => ({ header: { jwk: (await newKeys('ES384')).jwk } }), 'malformed'],
    ['to a key that is none', () => ({ header: { jwk: { ...next.jwk, x: next.jwk.y } } }), 'badPublicKey'],
    ['to the same key', () => ({ keys: client.keys }), 'malformed'],
  ])('%s is refused', async (_, inner, kind) => {
    const reply = await change(await inner());
    expect([reply.status >= 400, reply.kind]).toEqual([true, kind]);
    expect((await client.post(client.kid!, null)).status).toBe(200);
  });

  it('whose payload is no JWS is refused', async () => {
    const reply = await client.post(client.directory.keyChange, { account: client.kid });
    expect([reply.status, reply.kind]).toEqual([400, 'malformed']);
  });
});

describe('an external account binding', () => {
  beforeEach(async () => {
    client = await eabLab.client(false);
  });
  const bind = async (header: Record<string, unknown> = {}, payload: object = client.keys.jwk, key = eab.hmacKey) => {
    const alg = (header.alg as string | undefined) ?? 'HS256';
    const mac = { privateKey: Buffer.from(key, 'base64url'), jwk: {}, alg };
    return sign(mac, { alg, kid: eab.kid, url: client.directory.newAccount, ...header }, payload);
  };

  it('is announced, and binds the account', async () => {
    expect(client.directory.meta.externalAccountRequired).toBe(true);
    const externalAccountBinding = await bind();
    const reply = await client.register({ ...agreed, externalAccountBinding });
    expect([reply.status, reply.body.externalAccountBinding]).toEqual([201, externalAccountBinding]);
  });

  it('is asked for', async () => {
    const reply = await client.register();
    expect([reply.status, reply.kind]).toEqual([403, 'externalAccountRequired']);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['of an unknown kid', () => bind({ kid: 'other' }), 'unauthorized'],
    ['by another key', () => bind({}, undefined, randomBytes(32).toString('base64url')), 'unauthorized'],
    ['for another account key', async () => bind({}, (await newKeys()).jwk), 'malformed'],
    ['for another url', () => bind({ url: client.origin }), 'malformed'],
    ['with a nonce', () => bind({ nonce: 'AAAA' }), 'malformed'],
    ['without a kid', () => bind({ kid: undefined }), 'malformed'],
    [
      'by no MAC',
      () => sign(client.keys, { alg: 'ES256', kid: eab.kid, url: client.directory.newAccount }, client.keys.jwk),
      'malformed',
    ],
    ['that is no JWS', async () => 'binding', 'malformed'],
  ])('%s is refused', async (_, binding, kind) => {
    const reply = await client.register({ ...agreed, externalAccountBinding: await binding() });
    expect([reply.status >= 400, reply.kind]).toEqual([true, kind]);
    client.kid = undefined;
    expect((await client.register({ onlyReturnExisting: true })).kind).toBe('accountDoesNotExist');
  });
});
