import fixture from '../../../../fixtures/dns/vultr.ts';
import vultr from '../../../../src/dns/providers/vultr.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };

it('tells an address that is not on the access control list from a wrong key', async () => {
  const denied = { status: 401, body: { error: 'Unauthorized IP address: 192.0.2.7', status: 401 } };
  const { open } = await fakeVendor(vultr, { ...fixture(), authorized: () => false, denied });
  const session = await open();
  await expect(session.add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('Unauthorized IP address: 192.0.2.7'),
    hint: expect.stringContaining('access control list'),
  });
});

it('leaves a record of another type with the same name and data alone', async () => {
  const { dns, open } = await fakeVendor(vultr, fixture());
  dns.add('example.com', 'SPF', value.fqdn, value.value);
  dns.add('example.com', 'TXT', value.fqdn, 'ones');
  const session = await open({ VULTR_TTL: '600' });
  await session.add([value]);
  expect(dns.records('example.com')).toContainEqual(expect.objectContaining({ type: 'TXT', ...value, ttl: 600 }));
  await session.remove([value]);
  expect(dns.records('example.com').map((record) => `${record.type} ${record.value}`)).toEqual([
    'TXT someone-else',
    'SPF one',
    'TXT ones',
  ]);
});

it('takes a record that somebody else added in that second for success', async () => {
  const usual = fixture();
  const { dns, open } = await fakeVendor(vultr, {
    ...usual,
    routes: (records) => ({
      ...usual.routes(records),
      'GET https://api.vultr.com/v2/domains/:zone/records': ({ query }) =>
        query.get('per_page') ? { records: null } : {},
    }),
  });
  dns.add('example.com', 'TXT', value.fqdn, value.value);
  const session = await open();
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
});
