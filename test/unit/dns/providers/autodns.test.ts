import autodnsFixture from '../../../../fixtures/dns/autodns.ts';
import autodns from '../../../../src/dns/providers/autodns.ts';
import type { Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };
const api = 'https://api.autodns.com/v1';
const stream = `POST ${api}/zone/example.com/_stream`;

/** The usual fake with some calls answered in another way. */
const otherwise = (routes: Record<string, (request: { body: Record<string, unknown> }) => unknown>): Fixture => {
  const usual = autodnsFixture();
  return { ...usual, routes: (dns) => ({ ...routes, ...usual.routes(dns), ...routes }) };
};
const failed = (code: string, text: string, messages: object[]) => ({
  status: { code, text, type: 'ERROR' },
  ...{ stid: '20241008-app2-416159', messages },
});

it('speaks to the demo system in its context', async () => {
  const usual = autodnsFixture();
  const { dns, open } = await fakeVendor(autodns, {
    ...usual,
    authorized: ({ headers }) => headers['x-domainrobot-context'] === '1',
    routes: (zones) =>
      Object.fromEntries(
        Object.entries(usual.routes(zones)).map(([route, handle]) => [route.replace('//api.', '//api.demo.'), handle]),
      ),
  });
  const session = await open({ AUTODNS_ENDPOINT: 'https://api.demo.autodns.com/v1', AUTODNS_CONTEXT: '1' });
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
});

it('tells errors that come with status 200', async () => {
  const { open } = await fakeVendor(
    autodns,
    otherwise({
      [stream]: ({ body }) => {
        Object.values(body);
        const object = { type: 'example.com@a.ns14.net/rr[17]', value: '_acme-challenge TXT "one"' };
        const message = { text: 'Doppelt eingetragen.', objects: [object], code: 'EF02022', status: 'ERROR' };
        return { status: 200, body: failed('E0202002', 'Zone konnte nicht aktualisiert werden.', [message]) };
      },
    }),
  );
  await expect((await open()).add([value])).rejects.toThrow(
    'Zone konnte nicht aktualisiert werden. (E0202002); Doppelt eingetragen. _acme-challenge TXT "one" (EF02022)',
  );
});

it('names the credentials when the context is refused, which is no authentication error to the service', async () => {
  const { open } = await fakeVendor(
    autodns,
    otherwise({
      [`POST ${api}/zone/_search`]: ({ body }) => {
        Object.values(body);
        const object = { type: 'request.auth.context', value: '"7"' };
        const message = { text: 'Missing or wrong value.', objects: [object], code: 'EF01000', status: 'ERROR' };
        return { status: 400, body: failed('E00000', 'Errors occurred during processing.', [message]) };
      },
    }),
  );
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'auth',
    hint: expect.stringContaining('AUTODNS_API_PASSWORD'),
  });
});

it('removes a record in the form in which the zone has it', async () => {
  const rows = [
    { name: '_acme-challenge', ttl: 86, type: 'TXT', value: '"one"' },
    { name: '_acme-challenge', type: 'TXT', value: 'two' },
    { name: '_acme-challenge.example.com.', type: 'TXT', value: 'one' },
    { name: '_acme-challenge.www', type: 'TXT', value: 'one' },
    { name: '_acme-challenge', type: 'HINFO', value: 'one' },
    { type: 'TXT', value: 'one' },
  ];
  let sent: unknown;
  const { open } = await fakeVendor(
    autodns,
    otherwise({
      [`GET ${api}/zone/example.com/a.ns14.net`]: () => ({
        status: { resultCode: 'S0205', text: '', type: 'SUCCESS' },
        data: [{ origin: 'example.com', resourceRecords: rows }],
      }),
      [stream]: ({ body }) => {
        sent = { adds: body.adds, rems: body.rems };
        return { status: { code: 'S0202', text: '', type: 'SUCCESS' }, data: [] };
      },
    }),
  );
  await (await open()).remove([value]);
  expect(sent).toEqual({ adds: [], rems: [rows[0], rows[2]] });
});
