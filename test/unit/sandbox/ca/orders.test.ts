import { X509Certificate } from 'node:crypto';
import type { AcmeClient } from './client.ts';
import { authorized, csrFor, type Lab, obtain, startLab } from './lab.ts';

const DAY_MS = 86_400_000;
let lab: Lab;
let client: AcmeClient;
beforeAll(async () => {
  lab = await startLab();
  client = await lab.client();
});
beforeEach(() => {
  lab.chance.now = Date.now;
});
afterAll(() => lab.close());

const later = (ms: number) => {
  lab.chance.now = () => Date.now() + ms;
};
const iso = (ms: number) => new Date(Date.now() + ms).toISOString();

describe('a new order', () => {
  it('is for its names in lower case, each once, and has an authorization for each', async () => {
    const { status, headers, body } = await client.newOrder(['WWW.Example.test', '*.example.test', 'www.example.test']);
    expect([status, headers.location]).toEqual([201, expect.stringContaining('/order/')]);
    const identifiers = ['www.example.test', '*.example.test'].map((value) => ({ type: 'dns', value }));
    expect(body).toMatchObject({ status: 'pending', identifiers, profile: 'classic' });
    expect(Date.parse(body.expires)).toBeGreaterThan(Date.now());
    const all = await Promise.all(body.authorizations.map((url: string) => client.post(url, null)));
    expect(all.map((reply) => [reply.body.identifier.value, reply.body.wildcard, reply.body.status])).toEqual([
      ['www.example.test', undefined, 'pending'],
      ['example.test', true, 'pending'],
    ]);
    const [challenge] = all[0].body.challenges;
    expect(challenge).toEqual({
      type: 'dns-01',
      url: expect.any(String),
      status: 'pending',
      token: expect.any(String),
    });
    expect(challenge.token).toMatch(/^[A-Za-z0-9_-]{22,}$/u);
    expect(all[1].body.challenges[0].token).not.toBe(challenge.token);
  });

  it.each([
    ['longest', 'a'.repeat(63)],
    ['punycode', 'xn--bcher-kva'],
    ['digits', '123'],
  ])('takes any name that is one: %s', async (_, label) => {
    expect((await client.newOrder([`${label}.test`])).status).toBe(201);
  });

  const refused: [string, unknown, string][] = [
    ['nothing', undefined, 'malformed'],
    ['an empty list', [], 'malformed'],
    ['a list of texts', ['a.test'], 'malformed'],
    ['a name without a type', [{ value: 'a.test' }], 'malformed'],
    ['an IP address', [{ type: 'ip', value: '192.0.2.1' }], 'unsupportedIdentifier'],
    ['an IP address as a name', [{ type: 'dns', value: '192.0.2.1' }], 'unsupportedIdentifier'],
    ['an e-mail address', [{ type: 'email', value: 'a@b.test' }], 'unsupportedIdentifier'],
    ...[
      '',
      'a..test',
      '.a.test',
      'a.test.',
      '-a.test',
      'a-.test',
      'a_b.test',
      'a b.test',
      'bücher.test',
      'www.*.test',
      'w*.a.test',
      '*.*.a.test',
      '*',
      `${'a'.repeat(64)}.test`,
      `${'a.'.repeat(126)}test`,
      'a.1',
      'https://a.test',
    ].map((value): [string, unknown, string] => [JSON.stringify(value), [{ type: 'dns', value }], 'malformed']),
  ];
  it.each(refused)('is refused for %s', async (_, identifiers, kind) => {
    const reply = await client.post(client.directory.newOrder, { identifiers });
    expect([reply.status, reply.kind]).toEqual([400, kind]);
  });

  it('is refused with the reason for each name', async () => {
    const values = ['good.test', 'a_b.test', '192.0.2.1'];
    const reply = await client.newOrder(values);
    expect(reply.kind).toBe('compound');
    expect(reply.body.subproblems.map((sub: any) => [sub.identifier.value, sub.type.split(':').at(-1)])).toEqual([
      ['a_b.test', 'malformed'],
      ['192.0.2.1', 'unsupportedIdentifier'],
    ]);
  });

  it.each([
    ['classic', 100],
    ['tlsserver', 25],
    ['shortlived', 25],
  ])('of the profile %s takes %i names', async (profile, most) => {
    const names = Array.from({ length: most + 1 }, (_, i) => `n${i}.test`);
    const [full, over] = await Promise.all([names.slice(1), names].map((some) => client.newOrder(some, { profile })));
    expect([full?.status, full?.body.profile]).toEqual([201, profile]);
    expect([over?.status, over?.kind]).toEqual([400, 'malformed']);
  });

  it.each(['other', 'toString', 5, null])('of the profile %p is refused', async (profile) => {
    const reply = await client.newOrder(['a.test'], { profile });
    expect([reply.status, reply.kind]).toEqual(profile === null ? [201, ''] : [400, 'invalidProfile']);
  });

  it.each([
    ['notBefore is no date', () => ({ notBefore: 'tomorrow' })],
    ['notAfter is a number', () => ({ notAfter: 5 })],
    ['notAfter is past', () => ({ notAfter: iso(-DAY_MS) })],
    ['notAfter is not after notBefore', () => ({ notBefore: iso(3_600_000), notAfter: iso(3_600_000) })],
    ['notBefore is far from now', () => ({ notBefore: iso(30 * DAY_MS) })],
    ['the time between is longer than the profile’s', () => ({ notAfter: iso(91 * DAY_MS) })],
  ])('is refused when %s', async (_, dates) => {
    const reply = await client.newOrder(['a.test'], dates());
    expect([reply.status, reply.kind]).toEqual([400, 'malformed']);
  });

  it('has the dates that were asked for, and so has its certificate', async () => {
    const notBefore = iso(-3_600_000).replace(/\.\d+Z/u, 'Z');
    const notAfter = iso(10 * DAY_MS).replace(/\.\d+Z/u, 'Z');
    const { body, pem } = await obtain(lab, client, ['dates.test'], { notBefore, notAfter });
    expect(body).toMatchObject({ notBefore, notAfter });
    const { validFrom, validTo } = new X509Certificate(pem);
    expect([new Date(validFrom), new Date(validTo)]).toEqual([new Date(notBefore), new Date(notAfter)]);
  });

  it('does not reuse an authorization', async () => {
    const first = await authorized(lab, client, ['again.test']);
    const second = await client.newOrder(['again.test']);
    expect([first.body.status, second.body.status]).toEqual(['ready', 'pending']);
    expect(second.body.authorizations[0]).not.toBe(first.body.authorizations[0]);
  });
});

