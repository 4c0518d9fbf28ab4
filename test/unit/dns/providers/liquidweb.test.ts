import liquidwebFixture from '../../../../fixtures/dns/liquidweb.ts';
import liquidweb from '../../../../src/dns/providers/liquidweb.ts';
import { openSession } from '../../../../src/dns/session.ts';
import { createLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };
const user = { LWAPI_USERNAME: 'user', LWAPI_PASSWORD: 'password' };

/** What a session ends with when the vendor gives the same answer to everything. */
async function add(env: Record<string, string>, body: object) {
  const sent: string[] = [];
  const logged: string[] = [];
  const redactor = new Redactor();
  const session = await openSession(liquidweb, {
    env,
    log: createLog((level, message) => logged.push(`${level} ${message}`), redactor),
    redactor,
    retryDelayMs: 1,
    async transport({ url }) {
      sent.push(url);
      return { status: 200, headers: {}, url, body: Buffer.from(JSON.stringify(body)) };
    },
  });
  const error = await session.add([value]).catch((caught: unknown) => caught);
  return { error, sent, logged: logged.join('\n') };
}
const failed = (kind: string) => ({ error_class: `LW::Exception::${kind}`, full_message: 'This is why', error: '' });

it.each([
  ['Authorization', 'auth'],
  ['Forbidden', 'auth'],
  ['Permission', 'auth'],
  ['API::RateLimit', 'rate'],
  ['Input::Validation', 'api'],
])('tells %s, in an answer with status 200, as a fault of the kind %s', async (kind, fault) => {
  const { error } = await add(user, failed(kind));
  expect(error).toMatchObject({ fault, message: expect.stringContaining(`This is why (${kind})`) });
});

it('says that there is no such zone where LIQUID_WEB_ZONE names one that is not in the account', async () => {
  const body = { ...failed('RecordNotFound'), field: 'network_dns_zone' };
  const { error } = await add({ ...user, LWAPI_ZONE: 'example.com' }, body);
  expect(error).toMatchObject({ fault: 'zone' });
});

it('takes a record that exists already for success', async () => {
  const { error } = await add({ ...user, LWAPI_ZONE: 'example.com' }, failed('DuplicateRecord'));
  expect(error).toBeUndefined();
});

it('uses LIQUID_WEB_ZONE without asking for zones, and says so where it does not fit', async () => {
  const { dns, open } = await fakeVendor(liquidweb, liquidwebFixture());
  dns.zones.set('www.example.com', []);
  const session = await open({ LIQUID_WEB_ZONE: 'Example.com.' });
  await session.add([{ fqdn: '_acme-challenge.www.example.com', value: 'deep' }]);
  expect(dns.records('example.com').map((record) => record.value)).toContain('deep');
  await expect(session.add([{ fqdn: '_acme-challenge.other.net', value: 'x' }])).rejects.toMatchObject({
    fault: 'zone',
    message: expect.stringContaining('LIQUID_WEB_ZONE is example.com'),
  });
});

it.each([
  ['https://api.stormondemand.com', 'https://api.stormondemand.com/bleed/', true],
  ['https://api.liquidweb.com/v1/', 'https://api.liquidweb.com/bleed/', false],
])('goes to the address of LIQUID_WEB_URL, %s', async (address, start, isOld) => {
  const { sent, logged } = await add({ ...user, LIQUID_WEB_URL: address }, { items: [], page_total: 1 });
  expect(sent[0]).toContain(start);
  expect(logged.includes('warn liquidweb: LIQUID_WEB_URL names api.stormondemand.com')).toBe(isOld);
});
