import dreamhostFixture from '../../../../fixtures/dns/dreamhost.ts';
import dreamhost from '../../../../src/dns/providers/dreamhost.ts';
import { openSession } from '../../../../src/dns/session.ts';
import { silentLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

const answering = (body: object | string) =>
  openSession(dreamhost, {
    env: { DREAMHOST_API_KEY: '1A2B3C4D5E6F7G8H' },
    log: silentLog,
    redactor: new Redactor(),
    retryDelayMs: 1,
    findZoneBySoa: async () => 'example.com',
    async transport({ url }) {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      return { status: 200, headers: {}, url, body: Buffer.from(text) };
    },
  });

it.each([
  ['no_key', 'auth'],
  ['this_key_cannot_access_this_cmd', 'auth'],
  ['slow_down_bucko\tat most 100 per hour', 'rate'],
  ['no_such_zone', 'zone'],
  ['record_already_exists_not_editable', 'api'],
  ['internal_error_updating_zone', 'api'],
])('takes the error %j for a failure of kind %s', async (data, fault) => {
  const session = await answering({ result: 'error', data });
  const [word = ''] = data.split('\t');
  await expect(session.add([value])).rejects.toMatchObject({ fault, message: expect.stringContaining(word) });
});

it('takes a value that is there already for added', async () => {
  const session = await answering({ result: 'error', data: 'record_already_exists_remove_first' });
  await expect(session.add([value])).resolves.toBeUndefined();
});

it.each(['no_such_record', 'no_such_type', 'no_such_value'])(
  'takes a value that is gone for removed (%s)',
  async (data) => {
    const session = await answering({ result: 'error', data });
    await expect(session.remove([value])).resolves.toBeUndefined();
  },
);

it('does not take an answer that it cannot read for success', async () => {
  const session = await answering('a word of greeting');
  await expect(session.add([value])).rejects.toMatchObject({ fault: 'api' });
});

it('removes its own value, of type TXT, and never shows the key', async () => {
  const { dns, logged, open } = await fakeVendor(dreamhost, dreamhostFixture());
  dns.add('example.com', 'TXT', value.fqdn, 'two');
  dns.add('example.com', 'NAPTR', value.fqdn, 'one');
  const before = dns.snapshot();
  const session = await open();
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'two']);
  await session.remove([value]);
  expect(dns.snapshot()).toEqual(before);
  expect(logged.join('\n')).toContain('dns-add_record');
  expect(logged.join('\n')).not.toContain('DH6SHU5P2HLDAYEC');
});
