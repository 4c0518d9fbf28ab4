import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../../src/acme/storage.ts';
import { newFolder } from '../../helpers/child.ts';
import { describeMounted } from '../../helpers/mount.ts';
import { newPair, stored } from '../../helpers/pairs.ts';

const name = 'example.com';
const [old, fresh] = [stored(name, newPair()), stored(name, newPair())];

describeMounted('a store on a disk that fails', () => {
  let folder: string;
  let root: string;
  const mounted: string[] = [];
  const mount = (args: string[], place: string) => {
    execFileSync('mount', [...args, place]);
    mounted.unshift(place);
  };
  const files = () => readdirSync(join(root, 'certificates')).sort();
  const four = ['crt', 'issuer.crt', 'json', 'key'].map((ending) => `${name}.${ending}`);

  beforeEach(async () => {
    folder = newFolder();
    root = join(folder, 'fs');
    mkdirSync(root);
    mount(['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs'], root);
    await openStore(root).writeCertificate(old);
  });
  afterEach(() => {
    for (const place of mounted.splice(0)) execFileSync('umount', [place]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('keeps the old certificate when the disk is full, however much of the new one fits', async () => {
    const filler = join(root, 'filler');
    let failed = 0;
    // From no free block on, until there is room for all of it.
    for (let pages = 0; ; pages += 1) {
      execFileSync('sh', ['-c', `cat /dev/zero > ${filler} 2>/dev/null; truncate -s -${pages * 4096} ${filler}`]);
      const store = openStore(root);
      const written = await store.writeCertificate(fresh).catch((error: unknown) => error);
      rmSync(filler);
      expect(files()).toEqual(four);
      expect(readdirSync(join(root, 'writes'))).toEqual([]);
      if (!(written instanceof Error)) break;
      failed += 1;
      expect(written.message).toMatch(/: no space left on the device$/u);
      expect(await store.readCertificate(name)).toEqual(old);
    }
    expect(failed).toBeGreaterThan(4);
    expect(await openStore(root).readCertificate(name)).toEqual(fresh);
  });

  it('puts the old key back when the certificate file cannot be replaced', async () => {
    const crt = join(root, 'certificates', `${name}.crt`);
    // As a container does it that has the file, and not the folder, mounted.
    mount(['--bind', crt], crt);
    await expect(openStore(root).writeCertificate(fresh)).rejects.toThrow(
      `cannot write ${crt}: it is in use or mounted by itself`,
    );
    expect(await openStore(root).readCertificate(name)).toEqual(old);
    expect([files(), readdirSync(join(root, 'writes'))]).toEqual([four, []]);
  });

  it('can be read where it cannot be written to', async () => {
    execFileSync('mount', ['-o', 'remount,ro', root]);
    const store = openStore(root);
    expect(await store.readCertificate(name)).toEqual(old);
    expect(await store.listCertificates()).toEqual([name]);
    await expect(store.writeCertificate(fresh)).rejects.toThrow('the file system is read-only');
    await expect(store.probe()).rejects.toMatchObject({ exitCode: 6, message: expect.stringContaining('read-only') });
  });

  it('is found to be full before anything is ordered', async () => {
    writeFileSync(join(root, 'filler'), Buffer.alloc(440 * 1024));
    await expect(openStore(root).probe()).rejects.toThrow('no space left on the device');
  });
});
