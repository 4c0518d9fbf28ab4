import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { resumeAccount } from '../../../src/acme/account.ts';
import { accountKeyType, isSameKey, parseAccountKey, rolloverKey } from '../../../src/acme/account-key.ts';
import { askAccount, findByKey, type RegisteredAccount } from '../../../src/acme/account-lookup.ts';
import { connectAcme, type Directory } from '../../../src/acme/client.ts';
import { generateAccountKey, type KeyType } from '../../../src/acme/keys.ts';
import { openStore, type Store } from '../../../src/acme/storage.ts';
import { bundle, newFolder, runChild } from '../../helpers/child.ts';
import { type AccountWorld, startAccountWorld } from './account-world.ts';

let world: AccountWorld;
let root: string;
let store: Store;
let directory: Directory;
let account: RegisteredAccount;
beforeAll(async () => {
  world = await startAccountWorld();
});
afterAll(() => world.ca.close());
beforeEach(async () => {
  world.mishap = undefined;
  world.controller = new AbortController();
  root = join(newFolder(), 'store');
  store = openStore(root);
  directory = await world.directory();
  account = await world.register(store);
  for (const list of [world.requests, world.lines]) list.length = 0;
});

const isKeyChange = (path: string) => path === '/key-change';
const roll = async (more: { newKeyPem?: string; keyType?: KeyType } = {}) =>
  rolloverKey({ directory, account: await world.load(root), ...more }, store, world.acme);
/** What any command does that uses the account; the status that the CA tells is the proof. */
async function use(): Promise<RegisteredAccount> {
  const stored = await world.load(root);
  const { connection, account: settled } = await resumeAccount(stored, directory, openStore(root), world.acme);
  expect(await askAccount(connection, settled)).toMatchObject({ status: 'valid' });
  return settled;
}
const nextFile = () =>
  join(root, 'accounts', new URL(directory.url).host.replace(':', '_'), 'me@example.com/me@example.com.key.next');

it.each([
  ['ec256', 'rsa2048'],
  ['rsa2048', 'ec384'],
  ['ec384', 'ec256'],
] as const)(
  'gives an account with a key of type %s one of type %s, and the old one is worth nothing any more',
  async (from, to) => {
    const id = `${from}@example.com`;
    const old = await world.register(store, { id, keyType: from });
    expect(accountKeyType(old.keyPem)).toBe(from);
    const changed = await rolloverKey({ directory, account: old, keyType: to }, store, world.acme);
    expect(accountKeyType(changed.keyPem)).toBe(to);
    expect(await world.load(root, id)).toEqual(changed);
    expect(await findByKey(directory, changed.keyPem, world.acme)).toMatchObject({ url: old.url });
    expect(await findByKey(directory, old.keyPem, world.acme)).toBeUndefined();
    // lego 4 reads the copy, in the older form only.
    const folder = join(root, 'accounts', new URL(directory.url).host.replace(':', '_'), id);
    expect(readFileSync(join(folder, `keys/${id}.key`), 'utf8')).toBe(changed.keyPem);
    expect(changed.keyPem).toMatch(/^-----BEGIN (?:EC|RSA) PRIVATE KEY/u);
    expect(existsSync(join(folder, `${id}.key.next`))).toBe(false);
  },
);

it('has the new key on disk, for its owner alone, before the CA hears of it', async () => {
  let seen: [mode: number, key: string] | undefined;
  world.mishap = (path, { body }) => {
    if (!isKeyChange(path)) return undefined;
    const [outer, pem] = [JSON.parse(String(body)), readFileSync(nextFile(), 'utf8')];
    const inner = JSON.parse(Buffer.from(outer.payload, 'base64url').toString());
    seen = [statSync(nextFile()).mode & 0o777, pem];
    expect(JSON.parse(Buffer.from(inner.protected, 'base64url').toString()).nonce).toBeUndefined();
    return undefined;
  };
  const changed = await roll();
  expect(seen).toEqual([0o600, changed.keyPem]);
});

it('takes the key that the user brings, and refuses the one that the account has', async () => {
  const newKeyPem = await generateAccountKey('ec384');
  expect((await roll({ newKeyPem })).keyPem).toBe(newKeyPem);
  await expect(roll({ newKeyPem })).rejects.toMatchObject({ exitCode: 2 });
  expect((await use()).keyPem).toBe(newKeyPem);
});

