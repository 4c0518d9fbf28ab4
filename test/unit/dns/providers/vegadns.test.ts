import vega, { open as openServer } from '../../../../fixtures/dns/vegadns.ts';
import vegadns from '../../../../src/dns/providers/vegadns.ts';
import { fakeVendor } from './open.ts';
import { renewsSessions } from './sessions.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

renewsSessions(vegadns, vega, /699dd4ff/);

it('accepts an address that ends in the version of the API', async () => {
  const { dns, open } = await fakeVendor(vegadns, openServer());
  await (await open({ VEGADNS_URL: 'https://vega.test:5000/1.0/' })).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
});

it('is not content with half of the credentials', async () => {
  const { open } = await fakeVendor(vegadns, vega());
  await expect(open({ SECRET_VEGADNS_SECRET: undefined })).rejects.toMatchObject({
    code: 'CONFIG',
    message: expect.stringContaining('SECRET_VEGADNS_SECRET'),
  });
});

it('leaves records alone whose name only contains ours', async () => {
  const { dns, open } = await fakeVendor(vegadns, openServer());
  const longer = { fqdn: `x${value.fqdn}`, value: 'one' };
  const session = await open();
  await session.add([longer]);
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
  await session.remove([value]);
  expect(dns.txt(longer.fqdn)).toEqual(['one']);
});
