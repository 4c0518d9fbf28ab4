import dynFake from '../../../../fixtures/dns/dyn.ts';
import dyn from '../../../../src/dns/providers/dyn.ts';
import { fakeVendor } from './open.ts';
import { renewsSessions } from './sessions.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

renewsSessions(dyn, dynFake, /l5QZksz8FRhr/);

it('makes its changes anew when the session runs out before they are published', async () => {
  const fixture = dynFake();
  const { dns, open } = await fakeVendor(dyn, fixture);
  const session = await open();
  fixture.beforePublishing(() => fixture.expireSessions());
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
  await session.close();
});

it('lets no two requests of a session run at the same time', async () => {
  const { dns, open } = await fakeVendor(dyn, dynFake());
  dns.zones.set('example.net', []);
  const session = await open();
  const values = ['a', 'b', 'c'].flatMap((label) => [
    { fqdn: `${label}.example.com`, value: label },
    { fqdn: `${label}.example.net`, value: label },
  ]);
  await session.add(values);
  await session.close();
  for (const { fqdn, value: text } of values) expect(dns.txt(fqdn)).toEqual([text]);
});

it('names the reason when the credentials are refused, which comes with status 400', async () => {
  const { open } = await fakeVendor(dyn, dynFake());
  const session = await open({ DYN_CUSTOMER_NAME: 'somebody-else' });
  await expect(session.add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('did not match those in our database'),
    hint: 'check DYN_CUSTOMER_NAME, DYN_USER_NAME and DYN_PASSWORD',
  });
});
