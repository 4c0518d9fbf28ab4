import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Noise } from '../../../../src/sandbox/ca/index.ts';
import { newFolder } from '../../../helpers/child.ts';
import type { AcmeClient } from './client.ts';
import { authorized, csrFor, type Lab, startLab } from './lab.ts';

let lab: Lab;
afterEach(() => lab.close());
const start = async (noise: Noise): Promise<AcmeClient> => {
  lab = await startLab({ noise });
  return lab.client();
};

it('refuses as many good nonces as it was told to, and gives another one along', async () => {
  const client = await start({ nonceRejectPercent: 15 });
  lab.chance.random = () => 0.1499;
  const refused = await client.post(client.kid!, null);
  expect([refused.status, refused.kind]).toEqual([400, 'badNonce']);
  lab.chance.random = () => 0.15;
  const again = await client.post(client.kid!, null, { header: { nonce: refused.headers['replay-nonce'] } });
  expect(again.status).toBe(200);
});

it('waits before it answers', async () => {
  const client = await start({ delayMs: 60 });
  const from = performance.now();
  await client.nonce();
  expect(performance.now() - from).toBeGreaterThanOrEqual(59);
});

it('fails as a gateway does, or as a CA does, as often as it was told to', async () => {
  const client = await start({
    failures: [
      { status: 503, rate: 0.1 },
      { status: 429, rate: 0.2 },
    ],
    retryAfterSeconds: 7,
  });
  const kid = client.kid!;
  const body = JSON.stringify(await client.sign(kid, null));
  const send = (...chances: number[]) => {
    lab.chance.random = () => chances.shift() ?? 0.999;
    return client.send('POST', kid, body, { 'content-type': 'application/jose+json' });
  };
  const gateway = await send(0.09, 0);
  expect([gateway.status, gateway.headers['content-type'], gateway.headers['replay-nonce']]).toEqual([
    503,
    'text/html',
    undefined,
  ]);
  const ca = await send(0.5, 0.19, 0.9);
  expect([ca.status, ca.kind, ca.headers['retry-after']]).toEqual([429, 'rateLimited', '7']);
  expect(ca.headers['replay-nonce']).toEqual(expect.any(String));
  // Nothing was done: the same request is good now.
  expect((await send(0.1, 0.2)).status).toBe(200);
});

it('asks to come back when it was told to', async () => {
  const client = await start({ retryAfterSeconds: 3 });
  lab.dns.silent = true;
  const { headers, body } = await client.newOrder(['a.test']);
  const [challenge] = (await client.post(body.authorizations[0], null)).body.challenges;
  await client.post(challenge.url, {});
  const replies = await Promise.all([headers.location, body.authorizations[0]].map((url) => client.post(url, null)));
  expect(replies.map((reply) => [reply.body.status, reply.headers['retry-after']])).toEqual(
    Array(2).fill(['pending', '3']),
  );
});

describe('an order that is processed for a while', () => {
  it('says so, is not finalized again, and becomes valid', async () => {
    const client = await start({ processingMs: 150 });
    const { url, body } = await authorized(lab, client, ['slow.test']);
    const csr = await csrFor(['slow.test']);
    const finalized = await client.post(body.finalize, { csr });
    expect([finalized.body.status, finalized.headers['retry-after'], finalized.headers.location]).toEqual([
      'processing',
      '1',
      url,
    ]);
    expect((await client.post(body.finalize, { csr })).kind).toBe('orderNotReady');
    expect((await client.settled(url)).body).toMatchObject({ status: 'valid', certificate: expect.any(String) });
  });

  it('ends with its account', async () => {
    const stateFolder = newFolder();
    lab = await startLab({ noise: { processingMs: 100 }, stateFolder });
    const client = await lab.client();
    const { url, body } = await authorized(lab, client, ['ended.test']);
    await client.post(body.finalize, { csr: await csrFor(['ended.test']) });
    await client.post(client.kid!, { status: 'deactivated' });
    // Nobody may read the order now, but it is on disk.
    const file = join(stateFolder, 'orders', `${url.split('/').at(-1)}.json`);
    const status = () => JSON.parse(readFileSync(file, 'utf8')).status;
    while (status() === 'processing') await new Promise((resolve) => setTimeout(resolve, 10));
    expect([status(), readdirSync(join(stateFolder, 'certificates'))]).toEqual(['invalid', []]);
  });

  it('does not hold up the end of the CA', async () => {
    const client = await start({ processingMs: 60_000 });
    const { body } = await authorized(lab, client, ['never.test']);
    await client.post(body.finalize, { csr: await csrFor(['never.test']) });
    const from = performance.now();
    await lab.ca.close();
    expect(performance.now() - from).toBeLessThan(5_000);
    lab = await startLab();
  });
});
