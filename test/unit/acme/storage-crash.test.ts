import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openStore } from '../../../src/acme/storage.ts';
import { tryLock } from '../../../src/lock.ts';
import { bundle, newFolder, runChild } from '../../helpers/child.ts';
import { belongTogether, newPair, stored } from '../../helpers/pairs.ts';

/*
 * A child process replaces a certificate and kills itself (SIGKILL) right before its n-th change of the file system, for
 * n = 1, 2, ... until it gets through. Afterwards the store is looked at by this process.
 */
const name = 'example.com';
let script: string;
let folder: string;
const [old, fresh] = [stored(name, newPair()), stored(name, newPair())];

beforeAll(() => {
  folder = newFolder();
  writeFileSync(join(folder, 'new.json'), JSON.stringify(fresh));
  script = bundle(`
    import fs from 'node:fs';
    import promises from 'node:fs/promises';
    import { syncBuiltinESMExports } from 'node:module';
    import { openStore } from './src/acme/storage.ts';
    const [root, content, n] = process.argv.slice(2);
    let left = Infinity;
    const dieAt = (owner, name) => {
      const real = owner[name];
      owner[name] = function (...args) {
        if (--left === 0) process.kill(process.pid, 'SIGKILL');
        return real.apply(this, args);
      };
    };
    for (const name of ['rename', 'rm', 'mkdir', 'open']) dieAt(promises, name);
    for (const name of ['renameSync', 'linkSync', 'unlinkSync', 'openSync', 'writeSync']) dieAt(fs, name);
    const handle = await promises.open(process.execPath);
    for (const name of ['writeFile', 'sync']) dieAt(Object.getPrototypeOf(handle), name);
    await handle.close();
    syncBuiltinESMExports();
    const store = openStore(root);
    const certificate = JSON.parse(fs.readFileSync(content, 'utf8'));
    left = Number(n);
    await store.writeCertificate(certificate);
    process.exit(0);
  `);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `check` for the store that each kill leaves behind, in order; stops when the child survives. */
async function killEverywhere(before: string, check: (root: string) => Promise<void>, step = 1): Promise<number> {
  const killAt = async (n: number) => {
    const root = `${before}-${n}`;
    cpSync(before, root, { recursive: true });
    return { root, ...(await runChild(script, [root, join(folder, 'new.json'), String(n)])) };
  };
  for (let n = 1; ; n += 4 * step) {
    for (const { root, signal, code, stderr } of await Promise.all([0, 1, 2, 3].map((i) => killAt(n + i * step)))) {
      expect({ stderr, code }).toEqual({ stderr: '', code: signal === null ? 0 : null });
      await check(root);
      if (signal === null) return n;
    }
  }
}

const text = (root: string, file: string) => readFileSync(join(root, 'certificates', file), 'utf8');

it('shows all of the old or all of the new certificate, wherever its replacement was killed', async () => {
  const before = join(folder, 'before');
  await openStore(before).writeCertificate(old);
  const seen: string[] = [];
  let mixed = 0;
  const points = await killEverywhere(before, async (root) => {
    // What a web server would see, that knows nothing of intents.
    if (!belongTogether(text(root, 'example.com.crt'), text(root, 'example.com.key'))) mixed += 1;
    const store = openStore(root);
    const found = await store.readCertificate(name);
    expect([old, fresh]).toContainEqual(found);
    seen.push(found?.url === fresh.url ? 'new' : 'old');
    // Reading has put the files in order, too.
    expect(text(root, 'example.com.crt')).toBe(found?.certificatePem);
    expect(text(root, 'example.com.key')).toBe(found?.keyPem);
    expect(readdirSync(join(root, 'certificates')).filter((file) => /^example/u.test(file))).toHaveLength(4);
    await store.writeCertificate(fresh);
    expect(await store.readCertificate(name)).toEqual(fresh);
  });

  expect(points).toBeGreaterThan(25);
  // Once the new set counts, it always does.
  expect(seen.join(' ')).toMatch(/^old( old)+( new)+$/u);
  // The one place that cannot be avoided with plain files: between the renames of key and certificate.
  expect(mixed).toBeLessThanOrEqual(1);
}, 60_000);

it('shows nothing or the whole certificate when the first write was killed, and lists it', async () => {
  const before = join(folder, 'empty');
  await openStore(before).probe();
  const check = async (root: string) => {
    const store = openStore(root);
    const names = await store.listCertificates();
    const found = await store.readCertificate(name);
    expect([undefined, fresh]).toContainEqual(found);
    expect(names).toEqual(found ? [name] : []);
  };
  await killEverywhere(before, check, 3);
}, 60_000);

it('does not undo what lego wrote after a quoin was killed', async () => {
  const root = join(folder, 'lego-after');
  await openStore(root).writeCertificate(old);
  const store = openStore(root);
  const lego = newPair();
  const intent = join(root, 'writes/example.com.json');
  // The intent of a killed run, and then lego renewed.
  const data = (pem: string) => Buffer.from(pem).toString('base64');
  const files = [
    { extension: '.key', data: data(fresh.keyPem ?? '') },
    { extension: '.crt', data: data(fresh.certificatePem) },
  ];
  writeFileSync(intent, JSON.stringify({ version: 1, replaces: '00', files }));
  writeFileSync(join(root, 'certificates/example.com.crt'), lego.certificatePem);
  writeFileSync(join(root, 'certificates/example.com.key'), lego.keyPem);
  expect((await store.readCertificate(name))?.keyPem).toBe(lego.keyPem);
  await store.writeCertificate(fresh);
  expect((await store.readCertificate(name))?.keyPem).toBe(fresh.keyPem);
  expect(existsSync(intent)).toBe(false);
});

it('shows the new certificate also while another process is about to put its files in place', async () => {
  const root = join(folder, 'half');
  await openStore(root).writeCertificate(old);
  const data = (pem: string) => Buffer.from(pem).toString('base64');
  const files = [
    { extension: '.key', data: data(fresh.keyPem ?? '') },
    { extension: '.crt', data: data(fresh.certificatePem) },
    { extension: '.issuer.crt', data: data(fresh.issuerPem) },
    { extension: '.json', data: data(readFileSync(join(root, 'certificates/example.com.json'), 'utf8')) },
  ];
  const replaces = createHash('sha256').update(old.certificatePem).digest('hex');
  writeFileSync(join(root, 'writes/example.com.json'), JSON.stringify({ version: 1, replaces, files }));
  writeFileSync(join(root, 'certificates/example.com.key'), fresh.keyPem ?? '');
  const lock = await tryLock(join(root, 'locks/write-example.com'));
  const store = openStore(root);
  expect(await store.readCertificate(name)).toMatchObject({
    certificatePem: fresh.certificatePem,
    keyPem: fresh.keyPem,
  });
  expect(text(root, 'example.com.crt')).toBe(old.certificatePem);
  await lock?.release();
  await store.readCertificate(name);
  expect(text(root, 'example.com.crt')).toBe(fresh.certificatePem);
});

it('lets readers beside writers see whole pairs only', async () => {
  const root = join(folder, 'busy');
  const store = openStore(root);
  await store.writeCertificate(old);
  let done = false;
  const writing = (async () => {
    for (let round = 0; round < 15; round += 1) await openStore(root).writeCertificate(round % 2 ? old : fresh);
    done = true;
  })();
  while (!done) {
    const found = await store.readCertificate(name);
    expect(belongTogether(found?.certificatePem ?? '', found?.keyPem ?? '')).toBe(true);
    await nextTurn(); // Reading is synchronous: without this nothing would ever be written.
  }
  await writing;
});
