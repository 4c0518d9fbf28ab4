import ns1 from '../../../../src/dns/providers/ns1.ts';
import type { Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };
const path = 'https://api.nsone.net/v1/zones/example.com';
/** What others made of the name: two answers by region, one of them in two strings, and a chain of filters. */
const theirs = {
  id: '5b0ffa39c9c79d00010000aa',
  ...{ zone: 'example.com', domain: value.fqdn, type: 'TXT', ttl: 777, tier: 3, networks: [0], link: null },
  meta: { note: 'ours' },
  regions: { eu: { meta: { country: ['DE'] } }, us: { meta: { country: ['US'] } } },
  filters: [{ filter: 'geotarget_country', config: {}, disabled: false }],
  ...{ use_client_subnet: false, override_ttl: null, feeds: [], created_at: 1527773753, updated_at: 1527773753 },
  answers: [
    { id: 'a1', answer: ['someone-', 'else'], meta: { up: { feed: 'f1' } }, region: 'eu' },
    { id: 'a2', answer: ['same'], meta: { weight: 5 }, region: 'eu' },
    { id: 'a3', answer: ['same'], region: 'us' },
  ],
};

/** A single record, whose fields change only when they are sent; server-made fields are refused. */
function oneRecord(record: object) {
  let state: Record<string, unknown> = structuredClone(record) as Record<string, unknown>;
  const fixture: Fixture = {
    env: { NS1_API_KEY: 'key-for-tests' },
    wrongEnv: {},
    routes: () => ({
      [`GET ${path}`]: ({ query }) => (query.get('records'), { zone: 'example.com' }),
      'GET https://api.nsone.net/v1/zones/:none': ({ query }) => (
        query.get('records'), { status: 404, body: { message: 'zone not found' } }
      ),
      [`GET ${path}/${value.fqdn}/TXT`]: () => state,
      [`POST ${path}/${value.fqdn}/TXT`]: ({ body }) => {
        const { zone, domain, type, answers, ttl, meta, regions, filters, use_client_subnet } = body;
        const sent = { zone, domain, type, answers, ttl, meta, regions, filters, use_client_subnet };
        state = { ...state, ...Object.fromEntries(Object.entries(sent).filter(([, given]) => given !== undefined)) };
        return state;
      },
    }),
  };
  return { fixture, state: () => state };
}

it('keeps the regions, filters, settings and answers of others', async () => {
  const { fixture, state } = oneRecord(theirs);
  const { open } = await fakeVendor(ns1, fixture);
  await (await open()).add([value]);
  expect(state()).toEqual({ ...theirs, answers: [...theirs.answers, { answer: ['one'] }] });
  await (await open()).remove([value]);
  expect(state()).toEqual(theirs);
});

it('touches no record that is a link to another one', async () => {
  const { fixture, state } = oneRecord({ ...theirs, answers: [], link: 'txt.other.net' });
  const { open } = await fakeVendor(ns1, fixture);
  await expect((await open()).add([value])).rejects.toThrow('linked to the record txt.other.net');
  await expect((await open()).remove([value])).rejects.toThrow('txt.other.net');
  expect(state()).toMatchObject({ answers: [], link: 'txt.other.net' });
});

it('shows what the service says', async () => {
  const { fixture } = oneRecord(theirs);
  const refused = { status: 400, body: { message: 'Input validation failed' } };
  const { open } = await fakeVendor(ns1, {
    ...fixture,
    routes: (dns) => ({
      ...fixture.routes?.(dns),
      [`POST ${path}/${value.fqdn}/TXT`]: ({ body }) => (Object.values(body), refused),
    }),
  });
  await expect((await open()).add([value])).rejects.toThrow(/^ns1: POST .* answered 400: Input validation failed$/u);
});
