import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmodSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Found, ImportHints } from '../../../src/acme/import/found.ts';
import { detectFormat, readSource } from '../../../src/acme/import/source.ts';
import { openStore } from '../../../src/acme/storage.ts';
import { newFolder } from '../../helpers/child.ts';
import {
  acmeShAccount,
  acmeShDomain,
  certbotAccount,
  certbotLineage,
  noHints,
  plant,
  shellConf,
  treeHash,
  wrapped,
} from '../../helpers/import-trees.ts';
import { newPair, stored } from '../../helpers/pairs.ts';

const CA = 'https://acme-v02.api.letsencrypt.org/directory';
const ACCOUNT = 'https://acme-v02.api.letsencrypt.org/acme/acct/1';
const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const pem = (key: KeyObject, type: 'sec1' | 'pkcs8' = 'sec1'): string => key.export({ type, format: 'pem' }).toString();
const same = (a: string | undefined, b: KeyObject) => createPrivateKey(a ?? '').equals(b);
const pair = newPair('example.test');

let root: string;
beforeEach(() => {
  root = newFolder();
});
/** Reads it as what it looks like, and makes sure that nothing in it changes. */
async function read(hints: Partial<ImportHints> = {}): Promise<Found> {
  const before = treeHash(root);
  const found = await readSource(await detectFormat(root), root, { ...noHints, ...hints });
  expect(treeHash(root)).toBe(before);
  return found;
}
const only = <T>(list: readonly T[]): T => {
  expect(list).toHaveLength(1);
  return list[0] as T;
};

