import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../../src/acme/storage.ts';
import { newFolder } from '../../helpers/child.ts';
import { newPair, stored } from '../../helpers/pairs.ts';

// Debian 12's lego is 4.9, which says `dev` when asked.
const installed = spawnSync('lego', ['--version']).status === 0;
const describeLego = installed ? describe : describe.skip;
const server = 'https://127.0.0.1:1/dir';
const email = 'me@example.com';

describeLego(`lego${installed ? '' : ' (not installed)'}, given a store of quoin`, () => {
  let root: string;
  const lego = (...args: string[]) => {
    const { stdout, stderr } = spawnSync('lego', ['--path', root, '--email', email, '--server', server, ...args]);
    return `${stdout}${stderr}`;
  };
  beforeEach(async () => {
    root = newFolder();
    const store = openStore(root);
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const account = { id: email, email, directoryUrl: server, url: 'https://127.0.0.1:1/acct/7' };
    await store.probe();
    await store.saveAccount({ ...account, keyPem: ec.export({ type: 'pkcs8', format: 'pem' }).toString() });
    await store.saveAccount({
      ...account,
      directoryUrl: 'https://other.example/dir',
      url: 'https://other.example/acct/1',
      keyPem: rsa.export({ type: 'pkcs8', format: 'pem' }).toString(),
    });
    await store.saveAccount({ ...account, id: 'unregistered@example.com', url: undefined, keyPem: newPair().keyPem });
    await store.writeCertificate(stored('*.example.com', newPair('*.example.com')));
    await store.writeCertificate(stored('example.org', newPair('example.org', ['rsa:2048'])));
    await store.writePending('example.net', {
      url: 'https://127.0.0.1:1/order/1',
      directoryUrl: server,
      accountUrl: 'https://127.0.0.1:1/acct/7',
      names: ['example.net'],
      settings: '',
      createdAt: '',
      keyPem: newPair().keyPem,
    });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  // Not its accounts: `list --accounts` of Debian's build ends with `no such flag -email`, whatever the store.
  it('lists its certificates', () => {
    expect(lego('list').match(/Certificate Name: .*/gu)).toEqual([
      'Certificate Name: *.example.com',
      'Certificate Name: example.org',
    ]);
  });

  it('loads the account and its key, and gets as far as asking the CA', () => {
    const asked = lego('--dns', 'manual', '-d', 'example.org', 'renew', '--reuse-key', '--days', '100');
    expect(asked).toContain('Could not create client: get directory at');
    expect(asked).not.toMatch(/No key found|Could not load/u);
  });
});

it('keeps keys in forms that openssl reads, as lego and web servers do', async () => {
  const root = newFolder();
  await openStore(root).writeCertificate(stored('example.org', newPair('example.org', ['rsa:2048'])));
  const file = join(root, 'certificates/example.org.key');
  expect(execFileSync('openssl', ['pkey', '-in', file, '-noout', '-check']).toString()).toContain('valid');
  expect(readFileSync(file, 'utf8')).toContain('BEGIN PRIVATE KEY');
  rmSync(root, { recursive: true, force: true });
});
