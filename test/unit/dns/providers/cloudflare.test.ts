import fixture from '../../../../fixtures/dns/cloudflare.ts';
import cloudflare from '../../../../src/dns/providers/cloudflare.ts';
import { openSession } from '../../../../src/dns/session.ts';
import type { HttpRequest } from '../../../../src/http.ts';
import { silentLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { fakeVendor } from './open.ts';

/** A session in which the vendor gives the same answer to everything but the question for the zone. */
async function add(env: Record<string, string>, status: number, body: object) {
  const sent: HttpRequest[] = [];
  const zone = { success: true, result: [{ id: 'z1', name: 'example.com' }], result_info: { total_pages: 1 } };
  const none = { success: true, result: [], result_info: { total_pages: 0 } };
  const session = await openSession(cloudflare, {
    env,
    log: silentLog,
    redactor: new Redactor(),
    retryDelayMs: 1,
    async transport(request) {
      sent.push(request);
      const { pathname, searchParams } = new URL(request.url);
      const [code, answer] =
        request.method === 'POST' || !env.CF_DNS_API_TOKEN
          ? [status, body]
          : [200, pathname.endsWith('/zones') && searchParams.get('name') === 'example.com' ? zone : none];
      return { status: code, headers: {}, url: request.url, body: Buffer.from(JSON.stringify(answer)) };
    },
  });
  const error = await session.add([{ fqdn: '_acme-challenge.example.com', value: 'v' }]).catch((e: unknown) => e);
  return { error, sent };
}
const failed = (code: number, message: string, chain: object[] = []) => ({
  success: false,
  result: null,
  errors: [{ code, message, error_chain: chain }],
});

it.each([81057, 81058])('takes error %d, a record that is there already, for success', async (code) => {
  const { error, sent } = await add({ CF_DNS_API_TOKEN: 'tok' }, 400, failed(code, 'Record already exists.'));
  expect(error).toBeUndefined();
  expect(sent.filter(({ method }) => method === 'POST')).toHaveLength(1);
});

it('tells a token that was given as the global key', async () => {
  const answer = failed(6003, 'Invalid request headers', [
    { code: 6103, message: 'Invalid format for X-Auth-Key header' },
  ]);
  const { error } = await add({ CF_API_EMAIL: 'e@x.test', CF_API_KEY: 'a-token' }, 400, answer);
  expect(error).toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('Invalid format for X-Auth-Key header (6103)'),
    hint: expect.stringContaining('a token goes to CLOUDFLARE_DNS_API_TOKEN'),
  });
});

it('tells a global key that was given as a token', async () => {
  const answer = failed(6003, 'Invalid request headers', [
    { code: 6111, message: 'Invalid format for Authorization header' },
  ]);
  const { error } = await add({ CF_DNS_API_TOKEN: 'global-key' }, 400, answer);
  expect(error).toMatchObject({ fault: 'auth', hint: expect.stringContaining('not the global API key') });
});

it('goes to the address of CLOUDFLARE_BASE_URL', async () => {
  const env = { CF_DNS_API_TOKEN: 'tok', CLOUDFLARE_BASE_URL: 'https://gate.test/cf/v4/' };
  const { sent } = await add(env, 200, { success: true, result: {} });
  expect(sent.every(({ url }) => url.startsWith('https://gate.test/cf/v4/zones'))).toBe(true);
});

it('removes only its own, whatever else is listed, from the zone that is active', async () => {
  const usual = fixture();
  const api = 'https://api.cloudflare.com/client/v4/zones';
  const name = '_acme-challenge.example.com';
  const deleted: string[] = [];
  const { open } = await fakeVendor(cloudflare, {
    ...usual,
    routes: () => ({
      [`GET ${api}`]: ({ query }) => {
        [...query];
        const result = [
          { id: 'a', name: 'sub.example.com', status: 'active' },
          { id: 'b', name: 'example.com', status: 'moved' },
          { id: 'c', name: 'Example.com', status: 'active' },
        ];
        return { success: true, result };
      },
      [`GET ${api}/:id/dns_records`]: ({ query }) => {
        [...query];
        const result = [
          { id: '1', type: 'TXT', name: `x${name}`, content: '"one"' },
          { id: '2', type: 'SPF', name, content: '"one"' },
          { id: '3', type: 'TXT', name, content: '"One"' },
          { id: '4', type: 'TXT', name: '_ACME-challenge.example.com', content: 'one' },
        ];
        return { success: true, result };
      },
      [`DELETE ${api}/:id/dns_records/:record`]: ({ params }) => {
        deleted.push(`${params.id}/${params.record}`);
        return { success: true, result: { id: params.record } };
      },
    }),
  });
  await (await open()).remove([{ fqdn: name, value: 'one' }]);
  expect(deleted).toEqual(['c/4']);
});

it('names the variables in both spellings when a token is refused', async () => {
  const { error } = await add({ CF_DNS_API_TOKEN: 'tok' }, 403, failed(9109, 'Invalid access token'));
  expect(error).toMatchObject({ fault: 'auth', hint: expect.stringContaining('(CF_DNS_API_TOKEN)') });
});
