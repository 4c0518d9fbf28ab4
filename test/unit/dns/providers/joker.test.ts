import jokerFixture, { LINE, variants } from '../../../../fixtures/dns/joker.ts';
import joker from '../../../../src/dns/providers/joker.ts';
import { type FakeReply, type Fixture, Reply } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';
import { renewsSessions } from './sessions.ts';

const value = { fqdn: '_acme-challenge.a.example.com', value: 'one' };
const dmapi = (request: string) => `POST https://dmapi.joker.com/request/${request}`;
const svcUrl = 'POST https://svc.joker.com/nic/replace';

/** The usual vendor, but one request always gets the same answer. */
const answering = (fixture: Fixture, route: string, answer: FakeReply) =>
  fakeVendor(joker, {
    ...fixture,
    routes: (dns) => ({
      ...fixture.routes?.(dns),
      [route]: ({ body }) => {
        void { ...body };
        for (const name of Object.keys(body)) void body[name];
        throw new Reply(answer);
      },
    }),
  });

describe('DMAPI', () => {
  renewsSessions(joker, jokerFixture, /session-/);

  it('sends every other line back letter by letter, long TXT values without the space that Joker puts in', async () => {
    const { dns, logged, open } = await fakeVendor(joker, jokerFixture());
    const lines = [
      '$dyndns=yes:dyn-user:dyn-secret-of-the-zone',
      '@ MX 10 mail.example.com. 86400',
      '_sip._tcp SRV 20/0 sip.example.com:5060 300',
      '@ NAPTR 100/50 . 0 0 0 "s" "z3950+I2L+I2C" ""',
      'mail MAILFW 0 "me@example.net" 60 0 0 3',
      '@ CAA 0 ca.example.net 300 0 0 issue',
    ];
    for (const line of lines) dns.add('example.com', LINE, 'example.com', line);
    for (const text of ['v=spf1 include:x.test -all', 'a "quoted" \\ text', `k=${'x'.repeat(60)}`]) {
      dns.add('example.com', 'TXT', 'example.com', text, 3600);
    }
    const before = dns.snapshot();
    const session = await open();
    await session.add([value, { ...value, value: `${'y'.repeat(43)}` }]);
    expect(dns.txt(value.fqdn)).toEqual(['one', 'y'.repeat(43)]);
    await session.remove([value, { ...value, value: 'y'.repeat(43) }]);
    await session.close();
    expect(dns.snapshot()).toEqual(before);
    expect(logged.join('\n')).toContain('$dyndns');
    expect(logged.join('\n')).not.toContain('dyn-secret-of-the-zone');
  });

  it('names the variable when a key may only read, and leaves no session behind', async () => {
    const fixture = jokerFixture();
    const answer = { body: 'Status-Code: 2202\nStatus-Text: Authorization error\nError: read only\n' };
    const { open } = await answering(fixture, dmapi('dns-zone-put'), answer);
    const session = await open();
    await expect(session.add([value])).rejects.toMatchObject({
      fault: 'auth',
      message: expect.stringContaining('Authorization error; read only (2202)'),
      hint: expect.stringContaining('JOKER_API_KEY'),
    });
    await session.close();
    expect(fixture.openSessions()).toBe(0);
  });

  it('writes nothing when the zone did not come as it should', async () => {
    const { dns, open } = await answering(jokerFixture(), dmapi('dns-zone-get'), { body: 'Welcome to Joker' });
    const before = dns.snapshot();
    await expect((await open()).add([value])).rejects.toMatchObject({ fault: 'api' });
    expect(dns.snapshot()).toEqual(before);
  });

  it('points those who are no resellers to the other mode', async () => {
    const { open } = await fakeVendor(joker, variants.password());
    await expect((await open({ JOKER_PASSWORD: 'mistyped' })).add([value])).rejects.toMatchObject({
      fault: 'auth',
      hint: expect.stringContaining('JOKER_API_MODE=SVC'),
    });
  });
});

describe('SVC', () => {
  it('needs the user name of Dynamic DNS, and takes it beside an API key', async () => {
    const { dns, open } = await fakeVendor(joker, variants.svc());
    const key = { JOKER_API_KEY: 'for-the-other-mode' };
    await expect(open({ ...key, JOKER_USERNAME: '' })).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('JOKER_USERNAME and JOKER_PASSWORD'),
    });
    await (await open(key)).add([value]);
    expect(dns.txt(value.fqdn)).toEqual(['one']);
  });

  it.each([
    ['badauth', 'auth'],
    ['nohost', 'api'],
    ['', 'api'],
  ])('takes %j for a refusal, whatever the status says', async (body, fault) => {
    const { open } = await answering(variants.svc(), svcUrl, { body });
    await expect((await open()).add([value])).rejects.toMatchObject({
      fault,
      message: expect.stringContaining(body || 'an empty answer'),
    });
  });
});

it('holds one value at a time in mode SVC only', async () => {
  for (const [fixture, oneValueAtATime] of [
    [jokerFixture(), false],
    [variants.svc(), true],
  ] as const) {
    const { open } = await fakeVendor(joker, fixture);
    const session = await open();
    expect(session.oneValueAtATime).toBe(oneValueAtATime);
    await session.close();
  }
});
