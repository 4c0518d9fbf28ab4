import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '../../src/log.ts';
import { type DnsServer, startDnsServer } from '../../src/sandbox/dns/index.ts';
import { newFolder } from '../helpers/child.ts';
import { quoin } from './world.ts';

/** In this process, against the sandbox's DNS server; with real servers and signals: test/integration/check.test.ts. */
const secret = Buffer.alloc(32, 7);
let dns: DnsServer;
let cwd: string;
beforeEach(async () => {
  dns = await startDnsServer({
    port: 0,
    zones: ['example.test'],
    tsigKey: { name: 'key', algorithm: 'hmac-sha256', secret },
    log: silentLog,
  });
  cwd = newFolder();
});
afterEach(() => dns.close());

const check = async (argv: readonly string[], more: Record<string, string> = {}) => {
  const place = `127.0.0.1:${dns.port}`;
  const env = {
    QUOIN_DNS_AUTHORITATIVE_PORT: String(dns.port),
    QUOIN_DNS_RESOLVERS: place,
    RFC2136_NAMESERVER: place,
    RFC2136_TSIG_KEY: 'key',
    RFC2136_TSIG_SECRET: secret.toString('base64'),
    RFC2136_TSIG_ALGORITHM: 'hmac-sha256',
    ...more,
  };
  const provider = argv.includes('--dns') ? [] : ['--dns', 'rfc2136'];
  const ran = await quoin(['check', ...provider, ...argv], { env, cwd });
  return { ...ran, document: argv.includes('--json') ? JSON.parse(ran.stdout) : undefined };
};
const journal = () => readdirSync(join(cwd, '.quoin/journal'));
const BOTH = ['-d', 'example.test', '-d', '*.example.test'];

it('rehearses a name and its wildcard, with two values at one name', async () => {
  const { code, document } = await check([...BOTH, '--json']);
  expect([code, document.ok, document.problems]).toEqual([0, true, []]);
  expect(document.providers).toEqual([{ code: 'rfc2136', domain: null, credentials: 'accepted' }]);
  expect(document.ca.identities).toEqual(['letsencrypt.org']);
  expect(document.challenges).toHaveLength(1);
  const [challenge] = document.challenges;
  expect(challenge).toMatchObject({
    name: '_acme-challenge.example.test',
    names: ['example.test', '*.example.test'],
    target: '_acme-challenge.example.test',
    zone: 'example.test',
    providerZone: 'example.test',
    written: true,
    removed: true,
    nameServers: [{ server: 'ns.example.test (127.0.0.1)', seconds: expect.any(Number) }],
  });
  expect(challenge.values).toHaveLength(2);
  for (const value of challenge.values) expect(value).toMatch(/^quoin-check-[\w-]{31}$/u);
  expect(challenge.caa.map(({ verdict }: { verdict: string }) => verdict)).toEqual(['allowed', 'allowed']);
  expect(journal()).toEqual([]);
});

it('shows a table to people, with --quiet too', async () => {
  const { code, stdout, stderr } = await check([...BOTH, '-q']);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^ {2}provider +rfc2136: credentials accepted$/mu);
  expect(stdout).toMatch(/^ {2}name server +ns\.example\.test \(127\.0\.0\.1\) {2}after \d/mu);
  expect(stdout).toMatch(/written in .* s, removed$/mu);
  expect(stdout).toMatch(/\nall is well\n$/u);
});

it('looks at everything else when credentials are missing', async () => {
  const { code, document } = await check([...BOTH, '--json'], { RFC2136_TSIG_SECRET: '' });
  expect([code, document.ok, document.providers[0].credentials]).toEqual([2, false, 'missing']);
  expect(document.problems).toEqual([expect.objectContaining({ code: 'CONFIG' })]);
  expect(document.challenges[0]).toMatchObject({ zone: 'example.test', written: false, removed: null });
});

it('says once that credentials are refused', async () => {
  const wrong = { RFC2136_TSIG_SECRET: Buffer.alloc(32).toString('base64') };
  const { code, document } = await check(['-d', 'a.example.test', '-d', 'b.example.test', '--json'], wrong);
  expect([code, document.providers[0].credentials]).toEqual([4, 'refused']);
  expect(document.problems.map(({ code: kind }: { code: string }) => kind)).toEqual(['PROVIDER_AUTH']);
});

