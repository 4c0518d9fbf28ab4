import ccp, { cloudDns } from '../../../../fixtures/dns/netcup.ts';
import netcup from '../../../../src/dns/providers/netcup.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

it('logs in once, again when the session has run out, and out at the end', async () => {
  const fixture = ccp();
  const { dns, server, logged, open } = await fakeVendor(netcup, fixture);
  const session = await open();
  await session.add([value]);
  expect(fixture.openSessions?.()).toBe(1);
  fixture.expireSessions();
  await session.remove([value]);
  expect(dns.txt(value.fqdn)).toEqual([]);
  await session.close();
  expect(fixture.openSessions?.()).toBe(0);
  expect(logged.join('\n')).not.toContain('session-');
  expect(server.violations).toEqual([]);
  await server.close();
});

it('uses CloudDNS for a key of 64 characters, whatever else is set', async () => {
  const { dns, server, open } = await fakeVendor(netcup, cloudDns());
  const session = await open({ NETCUP_CUSTOMER_NUMBER: '12345', NETCUP_API_PASSWORD: 'old-password' });
  await session.add([value, { fqdn: '_acme-challenge.example.com', value: 'two' }]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
  expect(dns.txt('_acme-challenge.example.com')).toEqual(['someone-else', 'two']);
  await session.remove([value]);
  expect(dns.txt(value.fqdn)).toEqual([]);
  await expect(session.add([{ fqdn: 'other.example.com', value: 'x' }])).rejects.toThrow('begin with _acme-challenge');
  expect(server.violations).toEqual([]);
  await server.close();
});

it('names the variables that a legacy key lacks', async () => {
  const { server, open } = await fakeVendor(netcup, cloudDns());
  await expect(open({ NETCUP_API_KEY: 'x'.repeat(50) })).rejects.toMatchObject({
    code: 'CONFIG',
    message: expect.stringMatching(/NETCUP_CUSTOMER_NUMBER and NETCUP_API_PASSWORD/u),
  });
  await server.close();
});
