import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { openStore, type PendingOrder, type Store } from '../../../src/acme/storage.ts';
import { silentLog } from '../../../src/log.ts';
import { newFolder } from '../../helpers/child.ts';
import { newPair, stored } from '../../helpers/pairs.ts';

let root: string;
let store: Store;
let warned: string[];
const at = (...parts: string[]) => join(root, ...parts);
const put = (path: string, content: string | object) => {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), typeof content === 'string' ? content : JSON.stringify(content));
};
const modeOf = (path: string) => (statSync(at(path)).mode & 0o777).toString(8);
const json = (path: string) => JSON.parse(readFileSync(at(path), 'utf8'));
const newKey = (type: 'sec1' | 'pkcs8') =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type, format: 'pem' }).toString();
const samePublic = (a: string, b: string) => createPrivateKey(a).equals(createPrivateKey(b));

const directoryUrl = 'https://ca.example:14000/dir';
const id = 'me@example.com';
const folder = `accounts/ca.example_14000/${id}`;
const account = { id, email: id, directoryUrl, keyPem: newKey('sec1') };
const url = 'https://ca.example:14000/my-account/1';
const pair = newPair();

beforeEach(() => {
  root = newFolder();
  warned = [];
  store = openStore(root, { log: { ...silentLog, warn: (text) => warned.push(text) } });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('accounts', () => {
  it('are without a URL, and no account to lego, until they are registered', async () => {
    await store.saveAccount(account);
    expect(await store.loadAccount(directoryUrl, id)).toMatchObject({ keyPem: account.keyPem, url: undefined });
    expect(existsSync(at(folder, 'account.json'))).toBe(false);
    await store.saveAccount({ ...account, url, contact: [`mailto:${id}`] });
    expect(await store.loadAccount(directoryUrl, id)).toEqual({
      ...account,
      url,
      status: 'valid',
      contact: [`mailto:${id}`],
    });
  });

  it('say the same to lego 4 and lego 5', async () => {
    await store.saveAccount({ ...account, keyPem: newKey('pkcs8'), url });
    expect(json(`${folder}/account.json`)).toMatchObject({
      email: id,
      registration: { body: { status: 'valid' }, uri: url, status: 'valid', accountURL: url },
      id,
      keyType: 'EC256',
      server: directoryUrl,
    });
    const [lego4, lego5] = [`${folder}/keys/${id}.key`, `${folder}/${id}.key`];
    expect(readFileSync(at(lego4), 'utf8')).toContain('BEGIN EC PRIVATE KEY');
    expect(samePublic(readFileSync(at(lego4), 'utf8'), readFileSync(at(lego5), 'utf8'))).toBe(true);
    expect([modeOf(lego4), modeOf(lego5), modeOf(folder), modeOf('accounts')]).toEqual(['600', '600', '700', '700']);
  });

  it.each(['sec1', 'pkcs8'] as const)('of lego 4 are read, with a %s key', async (type) => {
    const keyPem = newKey(type);
    put(`${folder}/keys/${id}.key`, keyPem);
    put(`${folder}/account.json`, { email: id, registration: { body: { status: 'valid' }, uri: url } });
    expect(await store.loadAccount(directoryUrl, id)).toMatchObject({ keyPem, url, email: id });
  });

  it('of lego 5 are read', async () => {
    const keyPem = newKey('pkcs8');
    put(`${folder}/${id}.key`, keyPem);
    put(`${folder}/account.json`, {
      id,
      email: id,
      server: directoryUrl,
      registration: { status: 'valid', accountURL: url },
    });
    expect(await store.loadAccount(directoryUrl, id)).toMatchObject({ keyPem, url });
  });

  it('follow a key that lego 5 changed', async () => {
    await store.saveAccount({ ...account, url });
    const changed = newKey('sec1');
    put(`${folder}/${id}.key`, changed);
    expect(await store.loadAccount(directoryUrl, id)).toMatchObject({ keyPem: changed });
    await store.saveAccount({ ...account, keyPem: changed, url });
    expect(readFileSync(at(folder, 'keys', `${id}.key`), 'utf8')).toBe(changed);
  });

  it('of two directories on one host are kept apart, also before either is registered', async () => {
    const [a, b] = ['https://ca.example/acme/a/directory', 'https://ca.example/acme/b/directory'];
    const [keyA, keyB] = [newKey('sec1'), newKey('sec1')];
    await store.saveAccount({ ...account, directoryUrl: a, keyPem: keyA });
    expect(await store.loadAccount(b, id)).toBeUndefined();
    await store.saveAccount({ ...account, directoryUrl: b, keyPem: keyB, url: 'https://ca.example/acme/b/account/1' });
    await store.saveAccount({ ...account, directoryUrl: a, keyPem: keyA, url: 'https://ca.example/acme/a/account/1' });
    expect((await store.loadAccount(a, id))?.keyPem).toBe(keyA);
    expect((await store.loadAccount(b, id))?.keyPem).toBe(keyB);
    expect(readdirSync(at('accounts')).sort()).toEqual([
      'ca.example',
      expect.stringMatching(/^ca\.example_[0-9a-f]{8}$/u),
    ]);
    expect((await store.listAccounts()).accounts.map((found) => found.directoryUrl).sort()).toEqual([a, b]);
  });

  it.each([
    ['https://ca.example/acme/a/directory', 'https://ca.example/acme/a/account/1', true],
    ['https://ca.example/acme/b/directory', 'https://ca.example/acme/a/account/1', false],
    ['https://acme-v02.api.letsencrypt.org/directory', 'https://acme-v02.api.letsencrypt.org/acme/acct/1', true],
    ['https://acme.zerossl.com/v2/DV90', 'https://acme.zerossl.com/v2/DV90/account/x', true],
    ['https://acme.ssl.com/sslcom-dv-ecc', 'https://acme.ssl.com/sslcom-dv-rsa/acct/1', false],
    ['https://ca.example/directory', 'https://accounts.ca.example/1', true],
  ])('of lego 4, which notes no directory, are told apart by their URL: %s %s', async (directory, uri, isIts) => {
    const host = new URL(directory).host;
    put(`accounts/${host}/${id}/keys/${id}.key`, account.keyPem);
    put(`accounts/${host}/${id}/account.json`, { email: id, registration: { body: { status: 'valid' }, uri } });
    expect((await store.loadAccount(directory, id))?.url).toBe(isIts ? uri : undefined);
  });

  it('that are damaged are an error naming the file, and never no account', async () => {
    await store.saveAccount({ ...account, url });
    const files = { 'account.json': json(`${folder}/account.json`), [`${id}.key`]: account.keyPem };
    for (const [file, whole] of Object.entries(files)) {
      for (const bad of ['', '{"email":', '\0\0\0\0', '{"email":3,"registration":7}']) {
        put(`${folder}/${file}`, bad);
        await expect(store.loadAccount(directoryUrl, id)).rejects.toMatchObject({
          exitCode: 6,
          message: expect.stringContaining(`${at(folder, file)} is damaged`),
          hint: expect.any(String),
        });
      }
      put(`${folder}/${file}`, whole);
    }
    rmSync(at(folder, `${id}.key`));
    rmSync(at(folder, 'keys'), { recursive: true });
    await expect(store.loadAccount(directoryUrl, id)).rejects.toThrow('has no key beside it');
    expect((await store.listAccounts()).problems).toHaveLength(1);
  });

  it.each(['..', '../x', 'a/b', '', '.', 'a\0b', 'a\\b'])('cannot be named %j', async (bad) => {
    await expect(store.loadAccount(directoryUrl, bad)).rejects.toMatchObject({ exitCode: 2 });
  });

  it("keep lego's names for folders", async () => {
    for (const odd of ["o'brien+acme@example.com", 'noemail@example.com', 'MÜLLER@example.com']) {
      await store.saveAccount({ ...account, id: odd, directoryUrl: 'https://[::1]:14000/dir', url });
      expect(existsSync(at('accounts/[__1]_14000', odd, 'account.json'))).toBe(true);
    }
  });
});

describe('certificates', () => {
  const wildcard = stored('*.example.com', pair);

  it('come back as they were written', async () => {
    expect(await store.readCertificate('*.example.com')).toBeUndefined();
    const paths = await store.writeCertificate(wildcard);
    expect(paths).toEqual({
      certificate: at('certificates/_.example.com.crt'),
      issuer: at('certificates/_.example.com.issuer.crt'),
      key: at('certificates/_.example.com.key'),
      metadata: at('certificates/_.example.com.json'),
    });
    expect(await store.readCertificate('*.example.com')).toEqual(wildcard);
    expect(await store.readCertificate('_.example.com')).toEqual(wildcard);
    expect(await store.listCertificates()).toEqual(['_.example.com']);
    expect(readdirSync(at('certificates')).map((file) => modeOf(`certificates/${file}`))).toEqual(Array(4).fill('600'));
    expect(json('certificates/_.example.com.json')).toMatchObject({
      id: '*.example.com',
      domain: '*.example.com',
      domains: ['example.com'],
      keyType: 'EC256',
      certUrl: wildcard.url,
      certStableUrl: wildcard.url,
    });
  });

  it('of lego are read, which have no settings', async () => {
    put('certificates/example.com.crt', pair.certificatePem);
    put('certificates/example.com.key', pair.keyPem);
    const meta = { domain: 'example.com', certUrl: 'https://ca/1', certStableUrl: 'https://ca/1' };
    put('certificates/example.com.json', meta);
    const found = { name: 'example.com', ...pair, issuerPem: '', url: 'https://ca/1', settings: undefined };
    expect(await store.readCertificate('example.com')).toEqual(found);
    rmSync(at('certificates/example.com.json'));
    expect(await store.readCertificate('example.com')).toEqual({ ...found, url: '' });
  });

  it('keep the modes, owners and links that their files were given', async () => {
    await store.writeCertificate(stored('example.com', pair));
    mkdirSync(at('etc'));
    execFileSync('mv', [at('certificates/example.com.crt'), at('etc/site.pem')]);
    symlinkSync('../etc/site.pem', at('certificates/example.com.crt'));
    chmodSync(at('certificates/example.com.key'), 0o644);
    chmodSync(at('etc/site.pem'), 0o644);
    const group = process.getuid?.() === 0 ? 65534 : (process.getgid?.() ?? 0);
    chownSync(at('certificates/example.com.key'), process.getuid?.() ?? 0, group);
    const next = stored('example.com', newPair());
    await store.writeCertificate(next);
    // For the group, perhaps; never for everybody.
    expect(modeOf('certificates/example.com.key')).toBe('640');
    expect(statSync(at('certificates/example.com.key')).gid).toBe(group);
    expect(modeOf('etc/site.pem')).toBe('644');
    expect(readFileSync(at('etc/site.pem'), 'utf8')).toBe(next.certificatePem);
    expect(await store.readCertificate('example.com')).toEqual(next);
  });

  it('take a mode and more files along', async () => {
    const pfx = Buffer.from([0, 255, 128, 10]);
    await store.writeCertificate(stored('example.com', pair), { mode: 0o644, extra: { '.pfx': pfx, '.pem': 'both' } });
    expect(['crt', 'json', 'key', 'pfx'].map((ending) => modeOf(`certificates/example.com.${ending}`))).toEqual([
      '644',
      '644',
      '640',
      '640',
    ]);
    expect(readFileSync(at('certificates/example.com.pfx'))).toEqual(pfx);
  });

  it('without a key move a key of another certificate aside, and leave their own', async () => {
    await store.writeCertificate(stored('example.com', pair));
    const { keyPem, ...csr } = stored('example.com', pair);
    await store.writeCertificate(csr);
    expect((await store.readCertificate('example.com'))?.keyPem).toBe(keyPem);
    const { keyPem: _, ...other } = stored('example.com', newPair());
    await store.writeCertificate(other);
    expect((await store.readCertificate('example.com'))?.keyPem).toBeUndefined();
    expect(readFileSync(at('certificates/example.com.key.old'), 'utf8')).toBe(keyPem);
  });

  it('are refused when their key is another', async () => {
    await expect(store.writeCertificate({ ...stored('example.com', pair), keyPem: newPair().keyPem })).rejects.toThrow(
      'do not belong together',
    );
    expect(existsSync(at('certificates'))).toBe(false);
  });

  it('that are damaged name the file, and do not hide the others', async () => {
    await store.writeCertificate(stored('example.org', pair));
    const cases: [file: string, content: string, message: string][] = [
      ['.crt', '', '.crt is damaged: it is empty'],
      ['.crt', pair.certificatePem.slice(0, 200), '.crt is damaged'],
      ['.key', 'x', '.key is damaged'],
      ['.key', newPair().keyPem, '.key does not belong to example.com.crt'],
      ['.json', '{"domain":', '.json is damaged'],
      ['.json', '{"domain":"example.com","quoin":{"version":2}}', '.json was written by a newer quoin'],
    ];
    for (const [ending, content, message] of cases) {
      await store.writeCertificate(stored('example.com', pair));
      put(`certificates/example.com${ending}`, content);
      await expect(store.readCertificate('example.com')).rejects.toMatchObject({
        exitCode: 6,
        message: expect.stringContaining(at(`certificates/example.com${message}`)),
        hint: expect.any(String),
      });
      expect(await store.listCertificates()).toEqual(['example.com', 'example.org']);
    }
  });

  it.each([
    [{ names: [null] }, 'quoin.names is not a list of one text or more'],
    [{ dns: 5 }, 'quoin.dns is not a list of texts'],
    [{ servers: [] }, 'quoin.servers is not a list of one text or more'],
    [{ accountId: undefined }, 'quoin.accountId is missing'],
    [{ bundle: 'yes' }, 'quoin.bundle is not true or false'],
    [{ renewDays: -1 }, 'quoin.renewDays is not a number of 0 or more'],
    [{ hooks: 'reload' }, 'quoin.hooks is not an object'],
    [{ hooks: { deploy: [] } }, 'quoin.hooks.deploy is not a command'],
    [{ files: { mode: 640 } }, 'quoin.files.mode is not a mode such as "640"'],
    [{ files: { pfx: true } }, 'quoin.files.pfx is not one of SHA256, DES, RC2'],
    [{ propagation: { waitMs: '1m' } }, 'quoin.propagation.waitMs is not a number of 0 or more'],
  ])('whose record was edited to make no sense name what is wrong: %j', async (part, why) => {
    const certificate = stored('example.com', pair);
    await store.writeCertificate(certificate);
    const path = 'certificates/example.com.json';
    put(path, { ...json(path), quoin: { ...certificate.settings, ...part } });
    await expect(store.readListed('example.com')).rejects.toMatchObject({
      code: 'STORAGE',
      message: expect.stringContaining(`${at(path)} is damaged: ${why}`),
    });
    // It can be replaced.
    await store.writeCertificate(certificate);
    expect((await store.readListed('example.com'))?.settings).toEqual(certificate.settings);
  });

  it.each([5, {}, '../../x', 'other.example', undefined])(
    'are called as their files are where the metadata says otherwise: %j',
    async (name) => {
      await store.writeCertificate(stored('example.com', pair));
      const path = 'certificates/example.com.json';
      put(path, { ...json(path), id: name, domain: name, certUrl: name });
      expect(await store.readListed('example.com')).toMatchObject({ name: 'example.com', url: expect.any(String) });
    },
  );

  it('are listed without their keys, whatever is the matter with those', async () => {
    await store.writeCertificate(stored('example.com', pair));
    put('certificates/example.com.key', 'x');
    const { keyPem: _, ...listed } = stored('example.com', pair);
    expect(await store.readListed('example.com')).toEqual(listed);
    expect(await store.readListed('example.net')).toBeUndefined();
  });

  it('have another stamp when they were written again', async () => {
    await store.writeCertificate(stored('example.com', pair));
    const first = store.stamp('example.com');
    expect(store.stamp('example.com')).toBe(first);
    await store.writeCertificate(stored('example.com', newPair()));
    expect(store.stamp('example.com')).not.toBe(first);
    expect(store.stamp('example.net')).toBe('');
  });

  it('can replace damaged ones', async () => {
    for (const ending of ['crt', 'key', 'json', 'issuer.crt']) put(`certificates/example.com.${ending}`, '\0');
    await store.writeCertificate(stored('example.com', pair));
    expect(await store.readCertificate('example.com')).toEqual(stored('example.com', pair));
  });

  it('whose names would have the same files are refused', async () => {
    await store.writeCertificate(wildcard);
    await expect(store.writeCertificate(stored('_.example.com', pair))).rejects.toMatchObject({ exitCode: 2 });
    expect((await store.readCertificate('*.example.com'))?.name).toBe('*.example.com');
  });

  it.each(['../x', 'a/b', '', '.', '..', '.hidden', 'a\0', 'a..b', 'n'.repeat(243)])(
    'cannot be named %j',
    async (bad) => {
      expect(() => store.paths(bad)).toThrow('cannot be the name of a file');
      await expect(store.writeCertificate(stored(bad, pair))).rejects.toMatchObject({ exitCode: 2 });
      await expect(store.readCertificate(bad)).rejects.toMatchObject({ exitCode: 2 });
    },
  );

  it('with long names are written, locked and read', async () => {
    const name = `${'a'.repeat(60)}.`.repeat(3) + 'b'.repeat(59);
    expect(name).toHaveLength(242);
    const lock = await store.lockCertificate(name, { log: silentLog, signal: new AbortController().signal });
    await store.writeCertificate(stored(name, pair));
    expect((await store.readCertificate(name))?.name).toBe(name);
    await lock.release();
  });
});

describe('orders under way', () => {
  const order: PendingOrder = {
    url: 'https://ca/order/1',
    directoryUrl,
    accountUrl: url,
    names: ['example.com'],
    settings: 'abc',
    createdAt: '2026-01-01T00:00:00Z',
    keyPem: pair.keyPem,
  };

  it('come back, and are forgotten', async () => {
    expect(await store.readPending('example.com')).toBeUndefined();
    await store.writePending('example.com', order);
    expect(modeOf('orders/example.com.json')).toBe('600');
    expect(await store.readPending('example.com')).toEqual(order);
    await store.removePending('example.com');
    await store.removePending('example.com');
    expect(await store.readPending('example.com')).toBeUndefined();
  });

  it.each(['', '{"version":1}', '{', JSON.stringify({ version: 1, ...order, keyPem: 'x' })])(
    'that are damaged are set aside with a warning: %j',
    async (content) => {
      put('orders/example.com.json', content);
      expect(await store.readPending('example.com')).toBeUndefined();
      expect(readFileSync(at('orders/example.com.json.damaged'), 'utf8')).toBe(content);
      expect(warned).toEqual([expect.stringContaining(`${at('orders/example.com.json')} is damaged`)]);
    },
  );

  it('of a newer quoin are left alone', async () => {
    put('orders/example.com.json', { version: 2 });
    await expect(store.readPending('example.com')).rejects.toThrow('was written by a newer quoin');
    expect(existsSync(at('orders/example.com.json'))).toBe(true);
  });
});

it('warns of keys and folders that are open to everybody', async () => {
  await store.saveAccount({ ...account, url });
  await store.writeCertificate(stored('example.com', pair));
  expect(await store.warnings()).toEqual([]);
  for (const file of [`${folder}/${id}.key`, 'certificates/example.com.key']) chmodSync(at(file), 0o644);
  chmodSync(root, 0o777);
  expect((await store.warnings()).map((text) => text.match(/\S*quoin-test\S*?(?=[; ]|$)/u)?.[0])).toEqual([
    root,
    at(folder, `${id}.key`),
    at('certificates/example.com.key'),
  ]);
});

it('probes without leaving anything but its folders', async () => {
  await store.probe();
  expect(readdirSync(root, { recursive: true }).sort()).toEqual([
    'accounts',
    'certificates',
    'journal',
    'locks',
    'orders',
    'renewals',
    'writes',
  ]);
});