describe('when the CA has changed the key, and its answer is lost', () => {
  it('finds that out at once where the CA can be asked', async () => {
    world.mishap = (path) => (isKeyChange(path) ? 'unheard' : undefined);
    const changed = await roll();
    expect(changed.keyPem).not.toBe(account.keyPem);
    world.mishap = undefined;
    expect(await use()).toEqual(changed);
  });

  it('finds that out when it repeats the request, which the CA cannot verify any more', async () => {
    let isFirst = true;
    world.mishap = (path) => {
      if (!isKeyChange(path) || !isFirst) return undefined;
      isFirst = false;
      return 'unheard';
    };
    const stored = await world.load(root);
    const changed = await rolloverKey({ directory, account: stored }, store, { ...world.acme, maxWaitMs: 5_000 });
    expect(world.paths().filter(isKeyChange)).toHaveLength(2);
    expect((await use()).keyPem).toBe(changed.keyPem);
  });

  it.each(['unheard', 'aborted'] as const)('leaves both keys for the next command, which asks (%s)', async (how) => {
    let isOut = false;
    world.mishap = (path) => {
      if (isKeyChange(path)) isOut = true;
      return isKeyChange(path) ? how : isOut ? 'lost' : undefined;
    };
    await expect(roll()).rejects.toThrow(how === 'aborted' ? 'Ctrl-C' : 'could not change the key');
    const { keyPem, nextKeyPem } = await world.load(root);
    expect(keyPem).toBe(account.keyPem);
    world.mishap = undefined;
    world.controller = new AbortController();
    expect((await use()).keyPem).toBe(nextKeyPem);
    expect(world.lines).toContain(
      'the CA has the new key of account me@example.com: the change that was begun is complete',
    );
    // From then on nobody needs to ask.
    world.requests.length = 0;
    await use();
    expect(world.paths().filter((path) => path === '/new-account')).toEqual([]);
  });

  it('counts as done when it is asked for again', async () => {
    world.mishap = (path) => (isKeyChange(path) ? 'aborted' : undefined);
    await expect(roll()).rejects.toThrow('Ctrl-C');
    const { nextKeyPem } = await world.load(root);
    world.mishap = undefined;
    world.controller = new AbortController();
    expect((await roll()).keyPem).toBe(nextKeyPem);
    expect(world.paths().filter(isKeyChange)).toHaveLength(1);
  });
});

describe('when the CA has not changed the key', () => {
  it.each(['lost', 500, 503] as const)(
    'keeps the new one, since the request may arrive yet, and goes on with it (%s)',
    async (how) => {
      world.mishap = (path) => (isKeyChange(path) ? how : undefined);
      await expect(roll()).rejects.toMatchObject({ exitCode: 3, hint: expect.stringContaining('the new one is kept') });
      world.mishap = undefined;
      expect((await use()).keyPem).toBe(account.keyPem);
      expect(world.lines.join()).toContain('quoin account rollover goes on with it');
      const { nextKeyPem } = await world.load(root);
      expect(nextKeyPem).toBeDefined();
      expect((await roll()).keyPem).toBe(nextKeyPem);
      expect((await use()).nextKeyPem).toBeUndefined();
    },
  );

  it('goes on with the old change first when another type is wanted now', async () => {
    world.mishap = (path) => (isKeyChange(path) ? 503 : undefined);
    await expect(roll()).rejects.toThrow('503');
    world.mishap = undefined;
    expect(accountKeyType((await roll({ keyType: 'ec384' })).keyPem)).toBe('ec384');
    expect(world.paths().filter(isKeyChange)).toHaveLength(3);
    expect(accountKeyType((await use()).keyPem)).toBe('ec384');
  });

  it('forgets a key that the CA refuses: 409, it has an account already', async () => {
    const other = await world.register(store, { id: 'other@example.com' });
    await expect(roll({ newKeyPem: other.keyPem })).rejects.toMatchObject({ exitCode: 3, facts: { status: 409 } });
    expect(existsSync(nextFile())).toBe(false);
    expect((await use()).keyPem).toBe(account.keyPem);
    expect((await roll()).keyPem).not.toBe(account.keyPem);
  });

  it('says so when the CA offers no change of keys', async () => {
    const { keyChange: _, ...without } = directory;
    const change = rolloverKey({ directory: without, account }, store, world.acme);
    await expect(change).rejects.toThrow('offers no change of keys');
    expect(existsSync(nextFile())).toBe(false);
  });
});