describe("certbot's folder", () => {
  const conf = (params: Readonly<Record<string, string>>, before = '') =>
    `${before}\n[renewalparams]\n${Object.entries(params)
      .map(([name, value]) => `${name} = ${value}\n`)
      .join('')}`;

  it('gives account, key, chain and what is written down for the renewal', async () => {
    const key = newKey();
    const account = certbotAccount(root, 'acme-v02.api.letsencrypt.org/directory', key, ACCOUNT);
    const params = {
      ...{ account, authenticator: 'dns-cloudflare', dns_cloudflare_credentials: '/root/cf.ini' },
      ...{ preferred_chain: 'ISRG Root X1', required_profile: 'tlsserver', reuse_key: 'True', must_staple: 'True' },
      ...{ renew_hook: 'systemctl reload nginx', pre_hook: 'None', post_hook: '"echo \'#\'"' },
    };
    certbotLineage(root, 'site', pair, conf(params, 'renew_before_expiry = 20 days'));
    const found = await read({ email: 'ops@example.test' });
    expect(only(found.accounts).account).toMatchObject({ id: 'ops@example.test', directoryUrl: CA, url: ACCOUNT });
    expect(same(only(found.accounts).account.keyPem, key)).toBe(true);
    const { stored: certificate, hooks, notes } = only(found.certificates);
    expect(certificate).toMatchObject({
      name: 'site',
      settings: {
        ...{ names: ['example.test'], directoryUrl: CA, accountId: 'ops@example.test', dns: ['cloudflare'] },
        ...{ keyType: 'ec256', profile: 'tlsserver', preferredChain: 'ISRG Root X1', mustStaple: true },
        ...{ reuseKey: true, renewDays: 20 },
      },
    });
    expect(same(certificate.keyPem, createPrivateKey(pair.keyPem))).toBe(true);
    expect(certificate.settings?.hooks).toBeUndefined();
    expect(hooks).toEqual({ deploy: 'systemctl reload nginx', post: "echo '#'" });
    expect(notes).toEqual([]);
    expect(only(found.credentials)).toMatchObject({
      ...{ provider: 'cloudflare', hook: 'dns-cloudflare', file: '/root/cf.ini' },
      set: expect.arrayContaining([{ name: 'CF_DNS_API_TOKEN', from: 'dns_cloudflare_api_token' }]),
    });
    const [taken] = (await read({ hooks: true })).certificates;
    expect(taken?.stored.settings?.hooks).toEqual(hooks);
  });

  it('takes a plugin with the name of its package in front, and says of others how the names were proven', async () => {
    certbotLineage(root, 'a', pair, conf({ authenticator: 'certbot-dns-netcup:dns-netcup' }));
    certbotLineage(root, 'b', pair, conf({ authenticator: 'webroot', installer: 'nginx' }));
    certbotLineage(root, 'c', pair, conf({ authenticator: 'constructor' }));
    const [a, b, c] = (await read()).certificates;
    expect(a?.stored.settings?.dns).toEqual(['netcup']);
    expect([b?.stored.settings?.dns, c?.stored.settings?.dns]).toEqual([[], []]);
    expect(b?.notes.join('\n')).toContain("proven by certbot's webroot");
    expect(b?.notes.join('\n')).toContain('nginx');
    const [, withDns] = (await read({ dns: ['route53'] })).certificates;
    expect(withDns?.stored.settings?.dns).toEqual(['route53']);
  });

  it('keeps several accounts of one CA apart, and gives the address to the one in use', async () => {
    const path = 'acme-v02.api.letsencrypt.org/directory';
    const keys = [newKey(), newKey()].map((key, index) => ({
      key,
      id: certbotAccount(root, path, key, `${ACCOUNT}${index}`),
    }));
    // The one in use would come last by its name.
    const [{ id: other }, { id: account, key: used }] = keys.sort((a, b) => (a.id < b.id ? -1 : 1)) as [
      (typeof keys)[0],
      (typeof keys)[0],
    ];
    certbotLineage(root, 'site', pair, conf({ account }));
    const { accounts, certificates } = await read({ email: 'ops@example.test' });
    expect(accounts.map(({ account: { id } }) => id)).toEqual(['ops@example.test', other]);
    expect(same(accounts[0]?.account.keyPem, used)).toBe(true);
    expect(certificates[0]?.stored.settings?.accountId).toBe('ops@example.test');
  });

  it('knows accounts of the first API, of which the URL counts no more', async () => {
    const account = certbotAccount(
      root,
      'acme-v01.api.letsencrypt.org/directory',
      newKey(),
      'https://acme-v01.api.letsencrypt.org/acme/reg/7',
    );
    const link = join(root, 'accounts/acme-v02.api.letsencrypt.org');
    plant(root, { 'accounts/acme-v02.api.letsencrypt.org/.keep': '' });
    symlinkSync(join(root, 'accounts/acme-v01.api.letsencrypt.org/directory'), join(link, 'directory'));
    certbotLineage(root, 'site', pair, conf({ account, server: 'https://acme-v01.api.letsencrypt.org/directory' }));
    const found = await read();
    expect(only(found.accounts)).toMatchObject({ account: { directoryUrl: CA, url: undefined } });
    expect(only(found.accounts).notes.join()).toContain('--accept-tos');
    expect(found.certificates[0]?.stored.settings).toMatchObject({
      directoryUrl: CA,
      accountId: 'noemail@example.com',
    });
  });

  it('reads contacts of old accounts, RSA keys, and private directories with a port', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    certbotAccount(root, 'localhost:14000/dir', privateKey, 'https://localhost:14000/acct/1', {
      contact: ['mailto:me@example.test'],
    });
    certbotLineage(root, 'site', pair, conf({ server: 'https://localhost:14000/dir' }));
    const { account } = only((await read()).accounts);
    expect(account).toMatchObject({ id: 'me@example.test', directoryUrl: 'https://localhost:14000/dir' });
    expect(account.keyPem).toContain('BEGIN RSA PRIVATE KEY');
  });

  it('goes on after what is damaged, and names it', async () => {
    certbotAccount(root, 'acme-v02.api.letsencrypt.org/directory', newKey(), ACCOUNT);
    plant(root, { 'accounts/ca.example/directory/0a/private_key.json': '{"kty":"EC"}' });
    for (const name of ['cut', 'dangling', 'good', 'strange', 'swapped', 'unrenewed'])
      certbotLineage(root, name, pair, conf({ authenticator: 'dns-route53' }));
    writeFileSync(join(root, 'archive/cut/fullchain2.pem'), pair.certificatePem.slice(0, 200));
    rmSync(join(root, 'archive/dangling'), { recursive: true });
    writeFileSync(join(root, 'archive/swapped/privkey2.pem'), pem(newKey(), 'pkcs8'));
    writeFileSync(join(root, 'renewal/strange.conf'), conf({ server: 'ftp://ca.example/' }));
    rmSync(join(root, 'renewal/unrenewed.conf'));
    const { certificates, problems, accounts } = await read();
    expect(accounts).toHaveLength(1);
    expect(certificates.map(({ stored: { name } }) => name)).toEqual(['good', 'unrenewed']);
    expect(certificates[1]).toMatchObject({ stored: { settings: undefined } });
    expect(certificates[1]?.notes.join('\n')).toContain('no renewal/unrenewed.conf');
    expect(problems.map(({ error }) => error.message)).toEqual([
      expect.stringContaining('ftp://ca.example/'),
      expect.stringContaining('private_key.json is damaged'),
      expect.stringContaining('cut/fullchain.pem is damaged'),
      expect.stringContaining('dangling/fullchain.pem is missing'),
      expect.stringContaining('it is not the key of'),
    ]);
  });

  it('is read where it was copied to, though its files name other folders', async () => {
    certbotLineage(root, 'site', pair, `cert = /nowhere/live/site/cert.pem\n${conf({})}`);
    expect((await read()).certificates).toHaveLength(1);
    // Or where the files are elsewhere, and the links are missing.
    rmSync(join(root, 'live/site'), { recursive: true });
    const kinds = ['cert', 'chain', 'fullchain', 'privkey'];
    const paths = kinds.map((kind) => `${kind} = ${join(root, `archive/site/${kind}2.pem`)}\n`).join('');
    writeFileSync(join(root, 'renewal/site.conf'), `${paths}${conf({})}`);
    expect((await read()).certificates).toHaveLength(1);
  });
});

