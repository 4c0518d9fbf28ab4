import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { findLeftovers, type JournalEntry, openJournal, sharedJournal } from '../../../src/dns/journal.ts';
import { bundle, newFolder } from '../../helpers/child.ts';
import { memoryLog } from '../../helpers/dns-server.ts';

const entry = (value: string): JournalEntry => ({
  provider: 'rfc2136',
  identifier: 'example.test',
  fqdn: '_acme-challenge.example.test',
  zone: 'example.test',
  value,
  since: '2026-11-24T00:00:00.000Z',
});

describe('the journal', () => {
  let folder: string;
  let log: ReturnType<typeof memoryLog>;
  beforeEach(() => {
    folder = join(newFolder(), 'journal');
    log = memoryLog();
  });
  const leftovers = async () => {
    const found = await findLeftovers(folder, log);
    const values = found.flatMap(({ entries }) => entries.map(({ value }) => value));
    for (const journal of found) await journal.close();
    return values;
  };
  /** A run that ended without removing what it published. */
  const leave = async (...values: string[]) => {
    const journal = await openJournal(folder);
    await journal.add(values.map(entry));
    await journal.close();
  };
  const files = () => readdirSync(folder).filter((name) => name.endsWith('.json'));

  it('is on disk when add has resolved, for the owner only, and gone when all is removed', async () => {
    const journal = await openJournal(folder);
    await journal.add([entry('a'), entry('b')]);
    const [file = ''] = files();
    expect(JSON.parse(readFileSync(join(folder, file), 'utf8')).entries).toEqual([entry('a'), entry('b')]);
    expect([statSync(folder).mode & 0o777, statSync(join(folder, file)).mode & 0o777]).toEqual([0o700, 0o600]);
    await journal.remove([entry('a')]);
    expect(readFileSync(join(folder, file), 'utf8')).not.toContain('"a"');
    await journal.remove([entry('b')]);
    await journal.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('keeps changes that are made at once', async () => {
    const journal = await openJournal(folder);
    await Promise.all([journal.add([entry('a')]), journal.add([entry('b')]), journal.remove([entry('a')])]);
    await journal.close();
    expect(await leftovers()).toEqual(['b']);
  });

  it('writes together what comes while it is being written', async () => {
    const journal = await openJournal(folder);
    const written: number[] = [];
    const adds = Array.from({ length: 50 }, (_, n) =>
      journal.add([entry(`v${n}`)]).then(() => {
        const [file = ''] = files();
        // Whoever was told that an entry is there finds it there.
        const values = JSON.parse(readFileSync(join(folder, file), 'utf8')).entries.map(
          ({ value }: JournalEntry) => value,
        );
        expect(values).toContain(`v${n}`);
        written.push(statSync(join(folder, file)).ino);
      }),
    );
    await Promise.all(adds);
    expect(new Set(written).size).toBeLessThanOrEqual(2);
    await journal.close();
  });

  it('forgets what it could not write down', async () => {
    const journal = await openJournal(folder);
    await journal.add([entry('a')]);
    const file = join(folder, files()[0] ?? '');
    rmSync(file);
    mkdirSync(file);
    await expect(journal.add([entry('b')])).rejects.toMatchObject({ code: 'STORAGE' });
    rmdirSync(file);
    await journal.add([entry('c')]);
    await journal.close();
    expect(await leftovers()).toEqual(['a', 'c']);
  });

  describe('of all certificates of a process', () => {
    it('begins with the first entry', async () => {
      const journal = sharedJournal(folder);
      await journal.remove([entry('a')]);
      await journal.close();
      expect(existsSync(folder)).toBe(false);
      const used = sharedJournal(folder);
      await Promise.all([used.add([entry('a')]), used.add([entry('b')])]);
      expect(files()).toHaveLength(1);
      await used.remove([entry('a'), entry('b')]);
      await used.close();
      expect(readdirSync(folder)).toEqual([]);
    });

    it('goes on in another file while one is full, and finds each entry again', async () => {
      const many = (name: string) => Array.from({ length: 600 }, (_, n) => entry(`${name}${n}`));
      const journal = sharedJournal(folder);
      await journal.add(many('a'));
      await journal.add(many('b'));
      expect([files().length, journal.size]).toEqual([2, 1200]);
      await journal.remove([entry('a0'), entry('b0')]);
      expect(journal.size).toBe(1198);
      await journal.remove(many('a'));
      await journal.add(many('c'));
      expect([files().length, journal.size]).toEqual([2, 1199]);
      await journal.close();
      expect((await leftovers()).length).toBe(1199);
    });

    it('begins again after it could not', async () => {
      writeFileSync(folder, 'a file in its place');
      const journal = sharedJournal(folder);
      await expect(journal.add([entry('a')])).rejects.toMatchObject({ code: 'STORAGE' });
      rmSync(folder);
      await journal.add([entry('a')]);
      await journal.close();
      expect(await leftovers()).toEqual(['a']);
    });
  });

  it('of a living run is nobody else’s business', async () => {
    const journal = await openJournal(folder);
    await journal.add([entry('a')]);
    expect(await leftovers()).toEqual([]);
    await journal.close();
    expect(await leftovers()).toEqual(['a']);
  });

  it('of a dead run is found by one run at a time', async () => {
    await leave('a');
    const first = await findLeftovers(folder, log);
    expect([first.length, await leftovers()]).toEqual([1, []]);
    await first[0]!.remove([entry('a')]);
    await first[0]!.close();
    expect([await leftovers(), readdirSync(folder)]).toEqual([[], []]);
  });

  it('leaves a value to the living run that has taken it over', async () => {
    await leave('a', 'b');
    const journal = await openJournal(folder);
    await journal.add([entry('a')]);
    expect(await leftovers()).toEqual(['b']);
    await journal.close();
  });

  it('of a process that was killed is found', async () => {
    const script = bundle(`
      import { openJournal } from './src/dns/journal.ts';
      const journal = await openJournal(process.argv[2]);
      await journal.add([JSON.parse(process.argv[3])]);
      console.log('written');
      setInterval(() => {}, 1000);
    `);
    const child = spawn(process.execPath, [script, folder, JSON.stringify(entry('killed'))]);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(await leftovers()).toEqual([]);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    expect(await leftovers()).toEqual(['killed']);
  });

  it.each([
    ['empty', ''],
    ['cut', '{"version":1,"entries":[{"prov'],
    ['of another shape', '{"version":1,"entries":[7]}'],
    ['no object', 'null'],
  ])('that is %s is kept aside with a warning', async (_, content) => {
    await leave('good');
    writeFileSync(join(folder, 'bad.json'), content);
    expect(await leftovers()).toEqual(['good']);
    expect(log.lines).toEqual([expect.stringMatching(/^warn .*bad\.json is damaged: .*bad\.json\.damaged/u)]);
    expect(readFileSync(join(folder, 'bad.json.damaged'), 'utf8')).toBe(content);
  });

  it('of a newer version is left alone with a warning', async () => {
    await leave('good');
    const content = '{"version":2,"values":{}}';
    writeFileSync(join(folder, 'new.json'), content);
    expect(await leftovers()).toEqual(['good']);
    expect(log.lines).toEqual([expect.stringContaining('new.json was written by a newer quoin')]);
    expect(readFileSync(join(folder, 'new.json'), 'utf8')).toBe(content);
  });

  it('that does not exist has no leftovers', async () => {
    expect(await leftovers()).toEqual([]);
  });

  it('that cannot be written is an error before anything is published', async () => {
    const journal = await openJournal(folder);
    const full = join(folder, 'x');
    writeFileSync(full, '');
    chmodSync(full, 0o600);
    await journal.close();
    await expect(openJournal(full)).rejects.toMatchObject({ code: 'STORAGE' });
  });
});
