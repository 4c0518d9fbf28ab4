import zoneFake from '../../../../fixtures/dns/zoneee.ts';
import zoneee from '../../../../src/dns/providers/zoneee.ts';
import type { Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };
const api = 'https://api.zone.eu/v2/dns';
const but = (routes: Fixture['routes']): Fixture => {
  const usual = zoneFake();
  return { ...usual, routes: (dns) => ({ ...routes!(dns), ...usual.routes!(dns), ...routes!(dns) }) };
};

it.each(['https://api.zone.eu/v2', 'https://api.zone.eu/v2/dns/'])('takes %s for the endpoint', async (address) => {
  const { dns, open } = await fakeVendor(zoneee, zoneFake());
  await (await open({ ZONEEE_ENDPOINT: address })).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
});

it('takes an empty list for no such zone', async () => {
  const { dns, open } = await fakeVendor(
    zoneee,
    but(() => ({ [`GET ${api}/_acme-challenge.example.com`]: () => ({ body: [] }) })),
  );
  await (await open()).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
});

it('finds a zone by its records where it cannot be looked up', async () => {
  const { dns, open } = await fakeVendor(
    zoneee,
    but(() => ({ [`GET ${api}/:zone`]: () => ({ status: 404 }) })),
  );
  await (await open()).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
});

it('tells which field was refused, and why', async () => {
  const refused = { status: 422, body: { name: 'invalid_host', destination: ['too long', 'not ASCII'] } };
  const { open } = await fakeVendor(
    zoneee,
    but(() => ({ [`POST ${api}/:zone/txt`]: ({ body }) => (void [body.name, body.destination], refused) })),
  );
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'api',
    message: expect.stringContaining('422: name: invalid_host; destination: too long, not ASCII'),
  });
});

it('says that ZONEEE_TTL has no effect', async () => {
  const { logged, open } = await fakeVendor(zoneee, zoneFake());
  await open({ ZONEEE_TTL: '600' });
  expect(logged.filter((line) => line.startsWith('warn') && line.includes('ZONEEE_TTL'))).toHaveLength(1);
});

it('reads the records once, however many names there are', async () => {
  const { dns, logged, open } = await fakeVendor(zoneee, zoneFake());
  const values = Array.from({ length: 20 }, (_, n) => ({ fqdn: `_acme-challenge.n${n}.example.com`, value: 'v' }));
  const session = await open();
  await session.add(values);
  expect(dns.records('example.com')).toHaveLength(21);
  expect(logged.filter((line) => /GET \S+\/dns\/example\.com\/txt \{/u.test(line))).toHaveLength(1);
  await session.remove(values);
  expect(dns.records('example.com')).toHaveLength(1);
});
