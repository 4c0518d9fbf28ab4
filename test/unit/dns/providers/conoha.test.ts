import makeFixture, { variants } from '../../../../fixtures/dns/conoha.ts';
import conoha from '../../../../src/dns/providers/conoha.ts';
import { Reply } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';
import { renewsSessions } from './sessions.ts';

const name = '_acme-challenge.example.com';
const value = { fqdn: name, value: 'one' };

describe.each([
  ['VPS v2', makeFixture, /sample00d88246078f2bexample/u],
  ['VPS v3', variants.vps3, /gAAAAAB/u],
])('%s', (_, make, token) => renewsSessions(conoha, make, token));

it('takes a record that is there already for success', async () => {
  const fixture = makeFixture();
  let asked = 0;
  const { open } = await fakeVendor(conoha, {
    ...fixture,
    routes: (dns) => ({
      ...fixture.routes(dns),
      'POST https://dns-service.tyo1.conoha.io/v1/domains/:zone/records': ({ body }) => {
        asked += Object.keys(body).length > 0 ? 1 : 0;
        throw new Reply({ status: 409, body: { code: 409, type: 'duplicate_record', message: 'Duplicate Record' } });
      },
    }),
  });
  await (await open()).add([value]);
  expect(asked).toBe(1);
});

it.each([
  ['a name instead of an ID', variants.vps3, { CONOHA_API_USERNAME: 'gncu12345678' }, 'is the ID of the API user'],
  ['an account of VPS v3', makeFixture, { CONOHA_API_PASSWORD: 'of-vps3' }, 'needs CONOHA_REGION=c3j1'],
])('says what may be mixed up when the login fails: %s', async (_, make, env, hint) => {
  const { open } = await fakeVendor(conoha, make());
  const session = await open(env as Record<string, string>);
  await expect(session.add([value])).rejects.toMatchObject({ fault: 'auth', hint: expect.stringContaining(hint) });
});

it('leaves the same value at other names and in records of other types alone', async () => {
  const { dns, open } = await fakeVendor(conoha, makeFixture());
  dns.add('example.com', 'TXT', 'other.example.com', 'one', 3600);
  dns.add('example.com', 'SPF', name, 'one', 3600);
  const before = dns.snapshot();
  const session = await open();
  await session.add([value]);
  expect(dns.txt(name)).toEqual(['one', 'someone-else']);
  await session.remove([value]);
  expect(dns.snapshot()).toEqual(before);
});
