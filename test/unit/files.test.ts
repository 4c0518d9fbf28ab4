import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { makeFolder, probeFolder, readIfThere, readJson, sweepFolder, writeFileAtomic } from '../../src/files.ts';
import { bundle, newFolder, runChild } from '../helpers/child.ts';
import { describeMounted } from '../helpers/mount.ts';

let folder: string;
const at = (name: string) => join(folder, name);
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
beforeEach(() => {
  folder = newFolder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('replaces a file whole, leaving nothing else behind', async () => {
  await writeFileAtomic(at('a'), 'old');
  await writeFileAtomic(at('a'), 'new');
  expect(readFileSync(at('a'), 'utf8')).toBe('new');
  expect(readdirSync(folder)).toEqual(['a']);
});

it('never shows half a file to a reader', async () => {
  const contents = ['a', 'b'].map((letter) => letter.repeat(300_000));
  await writeFileAtomic(at('a'), contents[0]!);
  let done = false;
  const writing = (async () => {
    for (let round = 0; round < 30; round += 1) await writeFileAtomic(at('a'), contents[round % 2]!);
    done = true;
  })();
  const seen = new Set<string | undefined>();
  while (!done) {
    seen.add(await readIfThere(at('a')));
    await nextTurn(); // Reading is synchronous: without this nothing would ever be written.
  }
  await writing;
  expect([...seen].every((text) => contents.includes(text ?? ''))).toBe(true);
});

it.each([0o000, 0o077, 0o777])('gives exactly the modes asked for under umask %o', async (mask) => {
  const script = bundle(`
    import { writeFileAtomic, makeFolder } from './src/files.ts';
    const [folder, mask] = process.argv.slice(2);
    process.umask(Number(mask));
    await writeFileAtomic(folder + '/key', 'x');
    await writeFileAtomic(folder + '/crt', 'x', { mode: 0o644 });
    if (Number(mask) !== 0o777) await makeFolder(folder + '/a/b');
  `);
  const { stderr } = await runChild(script, [folder, String(mask)]);
  expect(stderr).toBe('');
  expect([modeOf(at('key')), modeOf(at('crt'))]).toEqual(['600', '644']);
  if (mask !== 0o777) expect([modeOf(at('a')), modeOf(at('a/b'))]).toEqual(['700', '700']);
});

it('writes to where a symbolic link leads, and replaces one that leads nowhere', async () => {
  mkdirSync(at('elsewhere'));
  writeFileSync(at('elsewhere/real'), 'old');
  symlinkSync('elsewhere/real', at('link'));
  symlinkSync('nowhere', at('dangling'));
  await writeFileAtomic(at('link'), 'new');
  await writeFileAtomic(at('dangling'), 'new');
  expect(lstatSync(at('link')).isSymbolicLink()).toBe(true);
  expect(readFileSync(at('elsewhere/real'), 'utf8')).toBe('new');
  expect(lstatSync(at('dangling')).isSymbolicLink()).toBe(false);
  expect(readdirSync(at('elsewhere'))).toEqual(['real']);
});

it('leaves the other names of a hard link as they were', async () => {
  writeFileSync(at('a'), 'old');
  linkSync(at('a'), at('b'));
  await writeFileAtomic(at('a'), 'new');
  expect(readFileSync(at('b'), 'utf8')).toBe('old');
});

it.each([
  ['a folder', () => mkdirSync(at('a')), 'a', 'it is a folder'],
  ['a file for a folder', () => writeFileSync(at('a'), ''), 'a/b', 'a part of the path is not a folder'],
  ['no folder', () => {}, 'a/b', 'it does not exist'],
  ['a name that is too long', () => {}, 'n'.repeat(300), 'the name is too long'],
  ['a circle of links', () => symlinkSync(at('a'), at('a')), 'a', 'its symbolic links lead in a circle'],
])('says why it cannot write: %s', async (_, prepare, name, why) => {
  prepare();
  await expect(writeFileAtomic(at(name), 'x')).rejects.toMatchObject({
    code: 'STORAGE',
    exitCode: 6,
    message: `cannot write ${at(name)}: ${why}`,
  });
  expect(readdirSync(folder, { recursive: true }).filter((file) => String(file).includes('.tmp'))).toEqual([]);
});

it('reads nothing where there is nothing, and refuses what is no JSON object, naming the file', async () => {
  expect(await readJson(at('a'))).toBeUndefined();
  for (const [text, why] of [
    ['', 'it is empty'],
    ['\0\0\0', 'it is not a JSON object'],
    ['{"a":', 'it is not a JSON object'],
    ['[1]', 'it is not a JSON object'],
    ['null', 'it is not a JSON object'],
    ['x'.repeat(1024 * 1024 + 1), 'it is larger than 1024 KiB'],
  ] as const) {
    writeFileSync(at('a'), text);
    await expect(readJson(at('a'))).rejects.toMatchObject({
      message: `${at('a')} is damaged: ${why}`,
      hint: expect.stringContaining('backup'),
    });
  }
});

it('does not wait for the other end of a named pipe', async () => {
  execFileSync('mkfifo', [at('pipe')]);
  await expect(readJson(at('pipe'))).rejects.toThrow('it is not a regular file');
});

it('sweeps what dead processes left, and nothing that may be in use', async () => {
  for (const name of ['.quoin-0123456789ab.tmp', '.quoin-ba9876543210.tmp', 'mine.tmp']) writeFileSync(at(name), '');
  const hourAgo = Date.now() / 1000 - 3600;
  for (const name of ['.quoin-0123456789ab.tmp', 'mine.tmp']) utimesSync(at(name), hourAgo, hourAgo);
  await sweepFolder(folder);
  expect(readdirSync(folder).sort()).toEqual(['.quoin-ba9876543210.tmp', 'mine.tmp']);
});

const isRoot = process.getuid?.() === 0;

(isRoot ? it : it.skip)('says that permission is denied, to users who are not root', async () => {
  const script = bundle(`
    import { writeFileAtomic, makeFolder } from './src/files.ts';
    const [folder] = process.argv.slice(2);
    await writeFileAtomic(folder + '/closed/a', 'x').catch((error) => console.log(error.message));
    await makeFolder(folder + '/closed/b').catch((error) => console.log(error.message));
    await writeFileAtomic(folder + '/unreadable/a', 'x').catch((error) => console.log(error.message));
  `);
  chmodSync(folder, 0o755);
  chmodSync(join(script, '..'), 0o755);
  mkdirSync(at('closed'), { mode: 0o755 });
  mkdirSync(at('unreadable'));
  chmodSync(at('unreadable'), 0o333);
  const { stdout } = await runChild(script, [folder], { uid: 65534 });
  expect(stdout).toBe(
    `cannot write ${at('closed/a')}: permission denied\ncannot make folder ${at('closed/b')}: permission denied\n`,
  );
  expect(readFileSync(at('unreadable/a'), 'utf8')).toBe('x');
});

describeMounted('on a file system of its own', () => {
  const mounted = (options: string) => {
    mkdirSync(at('fs'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', at('fs')]);
  };
  afterEach(() => execFileSync('umount', [at('fs')]));

  it('keeps the old file when the disk is full', async () => {
    mounted('size=64k');
    await writeFileAtomic(at('fs/a'), 'old');
    await expect(writeFileAtomic(at('fs/a'), 'x'.repeat(200_000))).rejects.toMatchObject({
      message: `cannot write ${at('fs/a')}: no space left on the device`,
      hint: expect.stringContaining('room'),
    });
    expect(readFileSync(at('fs/a'), 'utf8')).toBe('old');
    expect(readdirSync(at('fs'))).toEqual(['a']);
  });

  it('finds out beforehand that a disk is full, or out of inodes', async () => {
    mounted('size=32k');
    await expect(probeFolder(at('fs'))).rejects.toThrow(`cannot write to ${at('fs')}: no space left on the device`);
    execFileSync('mount', ['-o', 'remount,size=1m,nr_inodes=2', at('fs')]);
    await makeFolder(at('fs/last'));
    await expect(probeFolder(at('fs'))).rejects.toThrow('the file system has no free inodes');
  });

  it('says that a file system is read-only', async () => {
    mounted('size=1m');
    writeFileSync(at('fs/a'), 'old');
    execFileSync('mount', ['-o', 'remount,ro', at('fs')]);
    await expect(writeFileAtomic(at('fs/a'), 'new')).rejects.toThrow('the file system is read-only');
    await expect(probeFolder(at('fs'))).rejects.toThrow('the file system is read-only');
    expect(existsSync(at('fs/a'))).toBe(true);
  });
});