describe('an order', () => {
  it('is nobody else’s to read, and neither are its parts', async () => {
    const { body, url } = await obtain(lab, client, ['private.test']);
    const other = await lab.client();
    const authorization = (await client.post(body.authorizations[0], null)).body;
    const urls = [url, body.authorizations[0], authorization.challenges[0].url, body.certificate];
    const replies = await Promise.all(urls.map((at) => other.post(at, null)));
    replies.push(await other.post(body.finalize, { csr: await csrFor(['private.test']) }));
    expect(replies.map(({ status, kind }) => [status, kind])).toEqual(Array(5).fill([403, 'unauthorized']));
  });

  it.each(['/order/00', '/authorization/00/0', '/challenge/00/0', '/certificate/00', '/certificate/00/alternate'])(
    'that there is not is not found: %s',
    async (path) => {
      const reply = await client.post(client.origin + path, null);
      expect([reply.status, reply.kind]).toEqual([404, 'malformed']);
    },
  );

  it('has no further authorizations', async () => {
    const { body } = await client.newOrder(['one.test']);
    const replies = await Promise.all(
      ['1', '-1', 'length', '00000'].map((at) => client.post(body.authorizations[0].replace(/0$/u, at), null)),
    );
    expect(replies.map(({ status }) => status)).toEqual(Array(4).fill(404));
  });

  it('becomes invalid with its time, and its authorizations with it', async () => {
    const { headers, body } = await client.newOrder(['old.test']);
    const ready = await authorized(lab, client, ['ready.test']);
    later(9 * 3_600_000);
    for (const url of [headers.location, ready.url]) expect((await client.post(url, null)).body.status).toBe('invalid');
    const authorization = (await client.post(body.authorizations[0], null)).body;
    expect(authorization.status).toBe('invalid');
    const late = await client.post(authorization.challenges[0].url, {});
    expect([late.status, late.kind]).toEqual([400, 'malformed']);
    const finalized = await client.post(ready.body.finalize, { csr: await csrFor(['ready.test']) });
    expect([finalized.status, finalized.kind]).toEqual([403, 'orderNotReady']);
  });

  it('is forgotten when it is of no use any more, unless it has a certificate', async () => {
    const { headers } = await client.newOrder(['forgotten.test']);
    const kept = await obtain(lab, client, ['kept.test']);
    later(9 * 3_600_000);
    await client.newOrder(['next.test']);
    expect((await client.post(headers.location, null)).status).toBe(404);
    expect((await client.post(kept.url, null)).body.status).toBe('valid');
    later(91 * DAY_MS);
    await client.newOrder(['next.test']);
    await client.newOrder(['next.test']);
    for (const url of [kept.url, kept.body.certificate]) expect((await client.post(url, null)).status).toBe(404);
  });

  it('ends with a deactivated authorization', async () => {
    const { url, body } = await authorized(lab, client, ['given-up.test']);
    const at = body.authorizations[0];
    const reply = await client.post(at, { status: 'deactivated' });
    expect([reply.status, reply.body.status]).toEqual([200, 'deactivated']);
    expect((await client.post(url, null)).body).toMatchObject({ status: 'invalid', error: expect.any(Object) });
    const again = await client.post(at, { status: 'deactivated' });
    expect([again.status, again.kind]).toEqual([400, 'malformed']);
  });

  it('stays valid when its authorization is deactivated afterwards', async () => {
    const { url, body } = await obtain(lab, client, ['done.test']);
    await client.post(body.authorizations[0], { status: 'deactivated' });
    expect((await client.post(url, null)).body.status).toBe('valid');
  });
});