describe("acme.sh's folder", () => {
  const ZERO = 'https://acme.zerossl.com/v2/DV90';

  it('gives account, key and what is written down for the renewal', async () => {
    const key = newKey();
    plant(root, {
      'account.conf': shellConf({ SAVED_CF_Token: 'very-secret', SAVED_CF_Account_ID: 'other', USER_PATH: '/bin' }),
      ...acmeShAccount('acme.zerossl.com/v2/DV90', pem(key), `${ZERO}/account/abc`, 'ops@example.test'),
      ...acmeShDomain('example.test_ecc', 'example.test', pair, {
        ...{ Le_API: ZERO, Le_Webroot: 'dns_cf', Le_Keylength: 'ec-256', Le_LinkCert: `${ZERO}/cert/1` },
        ...{ Le_ReloadCmd: wrapped("service 'nginx' reload"), Le_Preferred_Chain: wrapped('EXAMPLE.te') },
        ...{ Le_RenewalDays: '-20', Le_Certificate_Profile: 'short', Le_RealKeyPath: '/etc/ssl/x.key', Le_PreHook: '' },
      }),
    });
    const found = await read();
    expect(found.problems).toEqual([]);
    const { account } = only(found.accounts);
    expect(account).toMatchObject({ id: 'ops@example.test', email: 'ops@example.test', url: `${ZERO}/account/abc` });
    expect(same(account.keyPem, key)).toBe(true);
    const { stored: certificate, hooks, notes } = only(found.certificates);
    expect(certificate).toMatchObject({
      name: 'example.test',
      url: `${ZERO}/cert/1`,
      settings: {
        ...{ names: ['example.test'], directoryUrl: ZERO, accountId: 'ops@example.test', dns: ['cloudflare'] },
        ...{ keyType: 'ec256', profile: 'short', preferredChain: 'example.test', reuseKey: true, renewDays: 20 },
      },
    });
    expect(hooks).toEqual({ deploy: "service 'nginx' reload" });
    expect(notes.join('\n')).toContain('/etc/ssl/x.key');
    expect(only(found.credentials)).toEqual({
      ...{ provider: 'cloudflare', hook: 'dns_cf', file: join(root, 'account.conf') },
      set: [{ name: 'CF_DNS_API_TOKEN', from: 'CF_Token' }],
    });
    expect(JSON.stringify(found)).not.toContain('very-secret');
  });

  it('keeps both certificates of a name apart, as acme.sh does', async () => {
    const rsa = newPair('example.test', ['rsa:2048']);
    plant(root, {
      'account.conf': '',
      ...acmeShDomain('example.test', 'example.test', rsa, { Le_API: CA, Le_Webroot: 'dns_dp', Le_Keylength: '2048' }),
      ...acmeShDomain('example.test_ecc', 'example.test', pair, { Le_API: CA, Le_Webroot: 'dns_dp' }),
      ...acmeShDomain('*.example.test', '*.example.test', newPair('*.example.test'), { Le_API: CA, Le_Webroot: 'dns' }),
    });
    const { certificates, credentials } = await read();
    expect(certificates.map(({ stored: { name, settings } }) => [name, settings?.keyType])).toEqual([
      ['*.example.test', 'ec256'],
      ['example.test', 'rsa2048'],
      ['example.test_ecc', 'ec256'],
    ]);
    expect(certificates[0]?.notes.join('\n')).toContain('proven by hand');
    expect(only(credentials).set).toEqual([{ name: 'DNSPOD_API_KEY', from: 'DP_Id,DP_Key' }]);
  });

  it('takes a hook for each name, and goes on with the last', async () => {
    const conf = { Le_API: CA, Le_Alt: '*.b.example.test,c.example.test', Le_Webroot: 'dns_cf,dns_aws' };
    plant(root, { 'account.conf': '', ...acmeShDomain('example.test', 'example.test', pair, conf) });
    expect((await read()).certificates[0]?.stored.settings?.dns).toEqual([
      'example.test=cloudflare',
      'b.example.test=route53',
      'c.example.test=route53',
    ]);
  });

  it.each([
    ['no', 'standalone mode'],
    ['/var/www', 'webroot mode'],
    ['dns_myapi', "acme.sh's dns_myapi"],
    ['dns_cf,/var/www', 'webroot mode'],
    ['toString', "acme.sh's toString"],
  ])('has no provider for %s, and says so', async (hook, said) => {
    const conf = { Le_API: CA, Le_Webroot: hook, Le_Alt: 'b.example.test' };
    plant(root, { 'account.conf': '', ...acmeShDomain('example.test', 'example.test', pair, conf) });
    const { stored: certificate, notes } = only((await read()).certificates);
    expect(certificate.settings?.dns).toEqual([]);
    expect(notes.join('\n')).toContain(`proven by ${said}`);
  });

  it('finds the port of a CA again, which its folders leave out, and accounts of old versions', async () => {
    const [own, old] = [newKey(), newKey()];
    plant(root, {
      'account.conf': shellConf({ ACCOUNT_EMAIL: 'ops@example.test' }),
      ...acmeShAccount('localhost/dir', pem(own), 'https://localhost:14000/acct/1'),
      ...acmeShAccount('acme-v02.api.letsencrypt.org', pem(old, 'pkcs8'), ACCOUNT),
      ...acmeShAccount('acme-v01.api.letsencrypt.org', pem(old), 'https://acme-v01.api.letsencrypt.org/acme/reg/1'),
      'ca/acme-v02.api.letsencrypt.org/directory/deactivated/1/account.key': pem(newKey()),
    });
    const { accounts, notes, problems } = await read();
    expect(problems).toEqual([]);
    expect(accounts.map(({ account: { id, directoryUrl } }) => [id, directoryUrl])).toEqual([
      ['ops@example.test', 'https://localhost:14000/dir'],
      ['ops@example.test', CA],
    ]);
    expect(notes.join('\n')).toContain('first API');
  });

  it('forgets the URL of an account whose key is another one by now', async () => {
    const account = acmeShAccount('acme-v02.api.letsencrypt.org/directory', pem(newKey()), ACCOUNT);
    plant(root, {
      'account.conf': '',
      ...account,
      'ca/acme-v02.api.letsencrypt.org/directory/account.key': pem(newKey()),
    });
    expect(only((await read()).accounts)).toMatchObject({
      account: { url: undefined, id: 'noemail@example.com' },
      notes: [expect.stringContaining('--email'), expect.stringContaining('--accept-tos')],
    });
  });

  it('goes on after what is damaged or not there yet', async () => {
    const conf = { Le_API: CA, Le_Webroot: 'dns_cf' };
    plant(root, {
      'account.conf': '',
      ...acmeShDomain('empty.example.test', 'empty.example.test', { certificatePem: '', keyPem: '' }, conf),
      ...acmeShDomain('example.test', 'example.test', pair, conf),
      'new.example.test_ecc/new.example.test.conf': shellConf({ Le_Domain: 'new.example.test' }),
      ...acmeShDomain('odd.example.test', 'odd.example.test', pair, { Le_API: 'http://ca.example/' }),
      'ca/ca.example/directory/account.key': 'no key',
      'http.header': 'HTTP/1.1 200',
    });
    chmodSync(join(root, 'http.header'), 0o600);
    const { certificates, problems, notes } = await read();
    expect(certificates.map(({ stored: { name } }) => name)).toEqual(['example.test']);
    expect(problems.map(({ error }) => error.message)).toEqual([
      expect.stringContaining('account.key is damaged: it holds no private key'),
      expect.stringContaining('empty.example.test/fullchain.cer is damaged'),
      expect.stringContaining('http:// is for test CAs'),
    ]);
    expect(notes.join('\n')).toContain('new.example.test_ecc has no certificate yet');
  });

  it('follows CERT_HOME, and knows such a folder by itself', async () => {
    const home = newFolder();
    plant(home, acmeShDomain('example.test_ecc', 'example.test', pair, { Le_API: CA, Le_Webroot: 'dns_cf' }));
    plant(root, { 'account.conf': shellConf({ CERT_HOME: home }) });
    expect((await read()).certificates).toHaveLength(1);
    expect(await detectFormat(home)).toBe('acme.sh');
  });
});

