import fixture, { liveDns, variants } from '../../../../fixtures/dns/gandiv5.ts';
import gandi from '../../../../src/dns/providers/gandiv5.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };

it('leaves the TTL of a set that others use', async () => {
  const { dns, open } = await fakeVendor(gandi, fixture());
  dns.zones.set('example.com', []);
  dns.add('example.com', 'TXT', value.fqdn, 'theirs', 3600);
  const session = await open({ GANDIV5_TTL: '600' });
  await session.add([value, { fqdn: '_acme-challenge.new.example.com', value: 'two' }]);
  expect(dns.records('example.com').map(({ fqdn, value, ttl }) => [fqdn, value, ttl])).toEqual([
    [value.fqdn, 'theirs', 3600],
    [value.fqdn, 'one', 3600],
    ['_acme-challenge.new.example.com', 'two', 600],
  ]);
  await session.remove([value]);
  expect(dns.records('example.com')[1]).toMatchObject({ value: 'theirs', ttl: 3600 });
});

it('raises a TTL that is too short', async () => {
  const { dns, open } = await fakeVendor(gandi, fixture());
  const session = await open({ GANDIV5_TTL: '60' });
  await session.add([{ fqdn: '_acme-challenge.new.example.com', value: 'two' }]);
  expect(dns.records('example.com')[1]).toMatchObject({ value: 'two', ttl: 300 });
});

it('prefers the token where an API key is set too', async () => {
  const { dns, open } = await fakeVendor(gandi, fixture());
  const session = await open({ GANDIV5_API_KEY: 'an-old-key' });
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
});

it('names the variable and what Gandi says when it refuses an API key', async () => {
  const { open } = await fakeVendor(gandi, variants.apiKey());
  const session = await open({ GANDIV5_API_KEY: 'wrongkey0123456789abcdef' });
  await expect(session.add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('401: The server could not verify'),
    hint: 'check GANDIV5_API_KEY',
  });
});

it("tells LiveDNS's reasons with their fields, and writes other values back as they came", async () => {
  const usual = fixture();
  const sent: unknown[] = [];
  const { open } = await fakeVendor(gandi, {
    ...usual,
    routes: (dns) => ({
      ...usual.routes(dns),
      [`GET ${liveDns}/domains/:zone/records/:name/TXT`]: () => ({
        rrset_ttl: 900,
        rrset_values: ['"a" "b"', '"say \\"x\\""', 'bare'],
      }),
      [`PUT ${liveDns}/domains/:zone/records/:name/TXT`]: ({ body }) => {
        sent.push({ values: body.rrset_values, ttl: body.rrset_ttl });
        return { status: 400, body: { status: 'error', errors: [{ name: 'rrset_values', description: 'too many' }] } };
      },
    }),
  });
  const session = await open();
  await expect(session.add([value])).rejects.toThrow('rrset_values: too many');
  expect(sent).toEqual([{ values: ['"a" "b"', '"say \\"x\\""', 'bare', '"one"'], ttl: 900 }]);
});
