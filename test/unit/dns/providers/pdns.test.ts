import { version0 } from '../../../../fixtures/dns/pdns.ts';
import pdns from '../../../../src/dns/providers/pdns.ts';
import type { Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };

it('speaks to PowerDNS 3.x, which knows neither /api nor sets', async () => {
  const { dns, logged, open } = await fakeVendor(pdns, version0());
  const session = await open();
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
  await session.remove([value]);
  expect(dns.txt(value.fqdn)).toEqual(['someone-else']);
  expect(logged.some((line) => line.includes('PDNS_API_VERSION=1'))).toBe(true);
});

/** A server whose one zone is of some kind, with nothing else allowed than what is listed. */
const kindOf = (kind: string, extra: Fixture['routes'] = () => ({})): Fixture => ({
  env: {
    PDNS_API_URL: 'https://pdns.test',
    PDNS_API_KEY: 'key-for-tests',
    PDNS_API_VERSION: '1',
    PDNS_SERVER_NAME: 'east',
  },
  wrongEnv: {},
  routes: (dns) => {
    const zone = 'https://pdns.test/api/v1/servers/east/zones';
    return {
      'GET https://pdns.test/api/v1/servers/east': () => ({ id: 'east', version: '4.9.4' }),
      [`GET ${zone}/example.com.`]: ({ query }) => (
        query.get('rrsets'), { id: 'example.com.', kind, soa_edit_api: 'DEFAULT', rrsets: [] }
      ),
      [`PATCH ${zone}/example.com.`]: ({ body }) => (void body.rrsets, { status: 204 }),
      ...extra(dns),
      [`GET ${zone}/:other`]: ({ query }) => (query.get('rrsets'), { status: 404, body: 'Not Found' }),
    };
  },
});

it('asks for no version when it is given, and uses the name of the server', async () => {
  const { open } = await fakeVendor(pdns, kindOf('Native'));
  await (await open()).add([value]);
});

it('warns about a secondary zone, and does not notify for it', async () => {
  const { logged, open } = await fakeVendor(pdns, kindOf('Slave'));
  await (await open()).add([value]);
  expect(logged.some((line) => line.startsWith('warn') && line.includes('secondary zone'))).toBe(true);
});

it('goes on with a warning when the secondaries cannot be told', async () => {
  const notify = 'PUT https://pdns.test/api/v1/servers/east/zones/example.com./notify';
  const refused = { status: 422, body: { error: 'Failed to add to the queue - see server log' } };
  const { logged, open } = await fakeVendor(
    pdns,
    kindOf('Primary', () => ({ [notify]: () => refused })),
  );
  await (await open()).add([value]);
  expect(logged.some((line) => line.startsWith('warn') && line.includes('see server log'))).toBe(true);
});

it.each([500, 404])('does not fail when the secondaries cannot be told, whatever the reason: %d', async (status) => {
  const notify = 'PUT https://pdns.test/api/v1/servers/east/zones/example.com./notify';
  const { logged, open } = await fakeVendor(
    pdns,
    kindOf('Master', () => ({ [notify]: () => ({ status, body: 'Internal Server Error' }) })),
  );
  await (await open()).add([value]);
  expect(logged.filter((line) => line.startsWith('warn') && line.includes('were not told'))).toHaveLength(1);
});

const zone = 'https://pdns.test/api/v1/servers/east/zones/example.com.';

/** A server that shows `sets`, and what it was asked to write. */
function holding(sets: object[], extra: Fixture['routes'] = () => ({})) {
  const written: unknown[] = [];
  const fixture = kindOf('Native', (dns) => ({
    [`GET ${zone}`]: ({ query }) => (query.get('rrsets'), { id: 'example.com.', kind: 'Native', rrsets: sets }),
    [`PATCH ${zone}`]: ({ body }) => (written.push(...body.rrsets), { status: 204 }),
    ...extra(dns),
  }));
  return { fixture, written };
}
const name = '_acme-challenge.example.com.';
const comment = { content: 'do not touch', account: 'ops', modified_at: 1_795_534_383 };

it('writes back the comments of a name that loses its last record', async () => {
  const records = [{ content: '"one"', disabled: false }];
  const { fixture, written } = holding([{ name, type: 'TXT', ttl: 60, records, comments: [comment] }]);
  const { open } = await fakeVendor(pdns, fixture);
  await (await open()).remove([value]);
  expect(written).toEqual([
    { name, type: 'TXT', changetype: 'REPLACE', ttl: expect.any(Number), records: [], comments: [comment] },
  ]);
});

it('leaves comments alone where records stay', async () => {
  const { fixture, written } = holding([{ name, type: 'TXT', ttl: 0, records: [], comments: [comment] }]);
  const { open } = await fakeVendor(pdns, fixture);
  await (await open()).add([value]);
  const records = [{ content: '"one"', disabled: false }];
  expect(written).toEqual([{ name, type: 'TXT', changetype: 'REPLACE', ttl: 120, records }]);
});

