import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import makeFixture from '../../../../fixtures/dns/rfc2136.ts';
import rfc2136 from '../../../../src/dns/providers/rfc2136.ts';
import { openSession } from '../../../../src/dns/session.ts';
import { silentLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { newFolder } from '../../../helpers/child.ts';
import { FakeDns } from '../../../helpers/fake-api.ts';

const name = '_acme-challenge.example.com';
const { RFC2136_TSIG_SECRET: secret = '' } = makeFixture().env;
const keyFile = (content: string): string => {
  const path = join(newFolder(), 'key.conf');
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};

describe('rfc2136', () => {
  let dns: FakeDns;
  let server: Awaited<ReturnType<NonNullable<ReturnType<typeof makeFixture>['start']>>>;
  beforeEach(async () => {
    dns = new FakeDns();
    dns.zones.set('example.com', []);
    dns.zones.set('sub.example.com', []);
    dns.add('example.com', 'TXT', name, 'someone-else', 300);
    server = await makeFixture().start!(dns);
  });
  afterEach(() => server.close());
  const open = (env: Record<string, string>, redactor = new Redactor()) =>
    openSession(rfc2136, {
      env: { ...server.env, RFC2136_DNS_TIMEOUT: '5', ...env },
      log: silentLog,
      redactor,
      transport: () => Promise.reject(new Error('no HTTP here')),
      retryDelayMs: 1,
    });

  it('leaves the TTL of the values of others as it is', async () => {
    const session = await open(makeFixture().env);
    await session.add([
      { fqdn: name, value: 'one' },
      { fqdn: '_acme-challenge.new.example.com', value: 'one' },
    ]);
    expect(dns.records('example.com').map(({ value, ttl }) => [value, ttl])).toEqual([
      ['someone-else', 300],
      ['one', 300],
      ['one', 120],
    ]);
    await session.close();
  });

  it('reads a key file as tsig-keygen writes it, and keeps its secret out of messages', async () => {
    const redactor = new Redactor();
    const file = keyFile(
      `# made by hand\nkey "update-key" { /* not\n hmac-md5 */ algorithm hmac-sha256; // yes\n\tsecret "${secret}";\n};\n`,
    );
    const session = await open({ DNSUPDATE_TSIG_FILE: file }, redactor);
    await session.add([{ fqdn: name, value: 'one' }]);
    expect(dns.txt(name)).toEqual(['one', 'someone-else']);
    expect(redactor.clean(`the secret is ${secret}`)).not.toContain(secret);
    await session.close();
  });

  it.each([
    ['there is no key', keyFile('key { secret "x"; };')],
    ['cannot be read (ENOENT)', '/nowhere/key.conf'],
  ])('says of a key file that %s', async (why, file) => {
    await expect(open({ DNSUPDATE_TSIG_FILE: file })).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining(why),
    });
  });

  it('uses the deepest of the zones that are named, and no other', async () => {
    const env = { ...makeFixture().env, DNSUPDATE_ZONES: 'example.com., Sub.Example.com' };
    const session = await open(env);
    await session.add([{ fqdn: '_acme-challenge.a.sub.example.com', value: 'deep' }]);
    expect(dns.records('sub.example.com').map(({ value }) => value)).toEqual(['deep']);
    await expect(session.add([{ fqdn: '_acme-challenge.other.net', value: 'x' }])).rejects.toMatchObject({
      fault: 'zone',
    });
    await session.close();
  });

  it.each(['127.0.0.1:0', '127.0.0.1:70000', '[::1'])('refuses %s as a name server', async (address) => {
    await expect(open({ ...makeFixture().env, RFC2136_NAMESERVER: address })).rejects.toMatchObject({ code: 'CONFIG' });
  });
});
