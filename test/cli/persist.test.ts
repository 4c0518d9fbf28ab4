import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { generateAccountKey } from '../../src/acme/keys.ts';
import { txtStrings } from '../../src/acme/persist.ts';
import { accountHash, accountThumbprint } from '../../src/acme/persist-hash.ts';
import { openStore } from '../../src/acme/storage.ts';
import { silentLog } from '../../src/log.ts';
import { type DnsServer, startDnsServer } from '../../src/sandbox/dns/index.ts';
import { newFolder } from '../helpers/child.ts';
import { type HostileCa, problem, startHostileCa } from '../helpers/hostile-ca.ts';
import { quoin } from './world.ts';

/** In this process; with Pebble, which validates by such a record, and BIND: test/integration/persist.test.ts. */
const secret = Buffer.alloc(32, 7);
let dns: DnsServer;
let ca: HostileCa;
let cwd: string;
let accountUrl: string;
let keyPem: string;
beforeAll(async () => {
  keyPem = await generateAccountKey('ec256');
});
beforeEach(async () => {
  const tsigKey = { name: 'key', algorithm: 'hmac-sha256', secret } as const;
  dns = await startDnsServer({ port: 0, zones: ['example.test', 'other.test'], tsigKey, log: silentLog });
  ca = await startHostileCa();
  ca.meta = { caaIdentities: ['CA.example', 'other.example'] };
  cwd = newFolder();
  accountUrl = `${ca.url}/account/1`;
  await saveAccount('me@example.test');
});
afterEach(async () => {
  await ca.close();
  await dns.close();
});

const saveAccount = (id: string, more: { url?: string | undefined } = {}) =>
  openStore(join(cwd, '.quoin')).saveAccount({ id, directoryUrl: ca.directoryUrl, keyPem, url: accountUrl, ...more });

const run = async (action: string, ...argv: string[]) => {
  const env = { QUOIN_DNS_AUTHORITATIVE_PORT: String(dns.port), QUOIN_DNS_RESOLVERS: `127.0.0.1:${dns.port}` };
  const all = ['persist', action, '--experimental', '--server', ca.directoryUrl, ...argv];
  const ran = await quoin(all, { env, cwd });
  return { ...ran, document: argv.includes('--json') ? JSON.parse(ran.stdout) : undefined };
};
const print = (...argv: string[]) => run('print', '--json', ...argv);
const check = (...argv: string[]) => run('check', '--json', ...argv);

/** Lines for nsupdate. */
const update = (...lines: string[]) =>
  new Promise<void>((resolve, reject) => {
    const args = ['-y', `hmac-sha256:key:${secret.toString('base64')}`];
    const child = execFile('nsupdate', args, (error) => (error ? reject(error) : resolve()));
    child.stdin?.end([`server 127.0.0.1 ${dns.port}`, ...lines.map((line) => `update ${line}`), 'send\n'].join('\n'));
  });
const add = (name: string, ...values: string[]) =>
  update(
    ...values.map(
      (value) =>
        `add _validation-persist.${name}. 60 TXT ${txtStrings(value)
          .map((text) => `"${text}"`)
          .join(' ')}`,
    ),
  );
const good = (more = '') => `ca.example; accounturi=${accountUrl}${more}`;

describe('without --experimental', () => {
  it.each(['print', 'check'])('%s refuses, and says what it is', async (action) => {
    const { code, stderr } = await quoin(['persist', action, '-d', 'example.test'], { cwd });
    expect([code, stderr.includes('is a draft of the IETF'), stderr.includes('--experimental')]).toEqual([
      2,
      true,
      true,
    ]);
    expect(ca.calls).toEqual([]);
  });
});

