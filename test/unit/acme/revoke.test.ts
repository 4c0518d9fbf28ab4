import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { archiveCertificate } from '../../../src/acme/archive.ts';
import { isForSubscribers, parseReason } from '../../../src/acme/revoke.ts';
import { openStore } from '../../../src/acme/storage.ts';
import { newFolder } from '../../helpers/child.ts';
import { newPair, stored } from '../../helpers/pairs.ts';

describe('reasons', () => {
  it.each([
    ['0', 0],
    ['unspecified', 0],
    ['keyCompromise', 1],
    ['KEYCOMPROMISE', 1],
    ['key-compromise', 1],
    ['affiliationChanged', 3],
    ['superseded', 4],
    ['cessationOfOperation', 5],
    ['9', 9],
    ['aACompromise', 10],
  ])('%s is %i', (text, number) => expect(parseReason(text)).toBe(number));

  it.each(['7', '11', '-1', '', '01', 'because'])('%j is none', (text) => {
    expect(() => parseReason(text)).toThrow(expect.objectContaining({ exitCode: 2 }));
  });

  it('are for subscribers, or for CAs', () => {
    const all = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10];
    expect(all.filter(isForSubscribers)).toEqual([0, 1, 3, 4, 5]);
  });
});

describe('the archive', () => {
  it('takes all files of a certificate and none of another, as lego names them', async () => {
    const root = newFolder();
    const store = openStore(root);
    const pair = newPair('*.example.com');
    await store.writeCertificate(stored('*.example.com', pair), { extra: { '.pem': 'bundle' } });
    await store.writeCertificate(stored('other.example', newPair('other.example')));
    const moved = await archiveCertificate(root, '*.example.com', new Date(1_700_000_000_500));
    const names = ['crt', 'issuer.crt', 'json', 'key', 'pem'].map((end) => `1700000000._.example.com.${end}`);
    expect(readdirSync(join(root, 'archives')).sort()).toEqual(names);
    expect([...moved].sort()).toEqual(names.map((name) => join(root, 'archives', name)));
    expect(readFileSync(join(root, 'archives/1700000000._.example.com.key'), 'utf8')).toBe(pair.keyPem);
    expect(await store.listCertificates()).toEqual(['other.example']);
    expect(await store.readCertificate('other.example')).toBeDefined();
  });

  it('never overwrites what was archived within the same second', async () => {
    const root = newFolder();
    const store = openStore(root);
    const keys = [];
    for (let i = 0; i < 3; i += 1) {
      const pair = newPair();
      keys.push(pair.keyPem);
      await store.writeCertificate(stored('example.com', pair));
      await archiveCertificate(root, 'example.com', new Date(5_000));
    }
    const kept = [5, 6, 7].map((second) => readFileSync(join(root, `archives/${second}.example.com.key`), 'utf8'));
    expect(kept).toEqual(keys);
  });

  it('leaves a set alone that is still to be put in place', async () => {
    const root = newFolder();
    const store = openStore(root);
    await store.writeCertificate(stored('example.com', newPair()));
    writeFileSync(join(root, 'writes/example.com.json'), '{"version":1,"files":[]}');
    await expect(archiveCertificate(root, 'example.com', new Date())).rejects.toMatchObject({ code: 'STORAGE' });
    expect(await store.listCertificates()).toEqual(['example.com']);
  });
});
