import namecheapFixture from '../../../../fixtures/dns/namecheap.ts';
import namecheap from '../../../../src/dns/providers/namecheap.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.a.b.example.com', value: 'one' };

it('keeps every other host letter by letter, and the mail settings', async () => {
  const { dns, server, open } = await fakeVendor(namecheap, namecheapFixture());
  for (const text of ['v=spf1 include:"x" & <y> -all', '  spaces  ', 'ümlaut &amp; %20+', '0123']) {
    dns.add('example.com', 'TXT', 'example.com', text, 1799);
  }
  const before = dns.snapshot();
  const session = await open();
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
  await session.remove([value]);
  expect(dns.snapshot()).toEqual(before);
  expect(server.violations).toEqual([]);
  await server.close();
});

it('splits names by the public suffix list', async () => {
  const { dns, server, open } = await fakeVendor(namecheap, namecheapFixture());
  dns.zones.set('example.co.uk', []);
  await (await open()).add([{ fqdn: '_acme-challenge.www.example.co.uk', value: 'uk' }]);
  expect(dns.txt('_acme-challenge.www.example.co.uk')).toEqual(['uk']);
  await server.close();
});

it('tells from which address it asked when the caller is refused', async () => {
  const { server, open } = await fakeVendor(namecheap, namecheapFixture());
  const session = await open({ NAMECHEAP_API_KEY: 'mistyped' });
  await expect(session.add([value])).rejects.toMatchObject({
    fault: 'auth',
    hint: expect.stringContaining('203.0.113.7'),
  });
  await server.close();
});
