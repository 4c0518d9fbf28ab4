import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfigFile } from '../../../src/cli/config-file/read.ts';
import { newFolder } from '../../helpers/child.ts';

let folder: string;
beforeEach(() => {
  folder = newFolder();
});
const read = (text: string, name = '.lego.yml') => {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return readConfigFile(name, folder);
};
const problems = async (text: string): Promise<string[]> =>
  read(text).then(
    () => [],
    ({ facts }) => facts.problems.map(({ line, column, message }: any) => `${line}:${column} ${message}`),
  );

/** All that quoin does as lego does it. */
const full = `
storage: ./store
servers:
  mine: { url: 'https://localhost:14000/dir', tlsSkipVerify: false, httpTimeout: 0 }
accounts:
  foo:
    server: mine
    email: foo@example.com
    keyType: RSA2048
    acceptsTermsOfService: true
    eab: { kid: foo, hmacKey: Zm9vYmFyZm9vYmFyZm9vYmFy }
challenges:
  three:
    dns:
      provider: cloudflare
      envFile: secrets/.env.cf
      propagation: { disableAuthoritativeNameservers: true, disableRecursiveNameservers: true, wait: 1m30s }
      resolvers: ['1.1.1.1:53', ':8853']
certificates:
  foo:
    challenge: three
    account: foo
    domains: [example.com, '*.example.com']
    preferredChain: ISRG Root X1
    profile: tls
    enableCommonName: true
    noBundle: true
    mustStaple: true
    notBefore: ''
    renew: { reuseKey: true, days: 12, disableRandomSleep: true, ari: { disable: false, waitToRenewDuration: 0s } }
    pfx: { password: xxxx, format: SHA256 }
hooks:
  pre: { command: ./my-pre-hook.sh 'a  b', timeout: 3s }
  deploy: { command: deploy }
log:
`;

describe("lego's file", () => {
  it('is read', async () => {
    mkdirSync(join(folder, 'secrets'));
    writeFileSync(join(folder, 'secrets/.env.cf'), "# a comment\nCF_DNS_API_TOKEN='abc def'\n", { mode: 0o600 });
    const { store, certificates } = await read(full);
    expect(store).toBe(join(folder, 'store'));
    expect(certificates).toMatchObject([
      {
        name: 'foo',
        domains: ['example.com', '*.example.com'],
        account: {
          ...{ id: 'foo', servers: ['https://localhost:14000/dir'], email: 'foo@example.com', acceptTos: true },
          ...{ keyType: 'rsa2048', eab: { kid: 'foo', hmac: { secret: true } } },
        },
        dns: [{ provider: { spec: 'cloudflare@THREE' } }],
        keyType: 'rsa2048',
        profile: 'tls',
        preferredChain: 'ISRG Root X1',
        ...{ commonName: true, bundle: false, mustStaple: true, reuseKey: true, renewDays: 12, noRandomSleep: true },
        resolvers: ['1.1.1.1:53', '127.0.0.1:8853'],
        propagation: { waitMs: 90_000, authoritative: false },
        files: { pfx: 'SHA256' },
        pfxPassword: { reference: { kind: 'plain', value: 'xxxx' } },
        hooks: { pre: [join(folder, 'my-pre-hook.sh'), "'a", "b'"], deploy: ['deploy'], post: undefined },
        hookTimeouts: { pre: 3000 },
      },
    ]);
    expect(certificates[0]!.dns[0]!.provider.env).toEqual(
      new Map([['CF_DNS_API_TOKEN', expect.objectContaining({ reference: { kind: 'plain', value: 'abc def' } })]]),
    );
  });

  it.each([['.lego.yaml'], ['other.yml']])('is known as %s, too, and has defaults', async (name) => {
    const { store, certificates } = await read(
      'challenges: { c: { dns: { provider: cloudflare } } }\ncertificates: { foo: { domains: [example.com] } }',
      name,
    );
    expect(store).toBe(join(folder, '.lego'));
    expect(certificates).toMatchObject([
      {
        ...{ name: 'foo', keyType: 'ec256', commonName: false, bundle: true, account: undefined },
        dns: [{ provider: { spec: 'cloudflare' } }],
      },
    ]);
  });

  it('is refused where it asks for what quoin does not do, each by name, line and column', async () => {
    const text = full
      .replace('      envFile: secrets/.env.cf\n', '')
      .replace('storage: ./store', 'storage: ./store\nnetworkStack: ipv6only\nuserAgent: foo')
      .replace('tlsSkipVerify: false, httpTimeout: 0', 'tlsSkipVerify: true, certTimeout: 30, overallRequestLimit: 9')
      .replace('  three:\n', '  three:\n    http: { address: ":80" }\n')
      .replace("notBefore: ''", 'notBefore: 2027-01-01T00:00:00Z\n    alwaysDeactivateAuthorizations: true')
      .replace('disable: false', 'disable: true')
      .replace('format: SHA256', 'format: PBMAC1')
      .replace('log:', 'log: { level: debug }');
    const told = await problems(text);
    expect(told.map((line) => line.replace(/^(\d+:\d+ \S+) .*$/u, '$1'))).toEqual([
      ...['3:1 networkStack', '4:1 userAgent', '6:47 tlsSkipVerify', '6:68 certTimeout', '6:85 overallRequestLimit'],
      ...['16:5 http', '31:5 notBefore', '32:5 alwaysDeactivateAuthorizations', '33:73 disable', '34:36 format'],
      '38:1 log',
    ]);
    expect(told[2]).toContain('TLS is always verified');
  });

  it.each([
    [
      'an unknown key',
      'certificates: { foo: { domain: [a.example] } }',
      '1:24 unknown key domain; did you mean domains?',
    ],
    ['no challenge', 'certificates: { foo: { domains: [a.example] } }', '1:17 there are no challenges'],
    [
      'another challenge',
      'challenges: { c: { dns: { provider: exec } } }\ncertificates: { foo: { domains: [a.example], challenge: http-01 } }',
      '2:57 there is no challenge http-01',
    ],
    [
      'an account that is not there',
      'accounts: { x: {} }\nchallenges: { c: { dns: { provider: exec } } }\ncertificates: { foo: { domains: [a.example], account: y } }',
      '3:55 there is no account y',
    ],
    [
      'a provider of other times',
      'challenges: { c: { dns: { provider: nope } } }\ncertificates: {}',
      '1:37 unknown DNS provider nope',
    ],
    [
      'a file with variables that is not there',
      'challenges: { c: { dns: { provider: exec, envFile: .env.x } } }\ncertificates: {}',
      '.env.x cannot be read (ENOENT)',
    ],
    [
      'a duration without a unit',
      'challenges: { c: { dns: { provider: exec, propagation: { wait: 30 } } } }\ncertificates: {}',
      '1:64 must be a duration such as 1m30s',
    ],
  ])('is refused with %s', async (_, text, told) => {
    expect((await problems(text)).join('\n')).toContain(told);
  });

  it('draws a warning when its secrets can be read by others', async () => {
    const text = full.replace('      envFile: secrets/.env.cf\n', '');
    writeFileSync(join(folder, '.lego.yml'), text);
    const { warnings } = await readConfigFile(undefined, folder);
    expect(warnings).toEqual([expect.stringContaining('.lego.yml holds secrets')]);
  });
});
