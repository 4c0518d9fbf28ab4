import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import acmeDnsFixture, { type Account, acmeDns, api } from '../../../../fixtures/dns/acme-dns.ts';
import acmeDnsProvider from '../../../../src/dns/providers/acme-dns.ts';
import type { Failure, FakeRequest, Fixture } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const one = 'LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM';
const two = 'JMIlhVlM42MGhAJzMrSLGZhh3MsYPuKRKFAdWKWsl6o';
const three = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA';
const challenge = { domain: 'example.com', token: 't', keyAuth: 't.k' };
const before = { fqdn: '_acme-challenge.example.com', value: one, challenge };

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quoin-acme-dns-'));
  path = join(folder, 'accounts.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A server with names below auth.example.net, and accounts kept in the file. */
async function withFile(env: Record<string, string> = {}, routes: Fixture['routes'] = () => ({})) {
  const accounts = new Map<string, Account>();
  const fixture: Fixture = {
    ...acmeDnsFixture(),
    env: { ACME_DNS_API_BASE: api, ACME_DNS_STORAGE_PATH: path, ...env },
    routes: (dns) => ({ ...acmeDns(dns, accounts), ...routes(dns) }),
  };
  const vendor = await fakeVendor(acmeDnsProvider, fixture);
  vendor.dns.zones.set('auth.example.net', []);
  const saved = (): Record<string, Account> => JSON.parse(readFileSync(path, 'utf8'));
  return { ...vendor, accounts, saved };
}

it('registers on first use, saves the account for nobody else to read, and tells the CNAME', async () => {
  const { open, saved, logged } = await withFile();
  await expect((await open()).add([before])).rejects.toMatchObject({
    fault: 'zone',
    message: expect.stringContaining('_acme-challenge.example.com CNAME 8e5700ea-1.auth.example.net'),
    hint: expect.stringContaining('run again'),
  });
  expect(saved()).toEqual({
    'example.com': {
      fulldomain: '8e5700ea-1.auth.example.net',
      subdomain: '8e5700ea-1',
      username: 'c36f50e8-4632-44f0-83fe-e070fef28a11',
      password: 'htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F71',
      server_url: api,
    },
  });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['accounts.json']);
  expect(logged.join('\n')).not.toContain('htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F71');
});

it('goes on with the account when the CNAME is there, and tells it again when not', async () => {
  const { dns, open, accounts } = await withFile();
  await (await open()).add([before]).catch(() => {});
  await expect((await open()).add([before])).rejects.toThrow(
    '_acme-challenge.example.com CNAME 8e5700ea-1.auth.example.net',
  );
  expect(accounts.size).toBe(1);
  const fqdn = '8e5700ea-1.auth.example.net';
  await (await open()).add([
    { fqdn, value: one, challenge },
    { fqdn, value: two, challenge },
  ]);
  expect(dns.txt(fqdn)).toEqual([two, one]);
  await (await open()).remove([{ fqdn, value: one, challenge }]);
  expect(dns.txt(fqdn)).toEqual([two, one]);
});

it('registers all names of a run before it ends', async () => {
  const { open, saved } = await withFile();
  const names = ['a.example.com', 'b.example.com', 'c.example.com'];
  const values = names.map((domain) => ({ fqdn: `_acme-challenge.${domain}`, value: one }));
  await expect((await open()).add(values)).rejects.toThrow(
    /a\.example\.com CNAME .*b\.example\.com CNAME .*c\.example/u,
  );
  expect(Object.keys(saved())).toEqual(names);
});

it('loses no account when zones register side by side, and keeps what it does not know', async () => {
  writeFileSync(path, JSON.stringify({ 'theirs.test': { fulldomain: 'x.other.test', password: 'p', extra: [1] } }));
  const { dns, open, saved } = await withFile();
  for (const zone of ['a.test', 'b.test', 'c.test']) dns.zones.set(zone, []);
  const values = ['a.test', 'b.test', 'c.test'].map((zone) => ({ fqdn: `_acme-challenge.${zone}`, value: one }));
  await expect((await open()).add(values)).rejects.toThrow('CNAME');
  expect(Object.keys(saved()).sort()).toEqual(['a.test', 'b.test', 'c.test', 'theirs.test']);
  expect(saved()['theirs.test']).toEqual({ fulldomain: 'x.other.test', password: 'p', extra: [1] });
});

