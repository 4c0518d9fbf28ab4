import selectelFixture, { domainsApi } from '../../../../fixtures/dns/selectel.ts';
import selectel from '../../../../src/dns/providers/selectel.ts';
import type { Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };
const api = 'https://api.selectel.ru/domains/v1';

/** The usual fake with some calls answered in another way. */
const otherwise = (routes: NonNullable<Fixture['routes']>): Fixture => {
  const usual = selectelFixture();
  return { ...usual, routes: (dns) => ({ ...usual.routes(dns), ...routes(dns) }) };
};

it('speaks to the address of SELECTEL_BASE_URL', async () => {
  const { dns, open } = await fakeVendor(selectel, {
    ...selectelFixture(),
    routes: (zones) => domainsApi(zones, 'https://dns.example.net/v1'),
  });
  await (await open({ SELECTEL_BASE_URL: 'https://dns.example.net/v1/' })).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
});

it('raises a TTL that is too small', async () => {
  const { dns, open } = await fakeVendor(selectel, selectelFixture());
  await (await open({ SELECTEL_TTL: '5' })).add([value]);
  expect(dns.records('example.com').find((record) => record.value === 'one')?.ttl).toBe(60);
});

it('takes a record that is there already for success', async () => {
  const { open } = await fakeVendor(
    selectel,
    otherwise(() => ({
      [`POST ${api}/:domain/records/`]: ({ body }) => (
        Object.values(body), { status: 409, body: { error: 'record_already_exists', code: 409, field: '' } }
      ),
    })),
  );
  await expect((await open()).add([value])).resolves.toBeUndefined();
});

it('tells which field was refused', async () => {
  const { open } = await fakeVendor(
    selectel,
    otherwise(() => ({
      [`POST ${api}/:domain/records/`]: ({ body }) => (
        Object.values(body), { status: 400, body: { error: 'bad_value', code: 400, field: 'content' } }
      ),
    })),
  );
  await expect((await open()).add([value])).rejects.toThrow(/answered 400: bad_value \(content\)$/u);
});

it.each(['pages', 'everything at once'])('ends lists that come without a total, as %s', async (how) => {
  const { dns, open } = await fakeVendor(
    selectel,
    otherwise((zones) => ({
      [`GET ${api}/:domain/records/`]: ({ query }) => {
        const [offset, limit] = ['offset', 'limit'].map((name) => Number(query.get(name))) as [number, number];
        const rows = zones.records('example.com').map(({ id, type, fqdn, value: content }) => ({
          ...{ id, type, name: fqdn, content },
        }));
        return how === 'pages' ? rows.slice(offset, offset + Math.min(2, limit)) : rows;
      },
    })),
  );
  for (let n = 1; n <= 4; n += 1) dns.add('example.com', 'TXT', value.fqdn, `foreign-${n}`, 300);
  const session = await open();
  await session.add([value]);
  await session.add([value]);
  expect(dns.txt(value.fqdn).filter((text) => text === 'one')).toHaveLength(1);
  await session.remove([value]);
  expect(dns.txt(value.fqdn)).toEqual(['foreign-1', 'foreign-2', 'foreign-3', 'foreign-4', 'someone-else']);
});
