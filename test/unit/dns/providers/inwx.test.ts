import { jest } from '@jest/globals';
import { domrobot, sandbox } from '../../../../fixtures/dns/inwx.ts';
import inwx from '../../../../src/dns/providers/inwx.ts';
import type { Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';
import { renewsSessions } from './sessions.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };
renewsSessions(inwx, domrobot(), /cookie-1/);

/** The key of the test vectors of RFC 6238 appendix B, which give 287082 for the 59th second. */
const rfcKey = { bytes: Buffer.from('12345678901234567890'), base32: 'gezd gnbv gy3t qojq GEZDGNBVGY3TQOJQ' };

/** A session that tells at once how long it would have to wait. */
async function impatient(fixture: Fixture, env: Record<string, string>) {
  const { dns, open } = await fakeVendor(inwx, fixture);
  return { dns, session: await open(env, { maxWaitSeconds: 0.5 }) };
}

it('uses the test system when told so', async () => {
  const { dns, open } = await fakeVendor(inwx, domrobot({ api: sandbox })());
  const session = await open({ INWX_SANDBOX: 'true' });
  await session.add([value]);
  await session.close();
  expect(dns.txt(value.fqdn)).toEqual(['one']);
});

describe('two-factor authentication', () => {
  const at = (second: number) => jest.spyOn(Date, 'now').mockReturnValue(second * 1000);
  it('unlocks the account with the TAN of RFC 6238, once per half minute', async () => {
    const fixture = domrobot({ secret: rfcKey.bytes })();
    const { dns, session } = await impatient(fixture, { INWX_SHARED_SECRET: rfcKey.base32 });
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
  });

  it('waits for the next TAN when another run has used this one, and gives up when that is refused too', async () => {
    const fixture = domrobot({ secret: Buffer.from('another secret') })();
    const { session } = await impatient(fixture, { INWX_SHARED_SECRET: rfcKey.base32 });
    at(70);
    await expect(session.add([value])).rejects.toMatchObject({ fault: 'rate', retryAfter: 20 });
    at(91);
    await expect(session.add([value])).rejects.toMatchObject({
      fault: 'auth',
      message: expect.stringContaining('The confirmation code is invalid'),
      hint: expect.stringContaining('INWX_SHARED_SECRET'),
    });
    expect(fixture.openSessions()).toBe(0);
  });

  it('asks for the shared secret when the account needs it, and leaves no session open', async () => {
    const fixture = domrobot({ secret: rfcKey.bytes })();
    const { session } = await impatient(fixture, {});
    await expect(session.add([value])).rejects.toMatchObject({
      fault: 'auth',
      hint: expect.stringContaining('set INWX_SHARED_SECRET'),
    });
    expect(fixture.openSessions()).toBe(0);
  });

  it('refuses a shared secret that is not in base32', async () => {
    const { open } = await fakeVendor(inwx, domrobot()());
    await expect(open({ INWX_SHARED_SECRET: '123456' })).rejects.toMatchObject({ code: 'CONFIG' });
  });
});
