import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateAccountKey } from '../../../src/acme/keys.ts';
import { openStore, type Store, type StoredAccount } from '../../../src/acme/storage.ts';
import { newFolder } from '../../helpers/child.ts';

const server = 'https://ca.example/acme/a/directory';
const other = 'https://ca.example/acme/b/directory';
let root: string;
let store: Store;
let keyPem: string;
beforeAll(async () => {
  keyPem = await generateAccountKey('ec256');
});
beforeEach(() => {
  root = join(newFolder(), 'store');
  store = openStore(root);
});
const account = (id: string, more: Partial<StoredAccount> = {}): StoredAccount => ({
  ...{ id, email: id, directoryUrl: server, keyPem, url: `https://ca.example/acme/a/acct/${id}` },
  ...more,
});
const inStore = (...parts: string[]) => join(root, 'accounts/ca.example', ...parts);

describe('an account whose address has changed', () => {
  beforeEach(() => store.saveAccount(account('old@example.com', { email: 'new@example.com' })));

  it('stays in its folder, where lego finds it, and is found by both addresses', async () => {
    const byId = await store.loadAccount(server, 'old@example.com');
    expect(byId).toMatchObject({ id: 'old@example.com', email: 'new@example.com' });
    expect(await store.loadAccount(server, 'new@example.com')).toEqual(byId);
    expect(existsSync(inStore('new@example.com'))).toBe(false);
  });

  it('is not taken for that of another directory of the host', async () => {
    expect(await store.loadAccount(other, 'new@example.com')).toBeUndefined();
  });

  it('makes way for an account that has the address for its id', async () => {
    await store.saveAccount(account('new@example.com'));
    expect(await store.loadAccount(server, 'new@example.com')).toMatchObject({ id: 'new@example.com' });
  });

  it('is asked after when another one has the same address', async () => {
    await store.saveAccount(account('third', { email: 'new@example.com' }));
    await expect(store.loadAccount(server, 'new@example.com')).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('old@example.com, third'),
      hint: expect.stringContaining('--account-id'),
    });
  });
});

it('lists the accounts of one directory: also those of lego 4, and those that are a key only', async () => {
  await store.saveAccount(account('mine@example.com'));
  await store.saveAccount(account('key@example.com', { url: undefined }));
  await store.saveAccount(
    account('mine@example.com', { directoryUrl: other, url: 'https://ca.example/acme/b/acct/9' }),
  );
  mkdirSync(inStore('lego@example.com/keys'), { recursive: true });
  writeFileSync(inStore('lego@example.com/keys/lego@example.com.key'), keyPem);
  const registration = { body: { status: 'valid' }, uri: 'https://ca.example/acme/a/acct/4' };
  writeFileSync(inStore('lego@example.com/account.json'), JSON.stringify({ email: 'lego@example.com', registration }));
  mkdirSync(inStore('broken@example.com'));
  writeFileSync(inStore('broken@example.com/account.json'), '{');
  const { accounts, problems, paths } = await store.accounts.at(server);
  expect(accounts.map(({ id, url }) => [id, url])).toEqual([
    ['key@example.com', undefined],
    ['lego@example.com', 'https://ca.example/acme/a/acct/4'],
    ['mine@example.com', 'https://ca.example/acme/a/acct/mine@example.com'],
  ]);
  expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining('broken@example.com')]);
  expect(accounts.map((one) => paths.get(one)?.account)).toContain(inStore('mine@example.com/account.json'));
  expect((await store.accounts.at(other)).accounts.map(({ url }) => url)).toEqual(['https://ca.example/acme/b/acct/9']);
});

it('keeps the next key beside the key, for its owner alone, until it is not needed any more', async () => {
  const one = account('me@example.com');
  await store.saveAccount(one);
  const next = await generateAccountKey('ec384');
  await store.accounts.saveNextKey(one, next);
  expect(await store.loadAccount(server, one.id)).toMatchObject({ keyPem, nextKeyPem: next });
  const file = inStore('me@example.com/me@example.com.key.next');
  expect([statSync(file).mode & 0o777, readFileSync(file, 'utf8')]).toEqual([0o600, next]);
  // Saving the account for another reason does not lose it.
  await store.saveAccount({ ...one, email: 'you@example.com' });
  expect(await store.loadAccount(server, one.id)).toMatchObject({ nextKeyPem: next });
  await store.accounts.saveNextKey(one, undefined);
  await store.accounts.saveNextKey(one, undefined);
  expect(await store.loadAccount(server, one.id)).not.toHaveProperty('nextKeyPem');
});

it('moves an account to the archive whole, and never over another one', async () => {
  const now = new Date('2026-11-24T12:00:00Z');
  const places: string[] = [];
  for (const _ of [1, 2]) {
    await store.saveAccount(account('me@example.com'));
    places.push(await store.accounts.archive(account('me@example.com'), now));
    expect(await store.loadAccount(server, 'me@example.com')).toBeUndefined();
  }
  expect(new Set(places).size).toBe(2);
  for (const place of places) {
    expect(place).toMatch(/\/archives\/\d+\.account\.ca\.example\.me@example\.com$/u);
    expect(readFileSync(join(place, 'me@example.com.key'), 'utf8')).toBe(keyPem);
    expect(existsSync(join(place, 'account.json'))).toBe(true);
  }
});

it('warns of a next key that everybody may read', async () => {
  const one = account('me@example.com');
  await store.saveAccount(one);
  const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' });
  writeFileSync(inStore('me@example.com/me@example.com.key.next'), pem, { mode: 0o644 });
  expect(await store.warnings()).toEqual([expect.stringContaining('.key.next')]);
});
