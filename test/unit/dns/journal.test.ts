import { spawn } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findLeftovers, type JournalEntry, openJournal } from '../../../src/dns/journal.ts';
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
