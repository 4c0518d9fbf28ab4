import { jest } from '@jest/globals';
import fixture, { production } from '../../../../fixtures/dns/dnsmadeeasy.ts';
import dnsmadeeasy from '../../../../src/dns/providers/dnsmadeeasy.ts';
import { clientsOf, fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

it('signs the date as in the documentation of the API', async () => {
  jest.spyOn(Date, 'now').mockReturnValue(Date.UTC(2011, 1, 12, 20, 59, 4));
  const config = {
    key: '1c1a3c91-4770-4ce7-96f4-54c0eb0e457a',
    secret: 'c9b5625f-9834-4ff8-baba-4ed5f32cae55',
    sandbox: false,
  };
  const [made] = await clientsOf(dnsmadeeasy, config);
  expect(await made?.sign?.({ method: 'GET', url: production, body: '' })).toEqual({
    'x-dnsme-requestdate': 'Sat, 12 Feb 2011 20:59:04 GMT',
    'x-dnsme-hmac': 'b3502e6116a324f3cf4a8ed693d78bcee8d8fe3c',
  });
});

it('tells a wrong clock from wrong keys', async () => {
  const usual = fixture();
  const { open } = await fakeVendor(dnsmadeeasy, usual);
  usual.beAhead(60);
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('403: Request sent with date header too far out of sync.'),
    hint: expect.stringMatching(/^the clock of this machine says .* GMT: set it right$/u),
  });
  usual.beAhead(0);
  await expect((await open({ DNSMADEEASY_API_SECRET: 'other' })).add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('Invalid HMAC'),
    hint: expect.stringMatching(/^check DNSMADEEASY_API_KEY and DNSMADEEASY_API_SECRET/u),
  });
});

async function addRefused(...reasons: string[]) {
  const usual = fixture();
  const vendor = await fakeVendor(dnsmadeeasy, usual);
  usual.refuse(...reasons);
  const error = await (await vendor.open()).add([value]).catch((refused: unknown) => refused);
  return { ...vendor, error };
}

it('tries again when the rate limit is told with status 400', async () => {
  const { dns, logged, error } = await addRefused('Rate limit exceeded');
  expect(error).toBeUndefined();
  expect(dns.txt(value.fqdn)).toEqual(['one']);
  expect(logged.join('\n')).toContain('Rate limit exceeded; trying again');
});

it('takes a record that is there already for success', async () => {
  const there = 'Record with this type (TXT), name (_acme-challenge.www), and value ("one") already exists.';
  expect((await addRefused(there)).error).toBeUndefined();
});

it('takes refused keys for such whatever the status', async () => {
  expect((await addRefused('Invalid HMAC')).error).toMatchObject({
    fault: 'auth',
    hint: expect.stringContaining('DNSMADEEASY_API_SECRET'),
  });
});

it('tells every reason of a refusal', async () => {
  expect((await addRefused('Name is too long', 'TTL is too low')).error).toMatchObject({
    fault: 'api',
    message: expect.stringContaining('400: Name is too long; TTL is too low'),
  });
});

it('leaves the same value at other names than the zone apex alone', async () => {
  const fqdn = 'example.com';
  const { dns, open } = await fakeVendor(dnsmadeeasy, fixture());
  dns.add('example.com', 'TXT', 'other.example.com', 'one', 300);
  const session = await open();
  await session.add([{ fqdn, value: 'one' }]);
  expect(dns.txt(fqdn)).toEqual(['one']);
  await session.remove([{ fqdn, value: 'one' }]);
  expect(dns.txt(fqdn)).toEqual([]);
  expect(dns.txt('other.example.com')).toEqual(['one']);
});
