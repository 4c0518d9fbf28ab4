import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Found } from '../../../src/acme/import/found.ts';
import { type TakeOverOptions, takeOver } from '../../../src/acme/import/take-over.ts';
import { openStore, type Store, type StoredAccount, type StoredCertificate } from '../../../src/acme/storage.ts';
import { Interrupted } from '../../../src/errors.ts';
import { silentLog } from '../../../src/log.ts';
import { newFolder } from '../../helpers/child.ts';
import { treeHash } from '../../helpers/import-trees.ts';
import { newPair, stored } from '../../helpers/pairs.ts';

const CA = 'https://ca.example/directory';
const newPem = () =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' }).toString();
const account = (more: Partial<StoredAccount> = {}): StoredAccount => ({
  id: 'me@example.com',
  email: 'me@example.com',
  directoryUrl: CA,
  keyPem: newPem(),
  url: 'https://ca.example/acct/1',
  ...more,
});
const found = (accounts: readonly StoredAccount[], certificates: readonly StoredCertificate[]): Found => ({
  accounts: accounts.map((one) => ({ from: '/source', account: one, notes: [] })),
  certificates: certificates.map((one) => ({ from: '/source', stored: one, hooks: {}, notes: [] })),
  ...{ problems: [], credentials: [], notes: [] },
});
const [first, second] = [newPair('a.example.com'), newPair('a.example.com')];

let root: string;
let store: Store;
beforeEach(() => {
  root = join(newFolder(), 'store');
  store = openStore(root);
});
async function take(what: Found, options: Partial<TakeOverOptions> = {}) {
  const signal = new AbortController().signal;
  const now = new Date(1_900_000_000_000);
  const { accounts, certificates } = await takeOver(what, store, {
    ...{ dryRun: false, force: false, now, log: silentLog, signal, ...options },
  });
  return [...accounts, ...certificates].map(({ action }) => action);
}
const keyOf = async (name: string) => (await store.readCertificate(name))?.keyPem;

it('writes accounts and certificates, once', async () => {
  const all = found(
    [account()],
    [stored('a.example.com', first), stored('*.b.example.com', newPair('*.b.example.com'))],
  );
  expect(await take(all)).toEqual(['imported', 'imported', 'imported']);
  expect(await store.listCertificates()).toEqual(['_.b.example.com', 'a.example.com']);
  expect(await store.loadAccount(CA, 'me@example.com')).toMatchObject({ url: 'https://ca.example/acct/1' });
  expect(statSync(join(root, 'certificates/a.example.com.key')).mode & 0o777).toBe(0o600);
  const before = treeHash(join(root, 'certificates'));
  expect(await take(all)).toEqual(['unchanged', 'unchanged', 'unchanged']);
  expect(treeHash(join(root, 'certificates'))).toBe(before);
});

it('writes nothing in a rehearsal, and tells the same', async () => {
  const all = found([account()], [stored('a.example.com', first)]);
  expect(await take(all, { dryRun: true })).toEqual(['imported', 'imported']);
  expect(existsSync(root)).toBe(false);
  await take(found([account()], [stored('a.example.com', second)]));
  const before = treeHash(root);
  expect(await take(all, { dryRun: true })).toEqual(['kept', 'kept']);
  expect(await take(all, { dryRun: true, force: true })).toEqual(['replaced', 'replaced']);
  expect(treeHash(root)).toBe(before);
});

it('leaves alone what the store has, and goes on', async () => {
  const mine = account();
  await take(found([mine], [stored('a.example.com', first)]));
  const more = stored('z.example.com', newPair('z.example.com'));
  const other = found([account()], [stored('a.example.com', second), more]);
  expect(await take(other)).toEqual(['kept', 'kept', 'imported']);
  expect(await keyOf('a.example.com')).toBe(first.keyPem);
  expect((await store.loadAccount(CA, mine.id))?.keyPem).toBe(mine.keyPem);
});

it('replaces it when it is told to, and keeps copies', async () => {
  const mine = account();
  await take(found([mine], [stored('a.example.com', first)]));
  const other = found([account()], [stored('a.example.com', second)]);
  expect(await take(other, { force: true })).toEqual(['replaced', 'replaced']);
  expect(await keyOf('a.example.com')).toBe(second.keyPem);
  expect(readFileSync(join(root, 'archives/1900000000.me@example.com.key'), 'utf8')).toBe(mine.keyPem);
  expect(readFileSync(join(root, 'archives/1900000000.a.example.com.key'), 'utf8')).toBe(first.keyPem);
  expect(await take(found([], [stored('a.example.com', first)]), { force: true })).toEqual(['replaced']);
  expect(readFileSync(join(root, 'archives/1900000001.a.example.com.key'), 'utf8')).toBe(second.keyPem);
  expect(readdirSync(join(root, 'archives'))).toHaveLength(9);
});

it('adds what the same account or certificate lacks', async () => {
  const mine = account({ url: undefined });
  const { settings: _, ...bare } = stored('a.example.com', first);
  await take(found([mine], [bare]));
  const url = 'https://ca.example/acct/1';
  expect(await take(found([{ ...mine, url }], [stored('a.example.com', first)]))).toEqual(['imported', 'imported']);
  expect((await store.loadAccount(CA, mine.id))?.url).toBe(url);
  expect((await store.readCertificate('a.example.com'))?.settings).toMatchObject({ dns: ['exec'] });
});

it('goes on after what cannot be written, and replaces what is damaged only when told to', async () => {
  mkdirSync(join(root, 'certificates'), { recursive: true });
  writeFileSync(join(root, 'certificates/a.example.com.crt'), 'damaged');
  const all = found(
    [account({ id: '../evil' })],
    [
      stored('../evil', newPair('evil.example.com')),
      stored('a.example.com', first),
      stored('b.example.com', newPair('b.example.com')),
    ],
  );
  expect(await take(all)).toEqual(['failed', 'failed', 'failed', 'imported']);
  expect(await take(all, { force: true })).toEqual(['failed', 'failed', 'replaced', 'replaced']);
  expect(await keyOf('a.example.com')).toBe(first.keyPem);
});

it('ends when it is interrupted, also while the last one is written', async () => {
  const already = AbortSignal.abort(new Error('enough'));
  await expect(take(found([account()], []), { signal: already })).rejects.toThrow('enough');
  const controller = new AbortController();
  const { lockAccount } = store;
  store = {
    ...store,
    lockAccount(...args) {
      controller.abort(new Interrupted('SIGINT'));
      return lockAccount(...args);
    },
    saveAccount: () => Promise.reject(controller.signal.reason),
  };
  await expect(take(found([account()], []), { signal: controller.signal })).rejects.toThrow('interrupted by SIGINT');
});