describe("lego's store", () => {
  const account = (more: object = {}) =>
    JSON.stringify({
      email: 'ci@example.test',
      registration: { body: { status: 'valid' }, uri: 'https://ca.example/acct/1' },
      ...more,
    });

  it('gives what lego 4 wrote, when the user names the CA of a private one', async () => {
    const key = newKey();
    plant(root, {
      'accounts/ca.example/ci@example.test/account.json': account(),
      'accounts/ca.example/ci@example.test/keys/ci@example.test.key': pem(key),
      'certificates/example.test.crt': pair.certificatePem,
      'certificates/example.test.key': pair.keyPem,
      'certificates/example.test.json': JSON.stringify({
        domain: 'example.test',
        certUrl: 'https://ca.example/cert/1',
      }),
    });
    const unknown = await read();
    expect(only(unknown.problems).error.message).toContain('did not note the CA directory of account ci@example.test');
    expect(only(unknown.certificates).stored.settings).toBeUndefined();
    const found = await read({ servers: ['https://ca.example/directory'], dns: ['exec'] });
    expect(found.problems).toEqual([]);
    expect(same(only(found.accounts).account.keyPem, key)).toBe(true);
    expect(only(found.certificates).stored).toMatchObject({
      url: 'https://ca.example/cert/1',
      settings: {
        directoryUrl: 'https://ca.example/directory',
        accountId: 'ci@example.test',
        dns: ['exec'],
        bundle: false,
      },
    });
  });

  it('takes no account for one of the same address at another CA', async () => {
    for (const host of ['ca.example', 'other.example'])
      plant(root, {
        [`accounts/${host}/ci@example.test/account.json`]: JSON.stringify({
          email: 'ci@example.test',
          registration: { body: {}, uri: `https://${host}/acct/1` },
        }),
        [`accounts/${host}/ci@example.test/keys/ci@example.test.key`]: pem(newKey()),
      });
    const { accounts, problems } = await read({ servers: ['https://other.example/directory'] });
    expect(only(accounts).account.url).toBe('https://other.example/acct/1');
    expect(only(problems).from).toContain('accounts/ca.example/ci@example.test');
  });

  it('gives what lego 5 wrote, and which of several accounts is recorded', async () => {
    const registration = { status: 'valid', accountURL: ACCOUNT };
    const server = CA;
    const [host, cert] = ['acme-v02.api.letsencrypt.org', 'https://acme-v02.api.letsencrypt.org/acme/cert/1'];
    for (const id of ['a@example.test', 'shop'])
      plant(root, {
        [`accounts/${host}/${id}/account.json`]: account({ id, server, registration, origin: 'configuration' }),
        [`accounts/${host}/${id}/${id}.key`]: pem(newKey(), 'pkcs8'),
      });
    plant(root, {
      'certificates/example.test.crt': `${pair.certificatePem}${pair.certificatePem}`,
      'certificates/example.test.key': pair.keyPem,
      'certificates/example.test.json': JSON.stringify({ id: 'example.test', certUrl: cert, profile: 'tlsserver' }),
    });
    const found = await read({ email: 'shop' });
    expect(found.accounts.map(({ account: { id, url } }) => [id, url])).toEqual([
      ['a@example.test', ACCOUNT],
      ['shop', ACCOUNT],
    ]);
    const { stored: certificate, notes } = only(found.certificates);
    expect(certificate.settings).toMatchObject({
      directoryUrl: CA,
      accountId: 'shop',
      profile: 'tlsserver',
      bundle: true,
    });
    expect(notes.join('\n')).toContain('2 accounts');
  });

  it('gives what quoin recorded, without its hooks', async () => {
    const own = stored('example.test', pair);
    const settings = { ...own.settings, hooks: { deploy: 'reload' }, renewDays: 9 };
    await openStore(root).writeCertificate({ ...own, settings: settings as typeof own.settings });
    const { stored: certificate, hooks } = only((await read({ dns: ['route53'] })).certificates);
    expect(certificate.settings).toMatchObject({ dns: ['exec'], renewDays: 9, hooks: undefined });
    expect(hooks).toEqual({ deploy: 'reload' });
  });

  it('goes on after what is damaged', async () => {
    plant(root, {
      'accounts/ca.example/a@example.test/account.json': '{',
      'certificates/cut.crt': '-----BEGIN CERTIFICATE-----\nAAAA',
      'certificates/good.crt': pair.certificatePem,
      'certificates/json.crt': pair.certificatePem,
      'certificates/json.json': 'nonsense',
      'certificates/swapped.crt': pair.certificatePem,
      'certificates/swapped.key': pem(newKey()),
    });
    const { certificates, problems } = await read();
    expect(certificates.map(({ stored: { name } }) => name)).toEqual(['good']);
    expect(problems).toHaveLength(4);
  });
});

