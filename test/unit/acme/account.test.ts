import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type AccountRequest, ensureAccount, registerAccount } from '../../../src/acme/account.ts';
import { accountKeyType } from '../../../src/acme/account-key.ts';
import { askAccount, isRegistered } from '../../../src/acme/account-lookup.ts';
import { generateAccountKey, type KeyType } from '../../../src/acme/keys.ts';
import { openStore, type Store } from '../../../src/acme/storage.ts';
import { newFolder } from '../../helpers/child.ts';
import { type AccountWorld, startAccountWorld } from './account-world.ts';

const id = 'me@example.com';
let world: AccountWorld;
let store: Store;
let root: string;
beforeEach(() => {
  root = join(newFolder(), 'store');
  store = openStore(root);
});
const reset = (of: AccountWorld) => {
  of.mishap = undefined;
  for (const list of [of.requests, of.lines]) list.length = 0;
};
const request = async (more: Partial<AccountRequest> = {}): Promise<AccountRequest> => ({
  ...{ directory: await world.directory(), id, email: id, keyType: 'ec256', acceptTos: true },
  ...more,
});
const ensure = async (more: Partial<AccountRequest> = {}) => ensureAccount(await request(more), store, world.acme);

describe('an account', () => {
  beforeAll(async () => {
    world = await startAccountWorld();
  });
  afterAll(() => world.ca.close());
  beforeEach(() => reset(world));

  it.each(['ec256', 'ec384', 'rsa2048', 'rsa3072'] as const)(
    'has a key of type %s, and signs with it',
    async (keyType: KeyType) => {
      const connection = await ensure({ keyType });
      const stored = await world.load(root);
      expect([accountKeyType(stored.keyPem), stored.contact]).toEqual([keyType, [`mailto:${id}`]]);
      expect(await askAccount(connection, stored)).toEqual({ status: 'valid', contact: [`mailto:${id}`] });
    },
  );

  it.each([
    ['lost', 'unheard'],
    ['lost', 503],
    ['unheard', 500],
  ] as const)('is registered by the next run when two have failed (%s, %s), and is one account', async (...mishaps) => {
    for (const how of mishaps) {
      world.mishap = (path) => (path === '/new-account' ? how : undefined);
      await expect(ensure()).rejects.toMatchObject({ exitCode: 3 });
      const left = await store.loadAccount(world.ca.directoryUrl, id);
      expect([left?.url, left?.keyPem]).toEqual([undefined, expect.any(String)]);
    }
    world.mishap = undefined;
    const connection = await ensure();
    const stored = await world.load(root);
    expect(connection.accountUrl).toBe(stored.url);
    expect(await askAccount(connection, stored)).toMatchObject({ status: 'valid' });
  });

  it('needs neither terms nor binding once the CA has it', async () => {
    world.mishap = (path) => (path === '/new-account' ? 'unheard' : undefined);
    await expect(ensure()).rejects.toThrow();
    world.mishap = undefined;
    await ensure({ acceptTos: false });
    expect(world.lines.at(-1)).toBe(`account ${id} was registered before`);
  });

  it('takes the key that the user brings', async () => {
    const keyPem = await generateAccountKey('ec384');
    await ensure({ keyPem });
    expect((await world.load(root)).keyPem).toBe(keyPem);
    // On another machine the CA is found to have it.
    const elsewhere = openStore(join(newFolder(), 'store'));
    const again = await registerAccount(await request({ keyPem, acceptTos: false }), undefined, elsewhere, world.acme);
    expect([again.how, again.account.url]).toEqual(['found', (await world.load(root)).url]);
  });

  it('is used without a request of its own once it is registered', async () => {
    await ensure();
    reset(world);
    await ensure({ acceptTos: false });
    expect(world.paths()).toEqual([]);
  });

  it('says plainly that it is deactivated, and asks nobody', async () => {
    await ensure();
    await store.saveAccount({ ...(await world.load(root)), status: 'deactivated' });
    reset(world);
    await expect(ensure()).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('is deactivated'),
      hint: expect.stringContaining('quoin account register'),
    });
    expect(world.paths()).toEqual([]);
  });

  it('is told from one that the CA does not know any more, with the next command', async () => {
    const connection = await ensure();
    const stored = await world.load(root);
    const gone = { ...stored, url: stored.url.replace(/.$/u, 'x') };
    connection.accountUrl = gone.url;
    expect(await askAccount(connection, gone)).toEqual({ status: 'unknown' });
    await expect(connection.post(gone.url, null, { doing: 'read it' })).rejects.toMatchObject({
      code: 'ACME_ACCOUNT_DOES_NOT_EXIST',
      hint: expect.stringContaining('quoin account register'),
    });
  });
});