describe('quoin persist print', () => {
  it('asks the directory for the issuer, and the CA whether the account is good', async () => {
    const { code, document } = await print('-d', 'example.test', '-d', '*.example.test,www.example.test');
    expect(code).toBe(0);
    expect(document.ca).toEqual({
      directory: ca.directoryUrl,
      issuers: ['ca.example', 'other.example'],
      draft: 'draft-ietf-acme-dns-persist-01',
    });
    expect(document.account).toEqual({ id: 'me@example.test', url: accountUrl });
    const value = good('; policy=wildcard');
    expect(document.records).toEqual([
      {
        names: ['example.test', '*.example.test'],
        name: '_validation-persist.example.test',
        type: 'TXT',
        ttl: 3600,
        value,
        strings: [value],
        zoneFile: `_validation-persist.example.test. 3600 IN TXT "${value}"`,
        issuer: 'ca.example',
        accountUri: accountUrl,
        wildcard: true,
        until: null,
      },
      expect.objectContaining({ names: ['www.example.test'], value: good(), wildcard: false }),
    ]);
    expect(ca.count('account')).toBe(1);
    expect(ca.count('newOrder')).toBe(0);
  });

  it('asks nobody when --issuer is given', async () => {
    const { code, document } = await print('-d', 'example.test', '--issuer', 'Ca.Example.', '--until', '2100-01-01');
    expect([code, document.records[0].value]).toEqual([0, good('; persistUntil=4102444800')]);
    expect(document.records[0].until).toBe('2100-01-01T00:00:00.000Z');
    expect(ca.calls).toEqual([]);
  });

  it('prints a hash where the directory follows draft 02', async () => {
    const prefix = `${ca.url}/account-hash/`;
    ca.meta = { ...ca.meta, issuerDomainNames: ['other.example'], accountHashPrefix: prefix };
    const { document } = await print('-d', '*.bücher.test');
    const name = 'xn--bcher-kva.test';
    const hash = accountHash({ name, thumbprint: accountThumbprint(keyPem), accountUrl });
    expect(document.ca.draft).toBe('draft-ietf-acme-dns-persist-02');
    expect(document.records[0]).toMatchObject({
      name: `_validation-persist.${name}`,
      value: `other.example; accounturi=${prefix}${hash}; policy=wildcard`,
    });
    const older = await print('-d', 'example.test', '--draft', '01');
    expect(older.document.records[0].accountUri).toBe(accountUrl);
    const { stdout } = await run('print', '-d', 'example.test');
    expect(stdout).not.toContain(accountThumbprint(keyPem));
  });

  it('can make a hash without asking', async () => {
    const args = ['--issuer', 'ca.example', '--draft', '2', '--hash-prefix', 'https://ca.example/hash/'];
    const { document } = await print('-d', 'example.test', ...args);
    expect(document.records[0].accountUri).toMatch(/^https:\/\/ca\.example\/hash\/sha-256\/[\w-]{43}$/u);
    expect(ca.calls).toEqual([]);
  });

  it('shows people the record, its zone-file line, and what follows from it', async () => {
    const { code, stdout, stderr } = await run('print', '-d', '*.example.test', '--until', '4102444800', '-q');
    expect([code, stderr]).toEqual([0, '']);
    const value = good('; policy=wildcard; persistUntil=4102444800');
    expect(stdout).toContain('  name           _validation-persist.example.test\n');
    expect(stdout).toContain(`  value          ${value}\n`);
    expect(stdout).toContain('  until          2100-01-01T00:00:00.000Z\n');
    expect(stdout).toContain(`\n_validation-persist.example.test. 3600 IN TXT "${value}"\n`);
    expect(stdout).toContain('example.test, *.example.test and all names below example.test');
    expect(stdout).toMatch(/\nNothing was written\. /u);
  });

  it('splits what is longer than 255 bytes', async () => {
    accountUrl = `${ca.url}/account/${'1'.repeat(300)}`;
    await saveAccount('me@example.test');
    const { document } = await print('-d', 'example.test', '--issuer', 'ca.example');
    const [{ value, strings, zoneFile }] = document.records;
    expect([strings.length, strings.join('')]).toEqual([2, value]);
    expect(zoneFile).toContain(`( "${strings[0]}" "${strings[1]}" )`);
  });

  it('takes the only account of the CA, and wants to be told which of several', async () => {
    await saveAccount('you@example.test');
    const many = await print('-d', 'example.test');
    expect([many.code, many.document.error.hint]).toEqual([
      2,
      'name one: --account-id me@example.test, or --account-id you@example.test',
    ]);
    const one = await print('-d', 'example.test', '--email', 'you@example.test');
    expect(one.document.account.id).toBe('you@example.test');
  });

  it.each([
    ['--email', 'nobody@example.test'],
    ['--server', 'letsencrypt'],
  ])('says how to get an account for %s %s', async (flag, value) => {
    const server = flag === '--server' ? [] : ['--server', ca.directoryUrl];
    const argv = ['persist', 'print', '--experimental', '-d', 'example.test', ...server, flag, value];
    const { code, stderr } = await quoin(argv, { cwd });
    expect([code, stderr.includes('quoin account register')]).toEqual([2, true]);
    expect(ca.calls).toEqual([]);
  });

  it('does not take an account whose registration was not finished', async () => {
    await openStore(join(cwd, '.quoin')).saveAccount({
      id: 'half@example.test',
      directoryUrl: ca.directoryUrl,
      keyPem,
    });
    const { code, stderr } = await run('print', '-d', 'example.test', '-m', 'half@example.test');
    expect([code, stderr.includes('no account half@example.test')]).toEqual([2, true]);
  });

  it('says that the account is not valid any more', async () => {
    ca.mood = ({ step }) => (step === 'account' ? { body: { status: 'deactivated' } } : undefined);
    const gone = await print('-d', 'example.test');
    expect([gone.code, gone.document.error.message]).toEqual([3, `acme: the account ${accountUrl} is deactivated`]);
    ca.mood = ({ step }) => (step === 'account' ? problem(400, 'accountDoesNotExist') : undefined);
    const never = await print('-d', 'example.test');
    expect([never.code, never.document.error.code]).toEqual([3, 'ACME_ACCOUNT_DOES_NOT_EXIST']);
  });

  it.each([
    ['no issuer', {}, [], 'tells no issuer domain name'],
    ['no issuer that makes sense', { caaIdentities: ['ca.example; policy=wildcard', 7] }, [], 'tells no issuer'],
    ['an empty list', { caaIdentities: [] }, [], 'tells no issuer'],
    ['no prefix', { caaIdentities: ['ca.example'] }, ['--draft', '02'], 'has no accountHashPrefix'],
    [
      'a prefix that cannot be one',
      { caaIdentities: ['ca.example'], accountHashPrefix: 'x; y=' },
      ['--draft', '02'],
      'has no accountHashPrefix',
    ],
  ])('says that the directory has %s', async (_, meta, more, told) => {
    ca.meta = meta;
    const { code, stderr } = await run('print', '-d', 'example.test', ...more);
    expect([code, stderr.includes(told) || stderr]).toEqual([2, true]);
  });

  it.each([
    [['--until', 'tomorrow'], 'is no date'],
    [['--until', '2027-02-30'], 'is no date'],
    [['--until', '2027-06-30T12:00:00'], 'is no date'],
    [['--until', '2020-01-01'], 'is over already'],
    [['--issuer', 'ca.example; policy=wildcard'], 'is no domain name'],
    [['--draft', '03'], 'use one of 01, 02'],
    [['--hash-prefix', 'https://ca.example/; x=/'], 'no URL that a hash could follow'],
    [['-d', '192.0.2.1'], 'is an IP address'],
    [['-d', `${`${'a'.repeat(60)}.`.repeat(3)}${'b'.repeat(52)}.test`], 'too long'],
  ])('%j exits with 2, before anybody is asked', async (more, told) => {
    const { code, stderr } = await run('print', '-d', 'example.test', ...more);
    expect([code, stderr.includes(told) || stderr]).toEqual([2, true]);
    expect(ca.calls).toEqual([]);
  });

  it.each([
    [['persist', '--experimental'], 'Commands:'],
    [['persist', 'prnt', '--experimental'], 'Did you mean print?'],
    [['persist', 'print', '--experimental'], 'no domain name was given'],
  ])('%j exits with 2', async (argv, told) => {
    const { code, stderr } = await quoin(argv, { cwd });
    expect([code, stderr.includes(told) || stderr]).toEqual([2, true]);
  });
});

