import fixture, { rpc } from '../../../../fixtures/dns/gandi.ts';
import { liveDns } from '../../../../fixtures/dns/gandiv5.ts';
import gandi from '../../../../src/dns/providers/gandi.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };

it('uses LiveDNS with the old key, and says what is better', async () => {
  const { dns, logged, open } = await fakeVendor(gandi, fixture());
  const session = await open();
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
  expect(logged.filter((line) => line.startsWith('warn'))).toEqual([
    expect.stringMatching(/no more keys for its v4 API.*GANDIV5_PERSONAL_ACCESS_TOKEN/u),
  ]);
});

it('takes a personal access token in GANDI_API_KEY', async () => {
  const token = 'Bearer rightkey0123456789abcdef';
  const { dns, open } = await fakeVendor(gandi, {
    ...fixture(),
    authorized: ({ headers }) => headers.authorization === token,
  });
  const session = await open();
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
});

describe('the v4 API', () => {
  it.each([true, false])(
    'is asked for a zone that LiveDNS does not have, and may refuse the key (knows it: %s)',
    async (knows) => {
      const old = rpc();
      const { dns, open } = await fakeVendor(gandi, {
        ...old,
        routes: (records) => ({
          ...old.routes(records),
          [`GET ${liveDns}/domains/:zone`]: () => ({
            status: 404,
            body: { code: 404, cause: 'Not Found', message: 'no' },
          }),
        }),
      });
      const session = await open(knows ? {} : { GANDI_API_KEY: 'unknownkey0123456789abcd' });
      if (knows) await session.add([value]);
      else await expect(session.add([value])).rejects.toMatchObject({ fault: 'zone' });
      expect(dns.txt(value.fqdn)).toEqual(knows ? ['one', 'someone-else'] : ['someone-else']);
    },
  );

  it('changes only the values asked for, and makes one version of them', async () => {
    const old = rpc();
    const { dns, open } = await fakeVendor(gandi, old);
    dns.add('example.com', 'MX', 'example.com', '10 mail', 3600);
    dns.add('example.com', 'TXT', value.fqdn, 'theirs', 1200);
    const before = dns.snapshot();
    const session = await open({ GANDI_TTL: '60' });
    const values = [
      value,
      { ...value, value: '<two> & "more"' },
      { fqdn: '_acme-challenge.a.example.com', value: 'x' },
    ];
    await session.add(values);
    expect(dns.records('example.com')).toContainEqual(expect.objectContaining({ ...value, ttl: 300 }));
    expect(dns.txt(value.fqdn)).toContain('<two> & "more"');
    await session.remove(values.slice(2));
    expect(dns.txt('_acme-challenge.a.example.com')).toEqual([]);
    expect(old.drafts()).toBe(0);
    await session.remove([value]);
    expect(dns.txt(value.fqdn)).toEqual(['<two> & "more"', 'someone-else', 'theirs']);
    expect(before['example.com']).toEqual(expect.arrayContaining(['MX example.com 10 mail 3600']));
    expect(dns.snapshot()['example.com']).toEqual(expect.arrayContaining(before['example.com'] ?? []));
  });

  it('gives a domain on a public zone a copy of its own, and says so', async () => {
    const { dns, logged, open } = await fakeVendor(gandi, {
      ...rpc(),
      routes: (records) => {
        records.zones.set('other.net', []);
        records.add('other.net', 'A', 'www.other.net', '192.0.2.1', 3600);
        return rpc().routes(records);
      },
    });
    const session = await open();
    const there = { fqdn: '_acme-challenge.other.net', value: 'one' };
    const before = dns.snapshot();
    await session.add([there]);
    expect(dns.txt(there.fqdn)).toEqual(['one']);
    await session.remove([there]);
    expect(dns.snapshot()).toEqual(before);
    expect(logged.filter((line) => line.includes('public zone'))).toHaveLength(1);
  });

  it('leaves no half-made version behind when a change is refused', async () => {
    const old = rpc();
    const { open } = await fakeVendor(gandi, old);
    const session = await open({ GANDI_TTL: '9999999' });
    await expect(session.add([value])).rejects.toThrow('OBJECT_RECORD (CAUSE_BADPARAMETER)');
    expect(old.drafts()).toBe(0);
  });

  it.each([
    ['a key of another kind', 'pat-0123456789-abcdef', '500037'],
    ['an unknown key', 'unknownkey0123456789abcd', '510150'],
  ])('names the variable for %s, and does not show it', async (_what, key, code) => {
    const { open } = await fakeVendor(gandi, rpc());
    const session = await open({ GANDI_API_KEY: key });
    const error = await session.add([value]).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      fault: 'auth',
      message: expect.stringContaining(code),
      hint: 'check GANDI_API_KEY',
    });
    expect((error as Error).message).not.toContain(key);
  });
});
