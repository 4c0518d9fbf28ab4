import cloudnsFixture, { variants } from '../../../../fixtures/dns/cloudns.ts';
import cloudns from '../../../../src/dns/providers/cloudns.ts';
import type { FakeRequest } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

it.each([
  ['60', 60],
  ['61', 300],
  ['3600', 3600],
  ['700000', 1209600],
  ['9999999', 2592000],
])('rounds a TTL of %s to %d, which ClouDNS knows', async (asked, sent) => {
  const { dns, open } = await fakeVendor(cloudns, cloudnsFixture());
  await (await open({ CLOUDNS_TTL: asked })).add([value]);
  expect(dns.records('example.com').find(({ fqdn }) => fqdn === value.fqdn)?.ttl).toBe(sent);
});

it.each([{ status: 404 }, { body: { status: 'Failed', statusDescription: 'Page not found.' } }])(
  'takes %o for the end of a list',
  async (beyond) => {
    const usual = cloudnsFixture();
    const list = 'GET https://api.cloudns.net/dns/records.json';
    const { dns, open } = await fakeVendor(cloudns, {
      ...usual,
      routes(zones) {
        const routes = usual.routes(zones);
        const answer = (request: FakeRequest) => {
          const reply = routes[list]!(request);
          return request.query.get('page') === '1' ? reply : beyond;
        };
        return { ...routes, [list]: answer };
      },
    });
    const session = await open();
    await session.add([value]);
    await session.add([value]);
    expect(dns.txt(value.fqdn)).toEqual(['one']);
    await session.remove([value]);
    expect(dns.txt(value.fqdn)).toEqual([]);
  },
);

it('signs in as the sub-user where both IDs are set', async () => {
  const { dns, open } = await fakeVendor(cloudns, variants.subUser());
  await (await open({ CLOUDNS_AUTH_ID: '1234' })).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
});

it('leaves other types and other names with the same text alone', async () => {
  const { dns, open } = await fakeVendor(cloudns, cloudnsFixture());
  dns.add('example.com', 'SPF', 'example.com', 'one', 300);
  dns.add('example.com', 'TXT', 'www.example.com', 'one', 300);
  const before = dns.snapshot();
  const session = await open();
  await session.add([{ fqdn: 'example.com', value: 'one' }]);
  expect(dns.txt('example.com')).toEqual(['one']);
  await session.remove([{ fqdn: 'example.com', value: 'one' }]);
  expect(dns.snapshot()).toEqual(before);
});

it('quotes the vendor, and names the variables, when the password is wrong', async () => {
  const { open } = await fakeVendor(cloudns, variants.subUser());
  const session = await open({ CLOUDNS_AUTH_PASSWORD: 'mistyped-password' });
  await expect(session.add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('incorrect sub-auth-id, sub-auth-user or auth-password'),
    hint: 'check CLOUDNS_AUTH_PASSWORD',
  });
});
