import { version0 } from '../../../../fixtures/dns/pdns.ts';
import pdns from '../../../../src/dns/providers/pdns.ts';
import type { Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };

it('speaks to PowerDNS 3.x, which knows neither /api nor sets', async () => {
  const { dns, server, logged, open } = await fakeVendor(pdns, version0());
  const session = await open();
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
  await session.remove([value]);
  expect(dns.txt(value.fqdn)).toEqual(['someone-else']);
  expect(logged.some((line) => line.includes('PDNS_API_VERSION=1'))).toBe(true);
  expect(server.violations).toEqual([]);
  await server.close();
});

/** A server whose one zone is of some kind, with nothing else allowed than what is listed. */
const kindOf = (kind: string, extra: Fixture['routes'] = () => ({})): Fixture => ({
  env: {
    PDNS_API_URL: 'https://pdns.test',
    PDNS_API_KEY: 'key-for-tests',
    PDNS_API_VERSION: '1',
    PDNS_SERVER_NAME: 'east',
  },
  wrongEnv: {},
  routes: (dns) => {
    const zone = 'https://pdns.test/api/v1/servers/east/zones';
    return {
      [`GET ${zone}/_acme-challenge.example.com.`]: ({ query }) => (
        query.get('rrsets'), { status: 404, body: 'Not Found' }
      ),
      [`GET ${zone}/example.com.`]: ({ query }) => (
        query.get('rrsets'), { id: 'example.com.', kind, soa_edit_api: 'DEFAULT', rrsets: [] }
      ),
      [`PATCH ${zone}/example.com.`]: ({ body }) => (void body.rrsets, { status: 204 }),
      ...extra(dns),
    };
  },
});

it('asks for no version when it is given, and uses the name of the server', async () => {
  const { server, open } = await fakeVendor(pdns, kindOf('Native'));
  await (await open()).add([value]);
  expect(server.violations).toEqual([]);
  await server.close();
});

it('warns about a secondary zone, and does not notify for it', async () => {
  const { server, logged, open } = await fakeVendor(pdns, kindOf('Slave'));
  await (await open()).add([value]);
  expect(logged.some((line) => line.startsWith('warn') && line.includes('secondary zone'))).toBe(true);
  expect(server.violations).toEqual([]);
  await server.close();
});

it('goes on with a warning when the secondaries cannot be told', async () => {
  const notify = 'PUT https://pdns.test/api/v1/servers/east/zones/example.com./notify';
  const refused = { status: 422, body: { error: 'Failed to add to the queue - see server log' } };
  const { server, logged, open } = await fakeVendor(
    pdns,
    kindOf('Primary', () => ({ [notify]: () => refused })),
  );
  await (await open()).add([value]);
  expect(logged.some((line) => line.startsWith('warn') && line.includes('see server log'))).toBe(true);
  await server.close();
});
