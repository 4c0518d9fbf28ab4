import { jest } from '@jest/globals';
import { domrobot, sandbox } from '../../../../fixtures/dns/inwx.ts';
import inwx from '../../../../src/dns/providers/inwx.ts';
import { openSession } from '../../../../src/dns/session.ts';
import { createTransport } from '../../../../src/http.ts';
import { silentLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { FakeDns, type Fixture, serve } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };
/** The key of the test vectors of RFC 6238 appendix B, which give 287082 for the 59th second. */
const rfcKey = { bytes: Buffer.from('12345678901234567890'), base32: 'gezd gnbv gy3t qojq GEZDGNBVGY3TQOJQ' };

/** A session that tells at once how long it would have to wait. */
async function impatient(fixture: Fixture, env: Record<string, string>) {
  const dns = new FakeDns();
  dns.zones.set('example.com', []);
  const server = await serve(fixture, dns);
  const session = await openSession(inwx, {
    env: { ...fixture.env, ...env },
    log: silentLog,
    redactor: new Redactor(),
    gateway: server.gateway,
    transport: createTransport({ log: silentLog, env: {} }),
    retryDelayMs: 1,
    maxWaitSeconds: 0.5,
  });
  return { dns, server, session };
}

it('logs in once, again when the session has run out, and out at the end', async () => {
  const fixture = domrobot()();
  const { dns, server, logged, open } = await fakeVendor(inwx, fixture);
  const session = await open();
  await session.add([value, { ...value, value: 'two' }]);
  expect(fixture.openSessions()).toBe(1);
  fixture.expireSessions();
  await session.remove([value]);
  expect(dns.txt(value.fqdn)).toEqual(['two']);
  await session.close();
  expect(fixture.openSessions()).toBe(0);
  expect(logged.join('\n')).not.toContain('cookie-1');
  expect(server.violations).toEqual([]);
  await server.close();
});

it('uses the test system when told so', async () => {
  const { dns, server, open } = await fakeVendor(inwx, domrobot({ api: sandbox })());
  const session = await open({ INWX_SANDBOX: 'true' });
  await session.add([value]);
  await session.close();
  expect(dns.txt(value.fqdn)).toEqual(['one']);
  await server.close();
});

describe('two-factor authentication', () => {
  const at = (second: number) => jest.spyOn(Date, 'now').mockReturnValue(second * 1000);
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('unlocks the account with the TAN of RFC 6238, once per half minute', async () => {
    const fixture = domrobot({ secret: rfcKey.bytes })();
    const { dns, server, session } = await impatient(fixture, { INWX_SHARED_SECRET: rfcKey.base32 });
    at(59);
    await session.add([value]);
    expect(dns.txt(value.fqdn)).toEqual(['one']);

    fixture.expireSessions();
    await expect(session.remove([value])).rejects.toMatchObject({ fault: 'rate', retryAfter: 1 });
    expect(fixture.openSessions()).toBe(0);
    at(60);
    await session.remove([value]);
    expect(dns.txt(value.fqdn)).toEqual([]);
    await session.close();
    expect(fixture.openSessions()).toBe(0);
    expect(server.violations).toEqual([]);
    await server.close();
  });

  it('waits for the next TAN when another run has used this one, and gives up when that is refused too', async () => {
    const fixture = domrobot({ secret: Buffer.from('another secret') })();
    const { server, session } = await impatient(fixture, { INWX_SHARED_SECRET: rfcKey.base32 });
    at(70);
    await expect(session.add([value])).rejects.toMatchObject({ fault: 'rate', retryAfter: 20 });
    at(91);
    await expect(session.add([value])).rejects.toMatchObject({
      fault: 'auth',
      message: expect.stringContaining('The confirmation code is invalid'),
      hint: expect.stringContaining('INWX_SHARED_SECRET'),
    });
    expect(fixture.openSessions()).toBe(0);
    await server.close();
  });

  it('asks for the shared secret when the account needs it, and leaves no session open', async () => {
    const fixture = domrobot({ secret: rfcKey.bytes })();
    const { server, session } = await impatient(fixture, {});
    await expect(session.add([value])).rejects.toMatchObject({
      fault: 'auth',
      hint: expect.stringContaining('set INWX_SHARED_SECRET'),
    });
    expect(fixture.openSessions()).toBe(0);
    await server.close();
  });

  it('refuses a shared secret that is not in base32', async () => {
    const { server, open } = await fakeVendor(inwx, domrobot()());
    await expect(open({ INWX_SHARED_SECRET: '123456' })).rejects.toMatchObject({ code: 'CONFIG' });
    await server.close();
  });
});