describe('keys and certificates', () => {
  const plain = (name: string, one: { certificatePem: string; keyPem: string }) =>
    plant(root, { 'account.conf': '', ...acmeShDomain(name, name, one, { Le_API: CA, Le_Webroot: 'dns_cf' }) });

  it.each(['sec1', 'pkcs8'] as const)('are read as %s, and with what openssl writes around them', async (type) => {
    const key = createPrivateKey(pair.keyPem);
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    const text = `subject=CN = example.test\n${pair.certificatePem}`;
    plain('example.test', { certificatePem: text, keyPem: `${type === 'sec1' ? parameters : ''}${pem(key, type)}` });
    const { stored: certificate } = only((await read()).certificates);
    expect(same(certificate.keyPem, key)).toBe(true);
    expect(certificate.certificatePem.startsWith('-----BEGIN CERTIFICATE-----')).toBe(true);
  });

  it('are read as PKCS#1', async () => {
    const rsa = newPair('example.test', ['rsa:2048']);
    const key = createPrivateKey(rsa.keyPem);
    plain('example.test', { ...rsa, keyPem: key.export({ type: 'pkcs1', format: 'pem' }).toString() });
    expect(same(only((await read()).certificates).stored.keyPem, key)).toBe(true);
  });

  it('are refused behind a passphrase, with that reason', async () => {
    const key = createPrivateKey(pair.keyPem);
    const locked = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
    plain('example.test', { ...pair, keyPem: locked });
    expect(only((await read()).problems).error.message).toContain('protected by a passphrase');
  });

  it('need not have a key, when a request was signed', async () => {
    plain('example.test', pair);
    rmSync(join(root, 'example.test/example.test.key'));
    expect(only((await read()).certificates).stored.keyPem).toBeUndefined();
  });

  it('of a kind that quoin does not make are followed by the next stronger kind', async () => {
    plain('a.example.test', newPair('a.example.test', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-521']));
    plain('b.example.test', newPair('b.example.test', ['rsa:2560']));
    const { certificates } = await read();
    expect(certificates.map(({ stored: { settings } }) => settings?.keyType)).toEqual(['ec384', 'rsa3072']);
    expect(certificates[0]?.notes.join('\n')).toContain('the next one will be ec384');
  });

  it('with must-staple are followed by such', async () => {
    const curve = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    plain('example.test', newPair('example.test', [...curve, '-addext', 'tlsfeature=status_request']));
    plain('b.example.test', newPair('b.example.test'));
    const settings = (await read()).certificates.map(({ stored: one }) => one.settings?.mustStaple);
    expect(settings).toEqual([false, true]);
  });

  it('for names that DNS-01 cannot prove are taken over without a record', async () => {
    plain('shop.local', newPair('shop'));
    const { stored: certificate, notes } = only((await read()).certificates);
    expect(certificate.settings).toBeUndefined();
    expect(notes.join('\n')).toContain('quoin cannot renew it: shop has a single label');
  });
});

describe('whose store it is', () => {
  it('is told by the user where it cannot be seen', async () => {
    plant(root, { 'readme.txt': 'hello' });
    await expect(detectFormat(root)).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('no store of'),
    });
    expect(readFileSync(join(root, 'readme.txt'), 'utf8')).toBe('hello');
  });
});
