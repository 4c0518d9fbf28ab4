import type { Provider } from '../../../../src/dns/kit/index.ts';
import type { Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

interface SessionFixture extends Fixture {
  /** From now on the vendor refuses what it has handed out. */
  expireSessions(): unknown;
}
const ours = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

/**
 * A session or a token that is over is asked for anew, is closed at the end where the vendor counts sessions, and is not in the log.
 * @param secret What every session of this vendor looks like
 */
export function renewsSessions(provider: Provider, makeFixture: () => SessionFixture, secret: RegExp): void {
  it('logs in once, again when the session has run out, and out at the end', async () => {
    const fixture = makeFixture();
    const { dns, logged, open } = await fakeVendor(provider, fixture);
    const session = await open();
    await session.add([ours, { ...ours, value: 'two' }]);
    expect(fixture.openSessions?.() ?? 1).toBe(1);
    fixture.expireSessions();
    await session.remove([ours]);
    expect(dns.txt(ours.fqdn)).toEqual(['two']);
    await session.close();
    expect(fixture.openSessions?.() ?? 0).toBe(0);
    expect(logged.join('\n')).not.toMatch(secret);
  });
}
