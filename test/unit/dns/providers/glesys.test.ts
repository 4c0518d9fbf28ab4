import glesysFixture from '../../../../fixtures/dns/glesys.ts';
import glesys from '../../../../src/dns/providers/glesys.ts';
import { openSession } from '../../../../src/dns/session.ts';
import { silentLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: 'www.example.com', value: 'one' };

it('knows a name that is listed in full, with a dot at its end', async () => {
  const { dns, open } = await fakeVendor(glesys, glesysFixture());
  const session = await open();
  dns.add('example.com', 'TXT', 'www.example.com', 'one', 3600);
  dns.add('example.com', 'TXT', 'www.example.com', 'two', 3600);
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'two']);
  await session.remove([value]);
  expect(dns.txt(value.fqdn)).toEqual(['two']);
});

it('raises a TTL below a minute', async () => {
  const { dns, open } = await fakeVendor(glesys, glesysFixture());
  await (await open({ GLESYS_TTL: '10' })).add([value]);
  expect(dns.records('example.com').find((record) => record.value === 'one')?.ttl).toBe(60);
});

it.each([
  [401, 'auth'],
  [403, 'auth'],
  [429, 'rate'],
  [500, 'api'],
])('takes code %i for what it is, even in an answer with status 200', async (code, fault) => {
  const body = { response: { status: { code, text: 'This is why' }, debug: { input: {} } } };
  const session = await openSession(glesys, {
    env: { GLESYS_API_USER: 'cl1', GLESYS_API_KEY: 'key' },
    log: silentLog,
    redactor: new Redactor(),
    retryDelayMs: 1,
    transport: async ({ url }) => ({ status: 200, headers: {}, url, body: Buffer.from(JSON.stringify(body)) }),
  });
  await expect(session.add([value])).rejects.toMatchObject({ fault, message: expect.stringContaining('This is why') });
});