it('tells the names that work from one that has no zone', async () => {
  const { code, document } = await check(['-d', 'example.invalid', '-d', 'example.test', '--json']);
  expect(code).toBe(5);
  expect(document.challenges.map(({ removed }: { removed: unknown }) => removed)).toEqual([null, true]);
});

it('rehearses each name with the provider that is meant for it, and says how each fares', async () => {
  const dns = ['--dns', 'b.example.test=rfc2136@B', '--dns', 'rfc2136', '--dns', 'example.net=cloudflare'];
  const names = ['-d', 'a.example.test', '-d', 'b.example.test'];
  const wrong = { B_RFC2136_TSIG_SECRET: Buffer.alloc(32).toString('base64') };
  const { code, document } = await check([...dns, ...names, '--json'], wrong);
  expect([code, document.turns]).toEqual([4, 1]);
  expect(document.providers).toEqual([
    { code: 'rfc2136@B', domain: 'b.example.test', credentials: 'refused' },
    { code: 'rfc2136', domain: null, credentials: 'accepted' },
    { code: 'cloudflare', domain: 'example.net', credentials: 'unused' },
  ]);
  expect(document.challenges).toMatchObject([
    { names: ['a.example.test'], provider: 'rfc2136', removed: true },
    { names: ['b.example.test'], provider: 'rfc2136@B', written: false },
  ]);
  const { stdout } = await check([...dns, ...names], wrong);
  expect(stdout).toMatch(/^ {2}provider +rfc2136@B for b\.example\.test: credentials refused$/mu);
  expect(stdout).toMatch(/^ {2}provider +cloudflare for example\.net: not needed for these names$/mu);
});

it('says which name has no provider, and rehearses the others', async () => {
  const dns = ['--dns', 'a.example.test=rfc2136'];
  const { code, document } = await check([...dns, '-d', 'a.example.test', '-d', 'b.example.test', '--json']);
  expect([code, document.challenges.map(({ removed }: { removed: unknown }) => removed)]).toEqual([2, [true, null]]);
  expect(document.problems.map(({ message }: { message: string }) => message)).toEqual([
    'none of the DNS providers is meant for b.example.test',
  ]);
});

it('does not begin with a provider that wants the challenge itself', async () => {
  const raw = { EXEC_PATH: '/bin/false', EXEC_MODE: 'RAW' };
  const { code, stdout } = await check(['--dns', 'exec', ...BOTH], raw);
  expect([code, stdout.includes('cannot be rehearsed'), stdout.includes('unset EXEC_MODE')]).toEqual([2, true, true]);
  expect(journal()).toEqual([]);
});

it('writes one value where a provider holds one', async () => {
  const exec = { EXEC_PATH: '/bin/true', QUOIN_DNS_PROPAGATION_WAIT: '10ms' };
  const { code, document } = await check(['--dns', 'exec', ...BOTH, '--json'], exec);
  expect([code, document.challenges[0].values.length, document.turns]).toEqual([0, 1, 2]);
  expect(document.challenges[0].nameServers).toEqual([{ server: 'ns.example.test (127.0.0.1)', seconds: null }]);
});

it('says that a value could not be removed, and keeps it in the journal for cleanup', async () => {
  const program = join(cwd, 'half.sh');
  writeFileSync(program, '#!/bin/sh\n[ "$1" = present ]\n', { mode: 0o700 });
  const exec = { EXEC_PATH: program, QUOIN_DNS_PROPAGATION_WAIT: '10ms' };
  const { code, document } = await check(['--dns', 'exec', '-d', 'example.test', '--json'], exec);
  expect([code, document.challenges[0].removed]).toEqual([4, false]);
  expect(document.problems).toEqual([expect.objectContaining({ hint: expect.stringContaining('quoin cleanup') })]);
  expect(journal()).toEqual([expect.stringMatching(/\.json$/u)]);
});

it.each([
  [['check', '--dns', 'exec'], 'no domain name was given'],
  [['check', '-d', 'example.com'], 'no DNS provider was given'],
  [['check', '-d', 'example.com', '--dns', 'clodflare'], 'did you mean cloudflare?'],
])('%j exits with 2', async (argv, told) => {
  const { code, stderr } = await quoin(argv);
  expect([code, stderr.includes(told) || stderr]).toEqual([2, true]);
});
