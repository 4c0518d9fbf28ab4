import versioFake from '../../../../fixtures/dns/versio.ts';
import versio from '../../../../src/dns/providers/versio.ts';
import type { Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };
const other = { type: 'MX', name: 'example.com', value: 'fallback.axc.eu', prio: 20, ttl: 14400, geo: 'nl' };

/** A zone as it is loaded, and what was saved. */
function zoneOf(info: object, at = 'https://www.versio.nl/api/v1'): { fixture: Fixture; saved: unknown[] } {
  const saved: unknown[] = [];
  return {
    saved,
    fixture: {
      ...versioFake(),
      routes: () => ({
        [`GET ${at}/domains/example.com`]: ({ query }) => (
          query.get('show_dns_records'), { domainInfo: { domain: 'example.com', ...info } }
        ),
        [`GET ${at}/domains/:other`]: ({ query }) => (
          query.get('show_dns_records'),
          { status: 401, body: { error: { code: 401, message: 'ObjectDoesNotExist|Domain not found' } } }
        ),
        [`POST ${at}/domains/example.com/update`]: ({ body }) => (saved.push(body.dns_records), { domainInfo: {} }),
      }),
    },
  };
}

it('gives the records of others back field by field, priority included', async () => {
  const { fixture, saved } = zoneOf({ dns_records: [other] });
  const { open } = await fakeVendor(versio, fixture);
  await (await open({ VERSIO_TTL: '600' })).add([value]);
  expect(saved).toEqual([
    [other, { type: 'TXT', name: '_acme-challenge.example.com.', value: '"one"', prio: 0, ttl: 600 }],
  ]);
});

it('knows its record with or without trailing dot and quotes', async () => {
  const dns_records = [
    other,
    { type: 'TXT', name: '_acme-challenge.example.com', value: 'one', prio: 0, ttl: 300 },
    { type: 'CNAME', name: '_acme-challenge.example.com', value: 'one', prio: 0, ttl: 300 },
  ];
  const { fixture, saved } = zoneOf({ dns_records });
  const { open } = await fakeVendor(versio, fixture);
  await (await open()).remove([value]);
  expect(saved).toEqual([[dns_records[0], dns_records[2]]]);
});

it('saves nothing when there is nothing to change', async () => {
  const { fixture, saved } = zoneOf({ dns_records: null });
  const { open } = await fakeVendor(versio, fixture);
  await (await open()).remove([value]);
  expect(saved).toEqual([]);
});

it('tells an unknown domain from wrong credentials, although both are 401', async () => {
  const { open } = await fakeVendor(versio, versioFake());
  const session = await open();
  await expect(session.add([{ fqdn: '_acme-challenge.example.org', value: 'x' }])).rejects.toMatchObject({
    fault: 'zone',
  });
  const stranger = await open({ VERSIO_PASSWORD: 'wrong-password' });
  await expect(stranger.add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('whitelisted for API use'),
  });
});

it('warns about a domain on other name servers', async () => {
  const { logged, open } = await fakeVendor(versio, zoneOf({ dns_management: false, dns_records: [] }).fixture);
  await (await open()).remove([value]);
  expect(logged.some((line) => line.startsWith('warn') && line.includes("not on Versio's name servers"))).toBe(true);
});

it('goes to the address of VERSIO_ENDPOINT', async () => {
  const { fixture, saved } = zoneOf({ dns_records: [] }, 'https://www.versio.eu/api/v1');
  const { open } = await fakeVendor(versio, fixture);
  await (await open({ VERSIO_ENDPOINT: 'https://www.versio.eu/api/v1' })).add([value]);
  expect(saved).toHaveLength(1);
});

it('changes nothing when the records are not shown', async () => {
  const { fixture, saved } = zoneOf({});
  const { open } = await fakeVendor(versio, fixture);
  await expect((await open()).add([value])).rejects.toThrow('came without its records');
  expect(saved).toEqual([]);
});
