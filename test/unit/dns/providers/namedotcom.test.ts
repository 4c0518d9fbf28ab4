import namecomFake, { v4 } from '../../../../fixtures/dns/namedotcom.ts';
import namedotcom from '../../../../src/dns/providers/namedotcom.ts';
import { type Fixture, Reply } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };
/** The usual fake with some routes replaced; the first that fits an address answers. */
const but = (routes: Fixture['routes']): Fixture => {
  const usual = namecomFake();
  return { ...usual, routes: (dns) => ({ ...routes!(dns), ...usual.routes!(dns), ...routes!(dns) }) };
};
const core = 'https://api.name.com/core/v1/domains';

it('asks version 4 for nothing where the Core API answers', async () => {
  const { dns, logged, open } = await fakeVendor(namedotcom, namecomFake());
  const session = await open();
  await session.add([{ ...value, zone: 'example.com' }]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
  expect(logged.filter((line) => line.includes('/v4/'))).toEqual([]);
});

it.each(['api.dev.name.com', 'https://api.dev.name.com/', 'https://api.dev.name.com/v4'])(
  'takes %s for the server',
  async (address) => {
    const { dns, open } = await fakeVendor(namedotcom, v4());
    await (await open({ NAMECOM_SERVER: address })).add([value]);
    expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
  },
);

it('says what NAMECOM_SERVER must be', async () => {
  const { open } = await fakeVendor(namedotcom, namecomFake());
  await expect(open({ NAMECOM_SERVER: 'name com' })).rejects.toMatchObject({
    code: 'CONFIG',
    message: expect.stringContaining('NAMECOM_SERVER must be a host name'),
  });
});

it('takes a record that is there already for success', async () => {
  const fake = but(() => ({
    [`GET ${core}/:zone/records`]: ({ query }) => (query.get('page'), { records: [], totalCount: 0, from: 0, to: 0 }),
  }));
  const { dns, open } = await fakeVendor(namedotcom, fake);
  await (await open()).add([{ ...value, value: 'someone-else' }]);
  expect(dns.txt(value.fqdn)).toEqual(['someone-else']);
});

it('takes a name that is refused as no domain for none', async () => {
  const fake = but(() => ({
    [`GET ${core}/_acme-challenge.example.com`]: () => {
      throw new Reply({ status: 400, body: { message: 'Invalid Argument', details: 'domainName' } });
    },
  }));
  const { dns, open } = await fakeVendor(namedotcom, fake);
  await (await open()).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
});

it('tells that a domain may be expired or on other name servers', async () => {
  const fake = but(() => ({
    [`POST ${core}/:zone/records`]: ({ body }) => {
      void [body.host, body.type, body.answer, body.ttl];
      throw new Reply({ status: 403, body: { message: 'Permission denied', details: null } });
    },
  }));
  const { open } = await fakeVendor(namedotcom, fake);
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'auth',
    hint: expect.stringContaining('neither expired nor on other name servers'),
  });
});