/*
 * A child process changes the key and kills itself (SIGKILL) right before its n-th file comes or goes, or request, or right
 * after the CA has answered, for n = 1, 2, ... until it gets through.
 */
it('loses no account, wherever it is killed', async () => {
  const script = bundle(`
    import fs from 'node:fs';
    import promises from 'node:fs/promises';
    import { createRequire, syncBuiltinESMExports } from 'node:module';
    import { fetchDirectory } from './src/acme/client.ts';
    import { rolloverKey } from './src/acme/account-key.ts';
    import { openStore } from './src/acme/storage.ts';
    import { createTransport } from './src/http.ts';
    import { silentLog } from './src/log.ts';
    const [root, server, ca, n] = process.argv.slice(2);
    globalThis.require = createRequire(import.meta.url); // Of the libraries in this bundle.
    let left = Infinity;
    const step = () => { if (--left === 0) process.kill(process.pid, 'SIGKILL'); };
    for (const name of ['rename', 'rm']) {
      const real = promises[name];
      promises[name] = (...args) => { step(); return real(...args); };
    }
    syncBuiltinESMExports();
    const send = createTransport({ log: silentLog, env: {}, caCertificates: [fs.readFileSync(ca, 'utf8')] });
    const transport = async (request) => {
      step();
      const answer = await send(request);
      step();
      return answer;
    };
    const options = { transport, log: silentLog, signal: new AbortController().signal, maxWaitMs: 0 };
    const directory = await fetchDirectory(server, options);
    const store = openStore(root);
    const account = await store.loadAccount(server, 'me@example.com');
    left = Number(n);
    await rolloverKey({ directory, account }, store, options);
    process.exit(0);
  `);
  const ca = join(newFolder(), 'ca.pem');
  writeFileSync(ca, world.ca.rootPem);
  const seen: string[] = [];
  const killAt = async (n: number): Promise<boolean> => {
    const folder = join(newFolder(), 'store');
    const mine = openStore(folder);
    const { keyPem: old, url } = await world.register(mine);
    const { signal, code, stderr } = await runChild(script, [folder, directory.url, ca, String(n)]);
    expect({ stderr, code }).toEqual({ stderr: '', code: signal === null ? 0 : null });
    // What the next run finds, and whether the CA takes it.
    const stored = await world.load(folder);
    const { connection, account: found } = await resumeAccount(stored, directory, mine, world.acme);
    expect(await askAccount(connection, found)).toMatchObject({ status: 'valid' });
    seen.push(isSameKey(found.keyPem, old) ? 'old' : 'new');
    if (signal === null) expect(found.nextKeyPem).toBeUndefined();
    const after = await rolloverKey({ directory, account: await world.load(folder) }, mine, world.acme);
    const last = await connectAcme({ ...world.acme, directory, accountKeyPem: after.keyPem, accountUrl: url });
    expect(await askAccount(last, after)).toMatchObject({ status: 'valid' });
    expect(await world.load(folder)).toEqual(after);
    return signal === null;
  };
  let points = 0;
  for (let isThrough = false; !isThrough; points += 3) {
    isThrough = (await Promise.all([1, 2, 3].map((i) => killAt(points + i)))).some(Boolean);
  }
  expect(points).toBeGreaterThan(8);
  expect(new Set(seen)).toEqual(new Set(['old', 'new']));
}, 120_000);

it('names the file of a next key that is damaged', async () => {
  writeFileSync(nextFile(), 'garbage');
  await expect(world.load(root)).rejects.toMatchObject({ exitCode: 6, message: expect.stringContaining('.key.next') });
});

it.each([
  [
    'an encrypted key',
    '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIF\n-----END ENCRYPTED PRIVATE KEY-----\n',
    'is encrypted',
  ],
  ['no key', 'hello', 'holds no private key'],
])('refuses %s', (_, pem, message) => {
  expect(() => parseAccountKey(pem, 'my.pem')).toThrow(message);
});
