import stackpathFake from '../../../../fixtures/dns/stackpath.ts';
import stackpath from '../../../../src/dns/providers/stackpath.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

it('says that the service is closed', async () => {
  const { server, logged, open } = await fakeVendor(stackpath, stackpathFake());
  await open();
  expect(logged).toEqual([expect.stringMatching(/^warn stackpath: StackPath closed in 2024/u)]);
  await server.close();
});

it('asks for a new token when the old one is no longer good', async () => {
  const fixture = stackpathFake();
  const { dns, server, logged, open } = await fakeVendor(stackpath, fixture);
  const session = await open();
  await session.add([value]);
  fixture.expireTokens();
  await session.remove([value]);
  expect(dns.txt(value.fqdn)).toEqual([]);
  expect(logged.join('\n')).not.toContain('eyJhbGci');
  expect(server.violations).toEqual([]);
  await server.close();
});
