import hostingdeFixture from '../../../../fixtures/dns/hostingde.ts';
import hostingde from '../../../../src/dns/providers/hostingde.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

it('waits while the zone is blocked by another change', async () => {
  const fixture = hostingdeFixture();
  const { dns, open } = await fakeVendor(hostingde, fixture);
  const session = await open();
  await session.add([value]);
  fixture.block(1);
  await session.add([{ ...value, value: 'two' }]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'two']);
});

it('changes all names of a zone in one update', async () => {
  const fixture = hostingdeFixture();
  const { dns, open } = await fakeVendor(hostingde, fixture);
  const names = ['a', 'b', 'c'].map((label) => ({ fqdn: `_acme-challenge.${label}.example.com`, value: label }));
  const session = await open();
  await session.add(names);
  expect(dns.records('example.com').filter(({ value }) => value.length === 1)).toHaveLength(3);
  expect(fixture.updates()).toBe(1);
  await session.remove(names);
  expect(dns.records('example.com').map((record) => record.value)).toEqual(['someone-else']);
});

it('leaves the same name and value in another zone alone', async () => {
  const { dns, open } = await fakeVendor(hostingde, hostingdeFixture());
  dns.zones.set('www.example.com', []);
  dns.add('example.com', 'TXT', value.fqdn, 'one', 300);
  const session = await open();
  await session.add([value]);
  expect(dns.records('www.example.com').map((record) => record.value)).toEqual(['one']);
  await session.remove([value]);
  expect(dns.records('example.com').map((record) => record.value)).toEqual(['someone-else', 'one']);
  expect(dns.records('www.example.com')).toEqual([]);
});

it('uses the zone of HOSTINGDE_ZONE_NAME, and says so where it does not fit', async () => {
  const { dns, open } = await fakeVendor(hostingde, hostingdeFixture());
  dns.zones.set('www.example.com', []);
  const session = await open({ HOSTINGDE_ZONE_NAME: 'Example.com.' });
  await session.add([value]);
  expect(dns.records('example.com').map((record) => record.value)).toContain('one');
  await expect(session.add([{ fqdn: '_acme-challenge.other.net', value: 'x' }])).rejects.toMatchObject({
    fault: 'zone',
    message: expect.stringContaining('HOSTINGDE_ZONE_NAME is example.com'),
  });
});

it('names the variable when the key is wrong', async () => {
  const { open } = await fakeVendor(hostingde, hostingdeFixture());
  const session = await open({ HOSTINGDE_API_KEY: 'other' });
  await expect(session.add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('The API-Key is invalid or could not be found (10109)'),
    hint: 'check HOSTINGDE_API_KEY',
  });
});
