import namecheapFixture from '../../../../fixtures/dns/namecheap.ts';
import namecheap from '../../../../src/dns/providers/namecheap.ts';
import { type FakeReply, type Fixture, Reply } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.a.b.example.com', value: 'one' };

it('keeps every other host letter by letter, and the mail settings', async () => {
  const { dns, open } = await fakeVendor(namecheap, namecheapFixture());
  for (const text of ['v=spf1 include:"x" & <y> -all', '  spaces  ', 'ümlaut &amp; %20+', '&#39;&lt;', '0123']) {
    dns.add('example.com', 'TXT', 'example.com', text, 1799);
  }
  const before = dns.snapshot();
  const session = await open();
  await session.add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one']);
  await session.remove([value]);
  expect(dns.snapshot()).toEqual(before);
});

it.each([
  ['co.uk', 'example.co.uk'],
  ['a private suffix', 'example.uk.com'],
  ['a domain that is a private suffix itself', 'blogspot.com'],
])('finds what was registered under %s', async (_what, domain) => {
  const { dns, open } = await fakeVendor(namecheap, namecheapFixture());
  dns.zones.set(domain, []);
  await (await open()).add([{ fqdn: `_acme-challenge.www.${domain}`, value: 'uk' }]);
  expect(dns.txt(`_acme-challenge.www.${domain}`)).toEqual(['uk']);
});

it('tells from which address it asked when the caller is refused', async () => {
  const { open } = await fakeVendor(namecheap, namecheapFixture());
  const session = await open({ NAMECHEAP_API_KEY: 'mistyped' });
  await expect(session.add([value])).rejects.toMatchObject({
    fault: 'auth',
    hint: expect.stringContaining('203.0.113.7'),
  });
});

const url = 'https://api.namecheap.com/xml.response';

/** The vendor of the documentation's examples: what it shows is given, what it is sent is returned. */
async function roundTrip(attributes: string, hosts: string) {
  const sent: Record<string, string>[] = [];
  const answer = (result: string): FakeReply => ({
    body:
      '<?xml version="1.0" encoding="UTF-8"?><ApiResponse xmlns="http://api.namecheap.com/xml.response" Status="OK">' +
      `<Errors /><CommandResponse>${result}</CommandResponse></ApiResponse>`,
  });
  const fixture: Fixture = {
    ...namecheapFixture(),
    routes: () => ({
      'GET https://dynamicdns.park-your-domain.com/getip': () => ({ body: '203.0.113.7' }),
      [`GET ${url}`]: ({ query }) => {
        for (const name of query.keys()) query.get(name);
        return answer(`<DomainDNSGetHostsResult Domain="example.com" ${attributes}>${hosts}</DomainDNSGetHostsResult>`);
      },
      [`POST ${url}`]: ({ body }) => {
        const { ApiUser: _user, ApiKey: _key, UserName: _name, ClientIp: _ip, Command: _command, ...form } = body;
        sent.push({ ...form });
        for (const name of Object.keys(body)) void body[name];
        return answer('<DomainDNSSetHostsResult Domain="example.com" IsSuccess="true" />');
      },
    }),
  };
  const { open } = await fakeVendor(namecheap, fixture);
  await (await open()).add([{ fqdn: '_acme-challenge.example.com', value: 'one' }]);
  return sent;
}
const ours = { HostName3: '_acme-challenge', RecordType3: 'TXT', Address3: 'one', MXPref3: '10', TTL3: '120' };

it('sends priorities, TTLs and their absence back as they came', async () => {
  const hosts =
    '<Host HostId="12" Name="@" Type="MX" Address="mx.example.net." MXPref="25" TTL="1799" />' +
    '<Host HostId="14" Name="WWW" Type="URL301" Address="http://example.net/?a=1&amp;b=2" MXPref="10" />';
  expect(await roundTrip('EmailType="OX" IsUsingOurDNS="true"', hosts)).toEqual([
    {
      ...{ SLD: 'example', TLD: 'com', EmailType: 'OX' },
      ...{ HostName1: '@', RecordType1: 'MX', Address1: 'mx.example.net.', MXPref1: '25', TTL1: '1799' },
      ...{ HostName2: 'WWW', RecordType2: 'URL301', Address2: 'http://example.net/?a=1&b=2', MXPref2: '10' },
      ...ours,
    },
  ]);
});

it.each(['', 'EmailType="NONE"'])('names no mail service when there is none (%s)', async (attributes) => {
  const [form] = await roundTrip(`${attributes} IsUsingOurDNS="true"`, '');
  expect(form).not.toHaveProperty('EmailType');
});

/** The usual vendor, but the hosts are never told. */
const answering = (answer: FakeReply) => {
  const fixture: Fixture = namecheapFixture();
  return fakeVendor(namecheap, {
    ...fixture,
    routes: (dns) => ({
      ...fixture.routes?.(dns),
      [`GET ${url}`]: ({ query }) => {
        for (const name of query.keys()) query.get(name);
        throw new Reply(answer);
      },
    }),
  });
};
const error = (code: number, text: string) => ({
  body: `<ApiResponse Status="ERROR"><Errors><Error Number="${code}">${text}</Error></Errors></ApiResponse>`,
});

it.each([
  ['the address is not on the list', error(1011150, 'Invalid request IP'), 'auth', '203.0.113.7'],
  ['the domain is served elsewhere', error(2030288, 'not using proper DNS servers'), 'zone', 'BasicDNS'],
  ['the domain may not be edited', error(2030166, 'Edit permission is not supported'), 'api', 'right to change'],
])('says what to do when %s', async (_what, answer, fault, hint) => {
  const { open } = await answering(answer);
  await expect((await open()).add([value])).rejects.toMatchObject({ fault, hint: expect.stringContaining(hint) });
});

it('takes status 405 for too many requests', async () => {
  const { open } = await answering({ status: 405, body: '<!DOCTYPE html><html>Method Not Allowed</html>' });
  await expect((await open()).add([value])).rejects.toMatchObject({ fault: 'rate' });
});

it.each([
  ['<ApiResponse Status="OK"><Errors /></ApiResponse>', 'neither hosts nor a reason'],
  ['<!DOCTYPE html><html><body>Down for maintenance</body></html>', 'Down for maintenance'],
])('writes nothing when the hosts are not told (%#)', async (body, said) => {
  const { dns, open } = await answering({ body });
  const before = dns.snapshot();
  await expect((await open()).add([value])).rejects.toMatchObject({ message: expect.stringContaining(said) });
  expect(dns.snapshot()).toEqual(before);
});
