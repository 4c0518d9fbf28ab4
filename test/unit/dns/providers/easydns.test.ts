import easydnsFixture from '../../../../fixtures/dns/easydns.ts';
import easydns from '../../../../src/dns/providers/easydns.ts';
import { openSession } from '../../../../src/dns/session.ts';
import { silentLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };
const env = { EASYDNS_TOKEN: 'token', EASYDNS_KEY: 'key' };

/** A session with a vendor who gives these answers in turn, the last one again and again. */
function answering(...answers: [status: number, body: object | string][]) {
  const sent: string[] = [];
  const session = openSession(easydns, {
    env,
    log: silentLog,
    redactor: new Redactor(),
    retryDelayMs: 1,
    async transport({ method, url }) {
      const [status, body] = answers[Math.min(sent.length, answers.length - 1)] ?? [500, ''];
      sent.push(`${method} ${url}`);
      return { status, headers: {}, url, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) };
    },
  });
  return { sent, session };
}
const calm = { error: { code: 420, message: 'Enhance Your Calm' } };
const none = { data: [], count: 0, total: 0, start: 0, max: 1000, status: 200 };

it('waits when it is told to calm down once, and gives up on the key when it always is', async () => {
  const patient = answering([420, calm], [200, none], [200, none], [201, { status: 201, data: {} }]);
  await (await patient.session).add([{ ...value, fqdn: 'example.com' }]);
  expect(patient.sent.at(-1)).toContain('PUT https://rest.easydns.net/zones/records/add/example.com/TXT');

  const wrong = answering([420, calm]);
  await expect((await wrong.session).add([value])).rejects.toMatchObject({
    fault: 'auth',
    hint: expect.stringContaining('EASYDNS_TOKEN and EASYDNS_KEY'),
  });
});

it('takes being told to calm down for a rate limit once the key was accepted', async () => {
  const { session } = answering([200, none], [420, calm]);
  await expect((await session).add([{ ...value, fqdn: 'example.com' }])).rejects.toMatchObject({ fault: 'rate' });
});

it('sees an error without a message inside an answer with status 200', async () => {
  const { session } = answering([200, none], [200, none], [200, { status: 500 }]);
  await expect((await session).add([{ ...value, fqdn: 'example.com' }])).rejects.toThrow('error 500');
});

it('does not mind a status in words', async () => {
  const { session } = answering([200, none], [200, none], [201, { status: 'OK', data: {} }]);
  await expect((await session).add([{ ...value, fqdn: 'example.com' }])).resolves.toBeUndefined();
});

it('takes a record that exists already for success', async () => {
  const exists = { msg: 'Record already exists', status: 400 };
  const { session } = answering([200, none], [200, none], [400, exists]);
  await expect((await session).add([{ ...value, fqdn: 'example.com' }])).resolves.toBeUndefined();
});

it.each([
  [400, 'zone'],
  [403, 'zone'],
  [404, 'zone'],
])('looks on when a name is answered with %i', async (status, fault) => {
  const { session } = answering(
    [status, { msg: 'No', status }],
    [status, { msg: 'No', status }],
    [status, { msg: 'No', status }],
    [200, { msg: 'OK', data: { exists: 'N' }, status: 200 }],
  );
  await expect((await session).add([value])).rejects.toMatchObject({ fault });
});

it('leaves the type alone: a record of another type with the same text is not ours', async () => {
  const { dns, open } = await fakeVendor(easydns, easydnsFixture());
  const session = await open();
  dns.add('example.com', 'URL', value.fqdn, 'one', 300);
  await session.remove([value]);
  expect(dns.records('example.com').map(({ type }) => type)).toContain('URL');
});
