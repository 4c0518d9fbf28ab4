import duckdnsFixture from '../../../../fixtures/dns/duckdns.ts';
import duckdns from '../../../../src/dns/providers/duckdns.ts';
import { failures } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.home.duckdns.org', value: 'one' };

async function withHome() {
  const vendor = await fakeVendor(duckdns, duckdnsFixture());
  vendor.dns.zones.set('home.duckdns.org', []);
  vendor.dns.add('home.duckdns.org', 'A', 'home.duckdns.org', '192.0.2.1');
  return vendor;
}
type Vendor = Awaited<ReturnType<typeof withHome>>;
/** Which domains the fake was asked for, and how. */
const asked = ({ logged }: Vendor) =>
  logged.flatMap((line) => {
    const query = new URLSearchParams(/update(\?\S+)/u.exec(line)?.[1]);
    return query.has('domains') ? [`${query.get('domains')} ${query.get('txt')} ${query.get('clear') ?? ''}`] : [];
  });

it.each(['home.duckdns.org', '_acme-challenge.home.duckdns.org', '_acme-challenge.a.b.home.duckdns.org'])(
  'writes %s to the domain that is a label left of duckdns.org',
  async (fqdn) => {
    const vendor = await withHome();
    const session = await vendor.open();
    expect(session.oneValueAtATime).toBe(true);
    await session.add([{ fqdn, value: 'one' }]);
    expect(vendor.dns.txt(fqdn)).toEqual(['one']);
    await session.remove([{ fqdn, value: 'one' }]);
    expect(asked(vendor)).toEqual(['home one ', 'home  true']);
  },
);

it('keeps the addresses of the domain when it clears the value', async () => {
  const { dns, open } = await withHome();
  const session = await open();
  await session.add([value]);
  await session.remove([value]);
  expect(dns.records('home.duckdns.org').map(({ type }) => type)).toEqual(['A']);
});

it('sends names elsewhere as they are, and reports that Duck DNS refused them', async () => {
  const { dns, open } = await withHome();
  dns.zones.delete('example.com');
  await expect((await open()).add([{ fqdn: '_acme-challenge.example.com', value: 'x' }])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('KO'),
    hint: 'check DUCKDNS_TOKEN, and that the domain is in its account',
  });
});

it('does not blame the token for an answer that it cannot read', async () => {
  const { open } = await fakeVendor(duckdns, {
    ...duckdnsFixture(),
    authorized: () => false,
    denied: { body: 'We are down for maintenance' },
  });
  await expect((await open()).add([value])).rejects.toMatchObject({ fault: 'api' });
});

describe.each(failures)('survives one failure (%s)', (how) => {
  it.each(['add', 'remove'] as const)('%s', async (kind) => {
    const { dns, server, open } = await withHome();
    const session = await open();
    if (kind === 'remove') await session.add([value]);
    server.failRequest(1, how);
    await session[kind]([value]);
    expect(server.failed()).toBe(true);
    expect(dns.txt(value.fqdn)).toEqual(kind === 'add' ? ['one'] : []);
  });
});
