import { domainsApi } from '../../../../fixtures/dns/selectel.ts';
import vscaleFixture from '../../../../fixtures/dns/vscale.ts';
import vscale from '../../../../src/dns/providers/vscale.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };

it('speaks to the address of VSCALE_BASE_URL', async () => {
  const { dns, open } = await fakeVendor(vscale, {
    ...vscaleFixture(),
    routes: (zones) => domainsApi(zones, 'https://dns.example.net/domains'),
  });
  const session = await open({ VSCALE_BASE_URL: 'https://dns.example.net/domains' });
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
  await session.remove([value]);
  expect(dns.txt(value.fqdn)).toEqual(['someone-else']);
});

it('raises a TTL that is too small', async () => {
  const { dns, open } = await fakeVendor(vscale, vscaleFixture());
  await (await open({ VSCALE_TTL: '5' })).add([value]);
  expect(dns.records('example.com').find((record) => record.value === 'one')?.ttl).toBe(60);
});
