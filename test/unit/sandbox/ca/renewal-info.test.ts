import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import type { AcmeClient } from './client.ts';
import { authorized, csrFor, type Lab, obtain, startLab } from './lab.ts';

let lab: Lab;
let client: AcmeClient;
beforeAll(async () => {
  lab = await startLab();
  client = await lab.client();
});
afterAll(() => lab.close());

/** By OpenSSL and by hand, not by the code under test. */
function certIdOf(pem: string): string {
  const text = execFileSync('openssl', ['x509', '-noout', '-ext', 'authorityKeyIdentifier'], {
    input: pem,
    encoding: 'utf8',
  });
  const key = /((?:[0-9A-F]{2}:){19}[0-9A-F]{2})/u.exec(text)?.[1]?.replaceAll(':', '') ?? '';
  const { serialNumber } = new X509Certificate(pem);
  return [key, serialNumber].map((hex) => Buffer.from(hex, 'hex').toString('base64url')).join('.');
}
const read = (certId: string, who = client) => who.send('GET', `${who.directory.renewalInfo}/${certId}`);
const windowOf = ({ body }: { body: any }) =>
  [body.suggestedWindow.start, body.suggestedWindow.end].map((at) => Date.parse(at));

describe('renewal information', () => {
  it('suggests the middle third of the lifetime to anybody, with nothing to explain', async () => {
    const { pem } = await obtain(lab, client, ['third.test']);
    const reply = await read(certIdOf(pem));
    const { validFrom, validTo } = new X509Certificate(pem);
    const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
    const [start = 0, end = 0] = windowOf(reply);
    expect([reply.status, reply.headers['retry-after'], Object.keys(reply.body)]).toEqual([
      200,
      '21600',
      ['suggestedWindow'],
    ]);
    expect([(start - from) / (to - from), (end - from) / (to - from)]).toEqual([
      expect.closeTo(1 / 3, 5),
      expect.closeTo(2 / 3, 5),
    ]);
  });

  it('of a revoked certificate has a window that is past, and an explanation', async () => {
    const { pem } = await obtain(lab, client, ['revoked.test']);
    const certificate = new X509Certificate(pem).raw.toString('base64url');
    await client.post(client.directory.revokeCert, { certificate });
    const reply = await read(certIdOf(pem));
    expect(windowOf(reply).every((at) => at < Date.now())).toBe(true);
    expect((await client.send('GET', reply.body.explanationURL)).text).toContain('revoked');
  });

  it.each<[string, (id: string) => string, number]>([
    ['of another CA', (id) => `AAAA.${id.split('.')[1]}`, 404],
    ['of another serial number', (id) => `${id.split('.')[0]}.AAAA`, 404],
    ['with padding', (id) => `${id}=`, 400],
    ['in one part', (id) => id.replace('.', ''), 400],
    ['in three parts', (id) => `${id}.AAAA`, 400],
    ['in base64', (id) => `${id}%2F`, 400],
  ])('is refused for an identifier %s', async (_, spoil, status) => {
    const { pem } = await obtain(lab, client, ['ids.test']);
    const reply = await read(spoil(certIdOf(pem)));
    expect([reply.status, reply.kind]).toEqual([status, 'malformed']);
  });

  it.each([
    ['at once', 'now', (age: number) => age < 0],
    ['later', { startMs: 3_600_000, endMs: 7_200_000 }, (age: number) => age > 3_400_000 && age <= 7_200_000],
  ] as const)('suggests what the sandbox was told to: %s', async (_, renewalWindow, fits) => {
    const other = await startLab({ renewalWindow, noise: { retryAfterSeconds: 60 } });
    try {
      const user = await other.client();
      const { pem } = await obtain(other, user, ['window.test']);
      const reply = await read(certIdOf(pem), user);
      expect(windowOf(reply).map((at) => fits(at - Date.now()))).toEqual([true, true]);
      expect([reply.headers['retry-after'], 'explanationURL' in reply.body]).toEqual(['60', renewalWindow === 'now']);
    } finally {
      await other.close();
    }
  });
});

describe('an order that replaces', () => {
  const order = (replaces: unknown, names = ['a.test'], who = client) => who.newOrder(names, { replaces });

  it('a certificate says so, and is the only one once it is finalized', async () => {
    const replaces = certIdOf((await obtain(lab, client, ['a.test', 'b.test'])).pem);
    const abandoned = await order(replaces);
    const { body } = await authorized(lab, client, ['b.test', 'c.test'], { replaces });
    expect([abandoned.status, abandoned.body.replaces, body.replaces]).toEqual([201, replaces, replaces]);
    await client.post(body.finalize, { csr: await csrFor(['b.test', 'c.test']) });
    const late = await order(replaces);
    expect([late.status, late.kind]).toEqual([409, 'alreadyReplaced']);
  });

  it('what it cannot is refused', async () => {
    const id = certIdOf((await obtain(lab, client, ['a.test'])).pem);
    const other = await lab.client();
    const replies = await Promise.all([
      order(id, ['b.test']),
      order(`${id.split('.')[0]}.AAAA`),
      order('certificate'),
      order(5),
      order(id, ['a.test'], other),
    ]);
    expect(replies.map(({ status, kind }) => [status, kind])).toEqual([
      ...Array(4).fill([400, 'malformed']),
      [403, 'unauthorized'],
    ]);
  });
});
