import dnsimpleFixture, { userToken } from '../../../../fixtures/dns/dnsimple.ts';
import dnsimple from '../../../../src/dns/providers/dnsimple.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };
const whoami = 'GET https://api.dnsimple.com/v2/whoami';
const records = 'POST https://api.dnsimple.com/v2/:account/zones/:zone/records';

it.each(['https://api.sandbox.dnsimple.com', 'https://api.sandbox.dnsimple.com/v2/'])('speaks to %s', async (base) => {
  const usual = dnsimpleFixture();
  const { dns, open } = await fakeVendor(dnsimple, {
    ...usual,
    routes: (zones) =>
      Object.fromEntries(
        Object.entries(usual.routes(zones)).map(([route, handle]) => [
          route.replace('//api.', '//api.sandbox.'),
          handle,
        ]),
      ),
  });
  await (await open({ DNSIMPLE_BASE_URL: base })).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
});

it('says that the user of a token belongs to no account', async () => {
  const usual = userToken();
  const { open } = await fakeVendor(dnsimple, {
    ...usual,
    routes: (zones) => ({ ...usual.routes(zones), 'GET https://api.dnsimple.com/v2/accounts': () => ({ data: [] }) }),
  });
  await expect(open()).rejects.toMatchObject({ fault: 'auth', hint: expect.stringContaining('DNSIMPLE_OAUTH_TOKEN') });
});

it('names the scope that a token lacks', async () => {
  const usual = dnsimpleFixture();
  const message = 'Permission Denied. Required Scope: zones:example.com:write';
  const { open } = await fakeVendor(dnsimple, {
    ...usual,
    routes: (zones) => ({
      ...usual.routes(zones),
      [records]: ({ body }) => (Object.values(body), { status: 403, body: { message } }),
    }),
  });
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining(message),
  });
});

it('tells which field was refused', async () => {
  const usual = dnsimpleFixture();
  const refused = { message: 'Validation failed', errors: { ttl: ['is not a number'], record_type: ['unsupported'] } };
  const { open } = await fakeVendor(dnsimple, {
    ...usual,
    routes: (zones) => ({
      ...usual.routes(zones),
      [records]: ({ body }) => (Object.values(body), { status: 400, body: refused }),
    }),
  });
  await expect((await open()).add([value])).rejects.toThrow(
    'Validation failed; ttl is not a number; record_type unsupported',
  );
});

it('reads one page of an answer without paging, and removes only the exact name', async () => {
  const usual = dnsimpleFixture();
  const record = { zone_id: 'example.com', ttl: 60, type: 'TXT', content: '"one"' };
  const deleted: unknown[] = [];
  const { open } = await fakeVendor(dnsimple, {
    ...usual,
    routes: (zones) => ({
      ...usual.routes(zones),
      [whoami]: () => ({ data: { account: { id: '1010' } } }),
      'GET https://api.dnsimple.com/v2/:account/zones/:zone/records': ({ query }) => {
        [...query];
        return {
          data: [
            { ...record, id: 1, name: '_acme-challenge.www' },
            { ...record, id: 2, name: '_ACME-challenge' },
            { ...record, id: 3, name: '_acme-challenge', content: 'two' },
            { ...record, id: 4, name: '_acme-challenge', type: 'SPF' },
          ],
        };
      },
      'DELETE https://api.dnsimple.com/v2/:account/zones/:zone/records/:id': ({ params }) => {
        deleted.push(params.id);
        return { status: 204 };
      },
    }),
  });
  await (await open()).remove([value]);
  expect(deleted).toEqual(['2']);
});

const zonesPath = 'GET https://api.dnsimple.com/v2/:account/zones';

it('takes the zone itself where the token may not list zones', async () => {
  const usual = dnsimpleFixture();
  const { dns, open } = await fakeVendor(dnsimple, {
    ...usual,
    routes: (zones) => ({
      ...usual.routes(zones),
      [zonesPath]: ({ query }) => {
        [...query];
        return { status: 403, body: { message: 'Permission Denied.' } };
      },
    }),
  });
  await (await open()).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
});

it('says that a token is of a user whose accounts cannot be seen', async () => {
  const usual = userToken();
  const { open } = await fakeVendor(dnsimple, {
    ...usual,
    routes: (zones) => ({
      ...usual.routes(zones),
      'GET https://api.dnsimple.com/v2/accounts': () => ({ status: 404, body: { message: 'Not found' } }),
    }),
  });
  await expect(open()).rejects.toMatchObject({ fault: 'auth', message: expect.stringContaining('token of a user') });
});

it('waits as long as Retry-After asks, whatever the rate limit says', async () => {
  const usual = dnsimpleFixture();
  let asked = 0;
  const { dns, open } = await fakeVendor(dnsimple, {
    ...usual,
    routes: (zones) => {
      const routes = usual.routes(zones);
      return {
        ...routes,
        [whoami]: () => {
          asked += 1;
          if (asked > 1) return routes[whoami]?.();
          const reset = String(Math.ceil(Date.now() / 1000) + 3600);
          return {
            status: 429,
            headers: { 'retry-after': '0', 'x-ratelimit-reset': reset },
            body: { message: 'quota' },
          };
        },
      };
    },
  });
  await (await open()).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
});
