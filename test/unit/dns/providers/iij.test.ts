import fixture, { doSignature, withClock } from '../../../../fixtures/dns/iij.ts';
import iij from '../../../../src/dns/providers/iij.ts';
import type { Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const ours = { fqdn: '_acme-challenge.example.com', value: 'one' };
const start = (made: Fixture = fixture()) => fakeVendor(iij, made);

// What the bash sample of https://manual.iij.jp/dns/doapi/754453.html computes (openssl dgst -sha256 -hmac key | base64) for
// GET zones of do1234567 with SecretKey "secret" until 2014-06-01T00:00:00Z.
it('is tested against what the bash sample of the manual computes', () => {
  const request = {
    method: 'GET',
    path: '/r/20140601/do1234567/zones.json',
    contentType: '',
    expire: '2014-06-01T00:00:00Z',
  };
  expect(doSignature('secret', request)).toBe('Ctv/7PL1IapUnbJ/eI8Qu5B5/WeRx1A+NQBQrZTbeT4=');
});

it('says once that the service is closed, since when, and what took its place', async () => {
  const { open, logged } = await start();
  await (await open()).add([ours]);
  const warnings = logged.filter((line) => line.startsWith('warn'));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/closed on 31 May 2023: .*successor, the IIJ DNS Platform Service/u);
});

it('says that the clock is wrong when it is more than an hour slow', async () => {
  const { open } = await start(withClock(() => Date.now() + 61 * 60_000)());
  await expect((await open()).add([ours])).rejects.toMatchObject({
    fault: 'auth',
    hint: expect.stringMatching(/^the clock of this machine, which shows .*, must not be more than an hour slow/u),
  });
});

it.each([
  ['60', 300],
  ['301', 600],
  ['86400', 43_200],
])('publishes a TTL of %s as %d, the nearest that IIJ takes', async (wanted, published) => {
  const { dns, open } = await start();
  await (await open({ IIJ_TTL: wanted })).add([ours]);
  expect(dns.records('example.com').find(({ value }) => value === 'one')?.ttl).toBe(published);
});

it('publishes what a run before it added and could not commit', async () => {
  const made = fixture();
  const commit = 'PUT https://do.api.iij.jp/r/20140601/do1234567/commit.json';
  let broken = true;
  const { dns, open } = await start({
    ...made,
    routes: (fake) => {
      const routes = made.routes(fake);
      return {
        ...routes,
        [commit]: (request) => (broken ? { status: 400, body: {} } : routes[commit as keyof typeof routes](request)),
      };
    },
  });
  await expect((await open()).add([ours])).rejects.toMatchObject({ fault: 'api' });
  expect(dns.txt(ours.fqdn)).toEqual(['someone-else']);
  broken = false;
  await (await open()).add([ours]);
  expect(dns.txt(ours.fqdn)).toEqual(['one', 'someone-else']);
});

it('publishes a value again that was deleted and not committed yet', async () => {
  const made = fixture();
  const commit = 'PUT https://do.api.iij.jp/r/20140601/do1234567/commit.json';
  let broken = false;
  const { dns, open } = await start({
    ...made,
    routes: (fake) => {
      const routes = made.routes(fake);
      return {
        ...routes,
        [commit]: (request) => (broken ? { status: 400, body: {} } : routes[commit as keyof typeof routes](request)),
      };
    },
  });
  const session = await open();
  await session.add([ours]);
  broken = true;
  await expect(session.remove([ours])).rejects.toMatchObject({ fault: 'api' });
  broken = false;
  await session.add([ours]);
  expect(dns.txt(ours.fqdn)).toEqual(['one', 'someone-else']);
});