describe('a zone too large to be read at once', () => {
  const huge = [{ name: 'a.example.com.', type: 'TXT', ttl: 1, records: [{ content: `"${'x'.repeat(5_000_000)}"` }] }];
  const enabled = { name, type: 'TXT', ttl: 77, records: [{ content: '"someone"', disabled: false }], comments: [] };
  const second = '_acme-challenge.b.example.com.';
  const off = { object_type: 'record', name, type: 'TXT', ttl: 77, content: '"off"', disabled: true };

  /** Version 5 shows disabled records with the set, version 4.6 and later only in a search. */
  const large = (version: string) => {
    const seen: string[] = [];
    const { fixture, written } = holding([], () => ({
      [`GET ${zone}`]({ query }) {
        if (query.get('rrsets') === 'false') return { id: 'example.com.', kind: 'Native' };
        if (query.get('rrset_name') === null) return { id: 'example.com.', kind: 'Native', rrsets: huge };
        const asked = query.get('rrset_name');
        expect(query.get('rrset_type')).toBe('TXT');
        const other = { name: second, type: 'TXT', ttl: 60, records: [] as object[], comments: [comment] };
        if (asked === second)
          return { id: 'example.com.', kind: 'Native', rrsets: [{ ...other, records: [{ content: '"one"' }] }] };
        const shown = [...enabled.records, ...(version < '5' ? [] : [{ content: '"off"', disabled: true }])];
        // Before 4.9 the comments of all names come along, as sets without records.
        return { id: 'example.com.', kind: 'Native', rrsets: [{ ...enabled, records: shown }, other] };
      },
      'GET https://pdns.test/api/v1/servers/east': () => ({ id: 'east', daemon_type: 'authoritative', version }),
      'GET https://pdns.test/api/v1/servers/east/search-data'({ query }) {
        seen.push(query.get('q') ?? '');
        expect([query.get('object_type'), query.get('max')]).toEqual(['record', '1000']);
        if (query.get('q') === second.slice(0, -1)) return [];
        return [
          { ...off, zone_id: 'example.com.' },
          { ...off, zone_id: 'other.test.', content: '"not here"' },
          { ...off, zone_id: 'example.com.', content: '"someone"', disabled: false },
        ];
      },
    }));
    return { fixture, written, seen };
  };

  it.each(['4.7.3', '5.0.1'])('is read in parts from %s, disabled records included', async (version) => {
    const { fixture, written, seen } = large(version);
    const { open } = await fakeVendor(pdns, fixture);
    await (await open()).add([value]);
    const content = (set: unknown) => (set as { records: { content: string }[] }).records.map((r) => r.content).sort();
    expect(written.map(content)).toEqual([['"off"', '"one"', '"someone"']]);
    expect(written).toEqual([expect.objectContaining({ ttl: 77, changetype: 'REPLACE' })]);
    expect(seen).toEqual(version < '5' ? ['_acme-challenge.example.com'] : []);
  });

  it('gives each comment back once', async () => {
    const { fixture, written } = large('4.7.3');
    const { open } = await fakeVendor(pdns, fixture);
    const gone = [
      { fqdn: value.fqdn, value: 'someone' },
      { fqdn: second.slice(0, -1), value: 'one' },
    ];
    await (await open()).remove(gone);
    const set = written.find((one) => (one as { name: string }).name === second);
    expect(set).toEqual(expect.objectContaining({ records: [], comments: [comment] }));
  });

  it('is told with a way out where the server is too old for parts', async () => {
    const { fixture, written } = large('4.5.1');
    const { open } = await fakeVendor(pdns, fixture);
    await expect((await open()).add([value])).rejects.toMatchObject({ hint: expect.stringContaining('PowerDNS 4.6') });
    expect(written).toEqual([]);
  });
});

it.each([404, 405])('tells a wrong PDNS_SERVER_NAME, answered with %d', async (status) => {
  const { logged, open } = await fakeVendor(pdns, {
    ...kindOf('Native'),
    routes: () => ({
      'GET https://pdns.test/api/v1/servers/west': () => ({ status, body: 'Not Found' }),
      'GET https://pdns.test/api/v1/servers/west/zones/:zone': ({ query }) => (
        query.get('rrsets'), { status, body: 'Not Found' }
      ),
    }),
  });
  await expect((await open({ PDNS_SERVER_NAME: 'west' })).add([value])).rejects.toMatchObject({ fault: 'zone' });
  expect(logged.filter((line) => line.startsWith('warn') && line.includes('check PDNS_SERVER_NAME'))).toHaveLength(1);
});

it('says what is in the way of a record', async () => {
  const error = `RRset ${name} IN TXT: Conflicts with pre-existing RRset`;
  const { fixture } = holding([], () => ({
    [`PATCH ${zone}`]: ({ body }) => (void body.rrsets, { status: 422, body: { error } }),
  }));
  const { open } = await fakeVendor(pdns, fixture);
  await expect((await open()).add([value])).rejects.toMatchObject({ hint: expect.stringContaining('a CNAME') });
});
