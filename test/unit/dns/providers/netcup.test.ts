import ccp, { cloudDns } from '../../../../fixtures/dns/netcup.ts';
import netcup from '../../../../src/dns/providers/netcup.ts';
import { fakeVendor } from './open.ts';
import { renewsSessions } from './sessions.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

renewsSessions(netcup, ccp, /session-/);

it('uses CloudDNS for a key of 64 characters, whatever else is set', async () => {
  const { dns, open } = await fakeVendor(netcup, cloudDns());
  const session = await open({ NETCUP_CUSTOMER_NUMBER: '12345', NETCUP_API_PASSWORD: 'old-password' });
  await session.add([value, { fqdn: '_acme-challenge.example.com', value: 'two' }]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
  expect(dns.txt('_acme-challenge.example.com')).toEqual(['someone-else', 'two']);
  await session.remove([value]);
  expect(dns.txt(value.fqdn)).toEqual([]);
  await expect(session.add([{ fqdn: 'other.example.com', value: 'x' }])).rejects.toThrow('begin with _acme-challenge');
});

it('names the variables that a legacy key lacks', async () => {
  const { open } = await fakeVendor(netcup, cloudDns());
  await expect(open({ NETCUP_API_KEY: 'x'.repeat(50) })).rejects.toMatchObject({
    code: 'CONFIG',
    message: expect.stringMatching(/NETCUP_CUSTOMER_NUMBER and NETCUP_API_PASSWORD/u),
  });
});