describe('external account binding by e-mail', () => {
  const kid = 'GD-VvWydSVFuss_GhBwYQQ';
  const hmacKey = 'MjXU3MH-Z0WQ7piMAnVsCpD1shgMiWx6ggPWiTmydgUaj7dWWWfQfA';
  const good = { success: true, eab_kid: kid, eab_hmac_key: hmacKey };
  let server: Server;
  let asked: { method?: string | undefined; type?: string | undefined; body: string }[] = [];
  let answer: { status?: number; body: unknown; type?: string };
  let eabServices: Record<string, string>;
  beforeAll(async () => {
    world = await startAccountWorld({ externalAccounts: [{ kid, hmacKey }] });
    server = createServer(async (incoming, outgoing) => {
      let body = '';
      for await (const chunk of incoming) body += chunk;
      asked.push({ method: incoming.method, type: incoming.headers['content-type'], body });
      const { status = 200, type = 'application/json' } = answer;
      outgoing.writeHead(status, { 'content-type': type });
      outgoing.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    eabServices = {
      [new URL(world.ca.directoryUrl).host]: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    };
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await world.ca.close();
  });
  beforeEach(() => {
    reset(world);
    asked = [];
    answer = { body: good };
  });
  const log = () => world.lines.join('\n');

  it('is got for the address, used once, and neither stored nor logged', async () => {
    await ensure({ eabServices });
    expect(asked).toEqual([
      { method: 'POST', type: 'application/x-www-form-urlencoded', body: 'email=me%40example.com' },
    ]);
    expect(await world.load(root)).toMatchObject({ status: 'valid' });
    expect(log()).not.toContain(hmacKey);
    expect(JSON.stringify(await store.listAccounts())).not.toMatch(/GD-VvWyd|MjXU3MH/u);
    await ensure({ eabServices });
    expect(asked).toHaveLength(1);
  });

  it('is understood in plain base64 and under another content type', async () => {
    const base64 = hmacKey.replaceAll('-', '+').replaceAll('_', '/');
    answer = { body: JSON.stringify({ ...good, eab_hmac_key: `${base64}==` }), type: 'text/html' };
    await ensure({ eabServices });
    expect(isRegistered(await world.load(root))).toBe(true);
  });

  it('is not asked for where the user has one', async () => {
    await ensure({ eabServices, eab: { kid, hmacKey } });
    expect(asked).toEqual([]);
  });

  it('is not asked for again when the CA has the account, whose registration was not heard of', async () => {
    world.mishap = (path) => (path === '/new-account' ? 'unheard' : undefined);
    await expect(ensure({ eabServices })).rejects.toThrow();
    world.mishap = undefined;
    await ensure({ eabServices });
    expect(asked).toHaveLength(1);
  });

  it('needs an address', async () => {
    await expect(ensure({ eabServices, id: 'noemail@example.com', email: undefined })).rejects.toMatchObject({
      exitCode: 2,
      hint: expect.stringContaining('pass --email'),
    });
    expect(asked).toEqual([]);
  });

  it('needs the credentials of a customer where the CA gives none by e-mail', async () => {
    await expect(ensure({ eabServices: {} })).rejects.toMatchObject({
      exitCode: 2,
      hint: expect.stringContaining('--kid'),
    });
  });

  it.each([
    [
      'a refusal',
      { body: { success: false, error: { code: 2900, type: 'missing_email', info: null } } },
      '2900 missing_email',
    ],
    ['half an answer', { body: { success: true, eab_hmac_key: hmacKey } }, 'answered 200 without any'],
    ['a key that is none', { body: { success: true, eab_kid: kid, eab_hmac_key: '<b>' } }, 'answered 200 without any'],
    ['a page', { status: 403, body: '<h1>Blocked</h1>', type: 'text/html' }, 'answered 403 without any'],
    ['a failure', { status: 502, body: 'bad gateway', type: 'text/plain' }, 'answered 502'],
  ])('tells of %s, and leaves nothing behind that the next run stumbles over', async (_, reply, message) => {
    answer = reply;
    const error = await ensure({ eabServices }).catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ exitCode: 3, message: expect.stringContaining(message) });
    expect(JSON.stringify(error) + String(error)).not.toContain(hmacKey);
    expect(await store.loadAccount(world.ca.directoryUrl, id)).toBeUndefined();
    answer = { body: good };
    await ensure({ eabServices });
    expect(await world.load(root)).toMatchObject({ status: 'valid' });
  });

  it('says that the service cannot be reached', async () => {
    const nowhere = { [new URL(world.ca.directoryUrl).host]: 'http://127.0.0.1:1/' };
    await expect(ensure({ eabServices: nowhere })).rejects.toMatchObject({ code: 'ACME_UNAVAILABLE' });
  });
});