describe('quoin persist check', () => {
  it('tells that what print prints is there, in both drafts, and until when', async () => {
    for (const [draft, prefix] of [['01'], ['02', 'https://ca.example/hash/']] as const) {
      const args = ['--issuer', 'ca.example', '--draft', draft, ...(prefix ? ['--hash-prefix', prefix] : [])];
      const name = `d${draft}.example.test`;
      const before = await check('-d', name, ...args);
      expect([before.code, before.document.names[0].covered]).toEqual([5, false]);
      const { document } = await print('-d', name, '--wildcard', '--until', '2100-01-01', ...args);
      await add(name, document.records[0].value);
      const after = await check('-d', name, '--wildcard', ...args);
      expect([after.code, after.document.ok, after.document.problems]).toEqual([0, true, []]);
      expect(after.document.names).toMatchObject(
        [name, `*.${name}`].map((one) => ({
          name: one,
          record: `_validation-persist.${name}`,
          covered: true,
          until: '2100-01-01T00:00:00.000Z',
          values: [{ counts: true, draft: `draft-ietf-acme-dns-persist-${draft}`, misses: [] }],
          servers: [{ server: 'ns.example.test (127.0.0.1)', values: 1 }],
        })),
      );
    }
  });

  it('takes any issuer name of the CA, and the record that lasts longest', async () => {
    await add(
      'example.test',
      `other.example;accounturi=${accountUrl};persistUntil=4102444800`,
      good('; persistUntil=5000000000'),
    );
    const { code, document } = await check('-d', 'example.test');
    expect([code, document.names[0].until]).toEqual([0, new Date(5e12).toISOString()]);
    await add('example.test', good());
    expect((await check('-d', 'example.test')).document.names[0].until).toBeNull();
  });

  it.each([
    ['another account', (url: string) => `ca.example; accounturi=${url}2`, 'for another account'],
    ['expired', (url: string) => `ca.example; accounturi=${url}; persistUntil=1721952000`, 'it expired 2024-07-26'],
    ['another CA', (url: string) => `elsewhere.example; accounturi=${url}`, 'for the CA elsewhere.example'],
    ['no policy', (url: string) => `ca.example; accounturi=${url}`, 'policy=wildcard is missing'],
    ['malformed', (url: string) => `ca.example; accounturi=${url};`, 'a semicolon too many'],
  ])('says what is wrong with a near miss: %s', async (_, value, told) => {
    await add('example.test', value(accountUrl));
    const { code, document } = await check('-d', '*.example.test');
    const [{ covered, until, values }] = document.names;
    expect([code, covered, until, values.length, values[0].counts]).toEqual([5, false, null, 1, false]);
    const [error] = document.problems;
    expect(error).toMatchObject({
      code: 'PROPAGATION',
      name: '*.example.test',
      hint: expect.stringContaining('persist print'),
    });
    expect(error.message).toContain(told);
  });

  it('tells the nearest of several misses first, and counts none of them', async () => {
    const values = [
      'v=spf1 -all',
      'elsewhere.example; accounturi=x:1',
      good('; persistUntil=1'),
      good('; accounturi=x:1'),
    ];
    await add('example.test', ...values);
    const { document, stdout } = {
      ...(await check('-d', 'example.test')),
      ...(await run('check', '-d', 'example.test')),
    };
    const found = (await check('-d', 'example.test')).document.names[0].values;
    expect(document).toBeUndefined();
    expect(found.map(({ misses }: { misses: { kind: string }[] }) => misses.map(({ kind }) => kind))).toEqual([
      ['expired'],
      ['issuer', 'account'],
      ['malformed'],
      ['malformed'],
    ]);
    expect(stdout).toMatch(/problem: .*it expired 1970-01-01/u);
    expect(stdout).toMatch(/covered {8}NO\n/u);
    expect(stdout).toMatch(/\n1 of 1 names not covered\n$/u);
  });

  it('says that a record of the other draft does not count', async () => {
    await add('example.test', good());
    ca.meta = { ...ca.meta, issuerDomainNames: ['ca.example'], accountHashPrefix: `${ca.url}/hash/` };
    const newer = await check('-d', 'example.test');
    expect([newer.code, newer.document.names[0].values[0].draft]).toEqual([5, 'draft-ietf-acme-dns-persist-01']);
    expect(newer.document.problems[0].message).toContain('it wants a hash');
    expect((await check('-d', 'example.test', '--draft', '01')).code).toBe(0);
  });

  it('follows CNAMEs, and hashes the name that was asked about', async () => {
    const args = ['--issuer', 'ca.example', '--draft', '02', '--hash-prefix', 'https://ca.example/hash/'];
    await update('add _validation-persist.www.example.test. 60 CNAME persist.other.test.');
    const { document } = await print('-d', 'www.example.test', ...args);
    await update(`add persist.other.test. 60 TXT "${document.records[0].value}"`);
    const found = await check('-d', 'www.example.test', ...args);
    expect(found.code).toBe(0);
    expect(found.document.names[0]).toMatchObject({ target: 'persist.other.test', zone: 'other.test', covered: true });
    const { stdout } = await run('check', '-d', 'www.example.test', ...args);
    expect(stdout).toContain('  CNAME to       persist.other.test\n');
  });

  it('joins long values', async () => {
    accountUrl = `${ca.url}/account/${'1'.repeat(600)}`;
    await saveAccount('me@example.test');
    await add('example.test', good());
    expect((await check('-d', 'example.test', '--issuer', 'ca.example')).code).toBe(0);
  });

  it('mentions a record above that covers what is below, and does not count it', async () => {
    await add('example.test', good('; policy=wildcard'));
    const { code, document } = await check('-d', 'a.b.example.test');
    expect([code, document.names[0].covered, document.names[0].above]).toEqual([
      5,
      false,
      '_validation-persist.example.test',
    ]);
    expect(document.problems[0].hint).toContain('for CAs that look there');
    await update('delete _validation-persist.example.test.');
    await add('example.test', good());
    expect((await check('-d', 'a.b.example.test')).document.names[0].above).toBeNull();
  });

  it('warns of an end that is near', async () => {
    const soon = Math.floor(Date.now() / 1000) + 86_400;
    await add('example.test', good(`; persistUntil=${soon}`));
    const { code, document } = await check('-d', 'example.test');
    expect([code, document.warnings]).toEqual([0, [expect.stringContaining(new Date(soon * 1000).toISOString())]]);
  });

  it('tells the names that are covered from those that are not, and from one that has no zone', async () => {
    await add('example.test', good());
    const { code, document } = await check('-d', 'example.test,www.example.test,example.invalid');
    expect(code).toBe(5);
    expect(document.names.map(({ covered }: { covered: boolean }) => covered)).toEqual([true, false, false]);
    expect(document.problems.map((error: { code: string }) => error.code)).toEqual(['PROPAGATION', 'DNS_LOOKUP']);
  });

  it('lets nothing out of DNS that a terminal would obey', async () => {
    await add('example.test', '\\027[2Jgone', good('; policy=\\027[2J'));
    const { stdout } = await run('check', '-d', 'example.test');
    expect(stdout).toContain('  value          [2Jgone\n');
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/u);
    const { document } = await check('-d', 'example.test');
    expect(document.names[0].values.map(({ value }: { value: string }) => value).sort()[0]).toBe('[2Jgone');
  });

  it('shows twenty values and no more', async () => {
    await add('example.test', ...Array.from({ length: 30 }, (_, i) => `ca${i}.example; accounturi=x:1`));
    const { stdout } = await run('check', '-d', 'example.test');
    expect(stdout).toContain('and 10 more values');
    expect((await check('-d', 'example.test')).document.names[0].values).toHaveLength(20);
  });

  it('asks the resolvers only, where the name servers cannot be asked', async () => {
    await add('example.test', good());
    const { code, document } = await check('-d', 'example.test', '--dns.propagation.disable-ans');
    expect([code, document.names[0].servers]).toEqual([0, [{ server: `127.0.0.1:${dns.port}`, values: 1 }]]);
  });

  it('changes nothing in DNS, and orders nothing', async () => {
    await add('example.test', good());
    await check('-d', 'example.test');
    await print('-d', 'example.test');
    expect(ca.calls.filter(({ step }) => step === 'newOrder' || step === 'challenge')).toEqual([]);
    expect(
      (await check('-d', 'example.test')).document.names[0].values.map(({ value }: { value: string }) => value),
    ).toEqual([good()]);
  });
});
