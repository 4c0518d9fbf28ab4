import dnspodFixture from '../../../../fixtures/dns/dnspod.ts';
import dnspod from '../../../../src/dns/providers/dnspod.ts';
import { openSession } from '../../../../src/dns/session.ts';
import { silentLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

/** A session with a vendor who gives these answers by action, and success to every other one. */
async function answering(answers: Record<string, object>) {
  const sent: string[] = [];
  const session = await openSession(dnspod, {
    env: { DNSPOD_API_KEY: '1,secret-token' },
    log: silentLog,
    redactor: new Redactor(),
    retryDelayMs: 1,
    async transport({ url }) {
      const action = url.slice('https://dnsapi.cn/'.length);
      sent.push(action);
      const body = { status: { code: '1', message: 'Action completed successful' }, ...answers[action] };
      return { status: 200, headers: {}, url, body: Buffer.from(JSON.stringify(body)) };
    },
  });
  return { sent, session };
}
const status = (code: string | number, message = 'No') => ({ status: { code, message } });
const zones = {
  domains: [
    { id: '7', name: 'Beispiel-Über.example' },
    { id: 8, name: 'example.com' },
  ],
  info: {},
};

it.each([
  ['-1', 'auth'],
  ['-8', 'auth'],
  ['85', 'auth'],
  [-2, 'rate'],
  ['-15', 'api'],
])('takes code %s for a failure of kind %s', async (code, fault) => {
  const { session } = await answering({ 'Domain.List': status(code, 'The reason') });
  await expect(session.add([value])).rejects.toMatchObject({
    fault,
    message: expect.stringContaining('The reason'),
  });
});

it('says that the international service has other tokens', async () => {
  const { session } = await answering({ 'Domain.List': status('-1') });
  await expect(session.add([value])).rejects.toMatchObject({
    hint: expect.stringMatching(/DNSPOD_API_KEY.*dnspod\.com/u),
  });
});

it('reads accounts and names without anything', async () => {
  const without = await answering({ 'Domain.List': status('9', 'No domains') });
  await expect(without.session.add([value])).rejects.toMatchObject({ fault: 'zone' });
  const bare = await answering({ 'Domain.List': zones, 'Record.List': status('10', 'No records') });
  await bare.session.add([value]);
  expect(bare.sent).toEqual(['Domain.List', 'Record.List', 'Record.Create']);
});

it('takes a record that is gone already for removed', async () => {
  const records = [{ id: '5', name: '_acme-challenge.www', type: 'TXT', value: 'one' }];
  const { sent, session } = await answering({
    'Domain.List': zones,
    'Record.List': { records, info: {} },
    'Record.Remove': status('8', 'Record id invalid'),
  });
  await session.remove([value]);
  expect(sent.at(-1)).toBe('Record.Remove');
});

it('takes a record that is there already for added', async () => {
  const { session } = await answering({ 'Domain.List': zones, 'Record.Create': status('104', 'Record exists') });
  await expect(session.add([value])).resolves.toBeUndefined();
});

it('finds zones whose names are not ASCII', async () => {
  const { sent, session } = await answering({ 'Domain.List': zones });
  await session.add([{ fqdn: '_acme-challenge.xn--beispiel-ber-llb.example', value: 'one' }]);
  expect(sent.at(-1)).toBe('Record.Create');
});

it('asks for no longer TTL than there is, and leaves other types alone', async () => {
  const { dns, open } = await fakeVendor(dnspod, dnspodFixture());
  dns.add('example.com', 'SPF', value.fqdn, 'one', 600);
  const session = await open({ DNSPOD_TTL: '9999999' });
  await session.add([value]);
  expect(dns.records('example.com').find(({ type, fqdn }) => type === 'TXT' && fqdn === value.fqdn)?.ttl).toBe(604_800);
  await session.remove([value]);
  expect(dns.records('example.com').map(({ type }) => type)).toContain('SPF');
  expect(dns.txt(value.fqdn)).toEqual([]);
});
