import version1 from '../../../../fixtures/dns/godaddy.ts';
import godaddy from '../../../../src/dns/providers/godaddy.ts';
import { openSession } from '../../../../src/dns/session.ts';
import { silentLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { fakeVendor } from './open.ts';

const name = '_acme-challenge.example.com';
const value = { fqdn: name, value: 'one' };
const key = { GODADDY_API_KEY: 'key', GODADDY_API_SECRET: 'secret' };

/** What a session ends with when the vendor gives these answers in turn, the last one again and again. */
async function add(env: Record<string, string>, ...answers: [status: number, body: object][]) {
  const sent: { url: string; authorization: string | undefined }[] = [];
  const session = await openSession(godaddy, {
    env,
    log: silentLog,
    redactor: new Redactor(),
    retryDelayMs: 1,
    async transport({ url, headers }) {
      const [status, body] = answers[Math.min(sent.length, answers.length - 1)] ?? [500, {}];
      sent.push({ url, authorization: headers?.authorization });
      return { status, headers: {}, url, body: Buffer.from(JSON.stringify(body)) };
    },
  });
  const error = await session.add([value]).catch((caught: unknown) => caught);
  return { error, sent };
}

it('leaves the TTL of other values at the name as it is', async () => {
  const { dns, open } = await fakeVendor(godaddy, version1());
  dns.zones.set('example.com', []);
  dns.add('example.com', 'TXT', name, 'someone-else', 3600);
  await (await open()).add([value]);
  expect(dns.records('example.com').map((record) => [record.value, record.ttl])).toEqual([
    ['someone-else', 3600],
    ['one', 600],
  ]);
});

it('does not write back the empty values that older clients left behind', async () => {
  const { dns, open } = await fakeVendor(godaddy, version1());
  dns.zones.set('example.com', []);
  dns.add('example.com', 'TXT', name, '', 600);
  const session = await open();
  await session.add([value]);
  expect(dns.txt(name)).toEqual(['one']);
  await session.remove([value]);
  expect(dns.txt(name)).toEqual([]);
});

it('tells an account that may not use the API from a wrong key', async () => {
  const denied = { code: 'ACCESS_DENIED', message: 'Authenticated user is not allowed access' };
  const { error } = await add(key, [403, denied]);
  expect(error).toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('Authenticated user is not allowed access (ACCESS_DENIED)'),
    hint: expect.stringMatching(/does not open its DNS API to every account/u),
  });
});

it('looks on where a name that is no domain is forbidden', async () => {
  const denied = { code: 'ACCESS_DENIED', message: 'Authenticated user is not allowed access' };
  const { error, sent } = await add(key, [403, denied], [200, []], [200, []], [200, {}]);
  expect(error).toBeUndefined();
  expect(sent.at(-1)?.url).toContain('/v1/domains/example.com/records/TXT/_acme-challenge');
});

it('waits while the zone is locked', async () => {
  const busy = { code: 'CONFLICT', message: 'The zone is being processed' };
  const { error } = await add(key, [200, []], [200, []], [409, busy], [200, []]);
  expect(error).toBeUndefined();
});

it('names the scopes that a token needs', async () => {
  const { error } = await add({ GODADDY_PAT: 'token' }, [403, { name: 'FORBIDDEN', message: 'Not authorized' }]);
  expect(error).toMatchObject({ fault: 'auth', hint: expect.stringContaining('domains.dns:update') });
});

it('takes a record that exists already for success', async () => {
  const none = { items: [], links: [] };
  const exists = { name: 'dns_record_already_exists', message: 'There is one' };
  const { error } = await add({ GODADDY_PAT: 'token' }, [200, none], [200, none], [409, exists]);
  expect(error).toBeUndefined();
});

it.each([
  [{ GODADDY_PAT: 'token', ...key }, 'https://api.godaddy.com/v3/domains/zones/', 'Bearer token'],
  [{ GODADDYV3_PERSONAL_ACCESS_TOKEN: 'token' }, 'https://api.godaddy.com/v3/domains/zones/', 'Bearer token'],
  [key, 'https://api.godaddy.com/v1/domains/', 'sso-key key:secret'],
  [
    { ...key, GODADDY_API_URL: 'https://api.ote-godaddy.com/v1' },
    'https://api.ote-godaddy.com/v1/domains/',
    'sso-key key:secret',
  ],
])('uses the version that the credentials are for: %o', async (env, address, authorization) => {
  const { sent } = await add(env, [404, { code: 'NOT_FOUND', message: 'No' }]);
  expect(sent[0]).toEqual({ url: expect.stringContaining(address), authorization });
});

it('keeps to the name and the type where the list ignores the filter', async () => {
  const items = [
    { recordId: '1', name: 'other', type: 'TXT', data: 'one' },
    { recordId: '2', name: '_acme-challenge', type: 'CNAME', data: 'one' },
  ];
  const { sent } = await add({ GODADDY_PAT: 't' }, [200, { items: [] }], [200, { items }], [201, {}]);
  expect(sent).toHaveLength(3);
});
