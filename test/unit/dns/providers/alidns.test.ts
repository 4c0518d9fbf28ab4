import fixture, { ramRole, rpcSignature, withClock } from '../../../../fixtures/dns/alidns.ts';
import alidns from '../../../../src/dns/providers/alidns.ts';
import { fakeVendor } from './open.ts';

const ours = { fqdn: '_acme-challenge.example.com', value: 'one' };
let vendor: Awaited<ReturnType<typeof fakeVendor>>;
const start = async (...args: Parameters<typeof fakeVendor> extends [unknown, infer F] ? [F] : never) => {
  vendor = await fakeVendor(alidns, ...args);
};

// The example of https://www.alibabacloud.com/help/en/sdk/product-overview/rpc-mechanism: the fake, which every other test
// has to satisfy, works out the vendor's own signature.
it('is tested against the signature that Alibaba publishes', () => {
  const signature = rpcSignature('testsecret', 'GET', {
    Timestamp: '2016-02-23T12:46:24Z',
    Format: 'XML',
    AccessKeyId: 'testid',
    Action: 'DescribeRegions',
    SignatureMethod: 'HMAC-SHA1',
    SignatureNonce: '3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf',
    Version: '2014-05-26',
    SignatureVersion: '1.0',
  });
  expect(signature).toBe('OLeaidS1JvxuMvnyHOwuJ+uX5qY=');
});

it.each([-16, 16])('says that the clock is wrong when the vendor is %d minutes away', async (minutes) => {
  await start(withClock(() => Date.now() + minutes * 60_000)());
  const session = await vendor.open();
  await expect(session.add([ours])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('InvalidTimeStamp.Expired'),
    hint: expect.stringMatching(/^the clock of this machine, which shows \d{4}-.*Z, must be right to 15 minutes/u),
  });
});

it('names the variable of an AccessKey that does not exist, although Alibaba answers 404', async () => {
  await start(fixture());
  const session = await vendor.open({ ALICLOUD_ACCESS_KEY: 'LTAI5tMistyped' });
  await expect(session.add([ours])).rejects.toMatchObject({ fault: 'auth', hint: 'check ALICLOUD_ACCESS_KEY' });
});

it('leaves records alone whose names merely contain the one that is asked for', async () => {
  await start(fixture());
  const similar = ['_acme-challenge.a.example.com', 'x_acme-challenge.example.com'];
  for (const fqdn of similar) vendor.dns.add('example.com', 'TXT', fqdn, ours.value, 600);
  const session = await vendor.open();
  await session.add([ours]);
  await session.remove([ours]);
  expect(similar.map((fqdn) => vendor.dns.txt(fqdn))).toEqual([['one'], ['one']]);
  expect(vendor.dns.txt(ours.fqdn)).toEqual(['someone-else']);
});

it('finds an internationalised domain by its Unicode name, behind other pages', async () => {
  await start(fixture());
  for (const zone of ['a.test', 'b.test', 'xn--fiq228c.com']) vendor.dns.zones.set(zone, []);
  const session = await vendor.open();
  const value = { fqdn: '_acme-challenge.xn--fiq228c.com', value: 'one' };
  await session.add([value]);
  expect(vendor.dns.txt(value.fqdn)).toEqual(['one']);
});

it('keeps the key of an instance role out of the log', async () => {
  await start(ramRole());
  const session = await vendor.open();
  await session.add([ours]);
  expect(vendor.dns.txt(ours.fqdn)).toContain('one');
  expect(vendor.logged.join('\n')).not.toMatch(/sts-right-secret|CAIS-right-token|AQAEAH-metadata-token/u);
});

it('asks the metadata server the plain way where it hands out no tokens', async () => {
  const role = ramRole();
  await start({
    ...role,
    routes(dns) {
      const routes = role.routes(dns);
      const key = 'GET http://100.100.100.200/latest/meta-data/ram/security-credentials/:role';
      return {
        ...routes,
        'PUT http://100.100.100.200/latest/api/token': () => ({ status: 404, body: '<html>404</html>' }),
        [key]: (request) => {
          expect(request.headers['x-aliyun-ecs-metadata-token']).toBeUndefined();
          return routes[key]?.({ ...request, headers: { 'x-aliyun-ecs-metadata-token': 'AQAEAH-metadata-token' } });
        },
      };
    },
  });
  await (await vendor.open()).add([ours]);
  expect(vendor.dns.txt(ours.fqdn)).toContain('one');
});

it('asks whether the role is attached when the instance has none of that name', async () => {
  await start(ramRole());
  await expect(vendor.open({ ALICLOUD_RAM_ROLE: 'other' })).rejects.toMatchObject({
    fault: 'auth',
    hint: expect.stringContaining('is the RAM role other (ALICLOUD_RAM_ROLE) attached'),
  });
});
