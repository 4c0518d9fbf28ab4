import restful, { legacy } from '../../../../fixtures/dns/bluecat.ts';
import bluecat from '../../../../src/dns/providers/bluecat.ts';
import { fakeVendor } from './open.ts';
import { renewsSessions } from './sessions.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

describe.each([
  ['RESTful v2', restful, 'LOcpzfqKXgvt3PH0'],
  ['legacy v1', legacy, 'dQfuRMTUxNjc3'],
])('%s', (_name, fixtureOf, token) => {
  renewsSessions(bluecat, fixtureOf, new RegExp(`${token}|bam.right`, 'u'));

  it('leaves the deployment to somebody else when told so', async () => {
    const { dns, open } = await fakeVendor(bluecat, fixtureOf());
    const session = await open({ BLUECAT_SKIP_DEPLOY: 'true' });
    await session.add([value]);
    expect(dns.txt(value.fqdn)).toEqual([]);
    await session.close();
    await (await open()).add([value]);
    expect(dns.txt(value.fqdn)).toEqual(['one']);
  });

  it('takes zones of the configured view only', async () => {
    const { dns, open } = await fakeVendor(bluecat, fixtureOf());
    const session = await open({ BLUECAT_DNS_VIEW: 'elsewhere' });
    await expect(session.add([value])).rejects.toThrow(/no view elsewhere|no zone for/u);
    expect(dns.txt(value.fqdn)).toEqual([]);
    await session.close();
  });

  it('finds zones below names of several labels, and takes none that only holds others', async () => {
    const { dns, open } = await fakeVendor(bluecat, fixtureOf());
    dns.zones.set('x.y.z.example.net', []);
    const session = await open();
    await session.add([{ fqdn: '_acme-challenge.x.y.z.example.net', value: 'deep' }]);
    expect(dns.txt('_acme-challenge.x.y.z.example.net')).toEqual(['deep']);
    await expect(session.add([{ fqdn: 'other.y.z.example.net', value: 'x' }])).rejects.toMatchObject({ fault: 'zone' });
    await session.close();
  });

  it('accepts an address with the path of either API', async () => {
    for (const path of ['/Services/REST/v1', '/api/v2/']) {
      const { dns, open } = await fakeVendor(bluecat, fixtureOf());
      await (await open({ BLUECAT_SERVER_URL: `https://bam.test${path}` })).add([value]);
      expect(dns.txt(value.fqdn)).toEqual(['one']);
    }
  });
});

it('does not take a server without any API for a missing zone', async () => {
  const fixture = legacy();
  const { open } = await fakeVendor(bluecat, {
    ...fixture,
    authorized: ({ url }) => !url.includes('/login'),
    denied: { status: 404, body: 'nothing here' },
  });
  await expect((await open()).add([value])).rejects.toMatchObject({ fault: 'api', hint: 'check BLUECAT_SERVER_URL' });
});
