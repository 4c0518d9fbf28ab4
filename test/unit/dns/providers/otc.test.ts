import makeFixture, { variants } from '../../../../fixtures/dns/otc.ts';
import otc from '../../../../src/dns/providers/otc.ts';
import { fakeVendor } from './open.ts';

const name = '_acme-challenge.example.com';
const value = { fqdn: name, value: 'one' };

it('logs in again when the token is refused', async () => {
  const fixture = makeFixture();
  const { dns, open } = await fakeVendor(otc, fixture);
  const session = await open();
  await session.add([value]);
  fixture.expireSessions();
  await session.remove([value]);
  expect(dns.txt(name)).toEqual(['someone-else']);
  expect(fixture.logins()).toBe(2);
});

it('keeps an overlong lifetime of others, and raises a short one of its own', async () => {
  const { dns, open } = await fakeVendor(otc, makeFixture());
  dns.add('example.com', 'TXT', '_acme-challenge.www.example.com', 'foreign', 86_400);
  const session = await open({ OTC_TTL: '60' });
  await session.add([
    { fqdn: '_acme-challenge.www.example.com', value: 'one' },
    { fqdn: '_acme-challenge.new.example.com', value: 'two' },
  ]);
  const ttl = (wanted: string) => dns.records('example.com').find((record) => record.value === wanted)?.ttl;
  expect([ttl('foreign'), ttl('one'), ttl('two')]).toEqual([86_400, 86_400, 300]);
});

it('comes back when the zone is locked', async () => {
  const fixture = makeFixture();
  const { dns, open } = await fakeVendor(otc, fixture);
  fixture.behaviour.busy = 1;
  await (await open()).add([value]);
  expect(dns.txt(name)).toEqual(['one', 'someone-else']);
});

it('leaves private zones alone unless it is told to use them', async () => {
  const { open } = await fakeVendor(otc, variants.privateZone());
  const session = await open({ OTC_PRIVATE_ZONE: 'false' });
  await expect(session.add([value])).rejects.toMatchObject({ fault: 'zone' });
});
