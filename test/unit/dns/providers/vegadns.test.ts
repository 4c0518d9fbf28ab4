import vega, { open as openServer } from '../../../../fixtures/dns/vegadns.ts';
import vegadns from '../../../../src/dns/providers/vegadns.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

it('asks for a new token when the old one is no longer good', async () => {
  const fixture = vega();
  const { dns, server, logged, open } = await fakeVendor(vegadns, fixture);
  const session = await open();
  await session.add([value]);
  fixture.expireTokens();
  await session.remove([value]);
  await session.close();
  expect(dns.txt(value.fqdn)).toEqual([]);
  expect(logged.join('\n')).not.toContain('699dd4ff');
  expect(server.violations).toEqual([]);
  await server.close();
});

it('accepts an address that ends in the version of the API', async () => {
  const { dns, server, open } = await fakeVendor(vegadns, openServer());
  await (await open({ VEGADNS_URL: 'https://vega.test:5000/1.0/' })).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
  expect(server.violations).toEqual([]);
  await server.close();
});

it('is not content with half of the credentials', async () => {
  const { server, open } = await fakeVendor(vegadns, vega());
  await expect(open({ SECRET_VEGADNS_SECRET: undefined })).rejects.toMatchObject({
    code: 'CONFIG',
    message: expect.stringContaining('SECRET_VEGADNS_SECRET'),
  });
  await server.close();
});

it('leaves records alone whose name only contains ours', async () => {
  const { dns, server, open } = await fakeVendor(vegadns, openServer());
  const longer = { fqdn: `x${value.fqdn}`, value: 'one' };
  const session = await open();
  await session.add([longer]);
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
  await session.remove([value]);
  expect(dns.txt(longer.fqdn)).toEqual(['one']);
  await server.close();
});