it('shares one account between domains whose CNAMEs lead there, two values at most', async () => {
  const { dns, open } = await withFile();
  await (await open()).add([before]).catch(() => {});
  const fqdn = '8e5700ea-1.auth.example.net';
  const other = { domain: 'other.test', token: 't', keyAuth: 't.k' };
  const values = [
    { fqdn, value: one, challenge },
    { fqdn, value: two, challenge: other },
  ];
  await (await open()).add(values);
  expect(dns.txt(fqdn)).toEqual([two, one]);
  await expect((await open()).add([...values, { fqdn, value: three, challenge: other }])).rejects.toMatchObject({
    message: expect.stringContaining('3 values at 8e5700ea-1.auth.example.net'),
    hint: expect.stringContaining('other accounts'),
  });
  expect(dns.txt(fqdn)).toEqual([two, one]);
});

it.each<Failure>(['no answer', 'lost answer', 'cut answer', 'error page', 'too many requests'])(
  'shows both values in spite of one failure (%s)',
  async (how) => {
    const { dns, server, open } = await withFile();
    await (await open()).add([before]).catch(() => {});
    const fqdn = '8e5700ea-1.auth.example.net';
    for (let n = 1; n <= 3; n += 1) {
      server.failRequest(n, how);
      await (await open()).add([one, two].map((value) => ({ fqdn, value: `${n}${value.slice(1)}`, challenge })));
      expect(dns.txt(fqdn)).toEqual([`${n}${one.slice(1)}`, `${n}${two.slice(1)}`]);
    }
  },
);

it('does not overwrite a file that it cannot read, and makes no account that it cannot save', async () => {
  const { accounts, open } = await withFile();
  writeFileSync(path, '{"example.com": {');
  await expect((await open()).add([before])).rejects.toMatchObject({
    code: 'CONFIG',
    message: expect.stringContaining(path),
  });
  expect(readFileSync(path, 'utf8')).toBe('{"example.com": {');
  const nowhere = { ACME_DNS_STORAGE_PATH: join(folder, 'missing', 'accounts.json') };
  await expect((await open(nowhere)).add([before])).rejects.toMatchObject({ code: 'CONFIG' });
  expect(accounts.size).toBe(0);
});

it('hands the allow list over, and says when it is wrong', async () => {
  const seen: unknown[] = [];
  const { open } = await withFile({}, (dns) => {
    const routes = acmeDns(dns, new Map());
    const register = routes[`POST ${api}/register`] as (request: FakeRequest) => unknown;
    return {
      [`POST ${api}/register`]: (request) => {
        seen.push(request.body.allowfrom);
        return register(request);
      },
    };
  });
  const lists = { ACME_DNS_ALLOWLIST: '192.0.2.0/24, 2001:db8::/32' };
  await expect((await open(lists)).add([before])).rejects.toThrow('CNAME');
  await expect(
    (await open({ ACME_DNS_ALLOWLIST: 'home' })).add([{ ...before, fqdn: '_acme-challenge.b.example.com' }]),
  ).rejects.toMatchObject({ hint: expect.stringContaining('ACME_DNS_ALLOWLIST') });
  expect(seen).toEqual([['192.0.2.0/24', '2001:db8::/32'], ['home']]);
});

describe('with a storage server', () => {
  const storage = 'https://storage.example.net/of/accounts';
  const env = { ACME_DNS_STORAGE_PATH: '', ACME_DNS_STORAGE_BASE_URL: storage };
  const withServer = (status: number) => {
    const kept: Record<string, Account> = {};
    const routes: Fixture['routes'] = () => ({
      [`GET ${storage}/:domain`]: ({ params }) => kept[params.domain ?? ''] ?? { status: 404 },
      [`GET ${storage}`]: () => ({ body: { ...kept } }),
      [`POST ${storage}/:domain`]: ({ params, body }) => {
        kept[params.domain ?? ''] = { ...body };
        for (const name of Object.keys(body)) void body[name];
        return { status };
      },
    });
    return withFile(env, routes);
  };

  it('tells the CNAME when the server has only saved the account, and shares accounts', async () => {
    const { dns, open, logged } = await withServer(200);
    await expect((await open()).add([before])).rejects.toThrow('CNAME 8e5700ea-1.auth.example.net');
    const fqdn = '8e5700ea-1.auth.example.net';
    await (await open()).add([{ fqdn, value: one, challenge: { ...challenge, domain: 'other.test' } }]);
    expect(dns.txt(fqdn)).toEqual([one]);
    expect(logged.join('\n')).not.toContain('htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F71');
  });

  it('goes on when the server has made the CNAME', async () => {
    const { dns, open } = await withServer(201);
    await (await open()).add([before]);
    expect(dns.txt('8e5700ea-1.auth.example.net')).toEqual([one]);
  });
});
