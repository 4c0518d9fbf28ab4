import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFetch, parseReference } from '../../../src/cli/config-file/references.ts';
import { splitWords } from '../../../src/cli/config-file/words.ts';
import { createLog } from '../../../src/log.ts';
import { Redactor } from '../../../src/redact.ts';
import { newFolder } from '../../helpers/child.ts';

describe('words of a command', () => {
  it.each([
    ['pass show dns/org', ['pass', 'show', 'dns/org']],
    ['  a \'b  c\' "d e"f\t\n', ['a', 'b  c', 'd ef']],
    [String.raw`a\ b "c\"d\e" 'f\g'`, ['a b', String.raw`c"d\e`, String.raw`f\g`]],
    [String.raw`'a\"b\\c'`, [String.raw`a\"b\\c`]],
    ['a "" \'\'', ['a', '', '']],
    ['a $HOME `b` | c *', ['a', '$HOME', '`b`', '|', 'c', '*']],
    ['a \\', ['a', '\\']],
  ])('%s', (command, words) => {
    expect(splitWords(command)).toEqual(words);
  });

  it.each([['a "b'], ["a 'b"], [''], ['   '], ['"" x']])('%j makes no sense', (command) => {
    expect(() => splitWords(command)).toThrow();
  });
});

describe('references', () => {
  let folder: string;
  let said: string[];
  let redactor: Redactor;
  const abort = new AbortController();
  beforeEach(() => {
    folder = newFolder();
    said = [];
    redactor = new Redactor();
  });
  const fetcher = (env: Record<string, string> = {}, signal: AbortSignal = abort.signal, timeoutMs = 20_000) => {
    const log = createLog((level, message) => said.push(`${level} ${message}`), redactor);
    return createFetch({ env: { PATH: process.env.PATH!, ...env }, folder, redactor, log, signal, timeoutMs });
  };
  const source = (text: string, secret = true) => ({
    ...{ reference: parseReference(text, folder), secret, place: 'quoin.yaml:3:7' },
  });
  const get = (text: string, env: Record<string, string> = {}, secret = true) => fetcher(env)(source(text, secret));

  it('lead to variables, files and what commands print, none of which is shown afterwards', async () => {
    writeFileSync(join(folder, 'secret'), 'from the file\n', { mode: 0o600 });
    expect(await get('env:TOKEN', { TOKEN: 'from the variable' })).toBe('from the variable');
    expect(await get('file:secret')).toBe('from the file');
    expect(await get('exec:printf "%s" "from  the command"')).toBe('from  the command');
    expect(await get('plain:in clear')).toBe('in clear');
    expect(redactor.clean('from the variable, from the file, from  the command, in clear')).toBe('***, ***, ***, ***');
    expect(await get('a value', {}, false)).toBe('a value');
    expect(redactor.clean('a value')).toBe('a value');
    expect(said.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  it('run a command once, in the folder of the file, without a shell and without input', async () => {
    writeFileSync(join(folder, 'fetch.sh'), '#!/bin/sh\necho run >> runs\ncat\npwd; echo "$1"\n', { mode: 0o700 });
    const fetch = fetcher();
    const command = 'exec:./fetch.sh "$(id) *"';
    const values = await Promise.all([fetch(source(command)), fetch(source(command)), fetch(source(command))]);
    expect(new Set(values)).toEqual(new Set([`${folder}\n$(id) *`]));
    expect(readFileSync(join(folder, 'runs'), 'utf8')).toBe('run\n');
  });

  it.each([
    ['env:NOT_THERE', 'the variable NOT_THERE is not set'],
    ['file:not-there', '/not-there cannot be read (ENOENT)'],
    ['file:empty', '/empty is empty'],
    ['file:large', '/large is larger than 64 KiB'],
    ['exec:./not-there', './not-there cannot be run (ENOENT)'],
    ['exec:false', 'false ended with exit code 1'],
    ['exec:true', 'true wrote nothing'],
    ['exec:sh -c "echo \u001b[31mno such entry >&2; exit 3"', 'sh ended with exit code 3: [31mno such entry'],
    ['exec:sh -c "kill -9 $$"', 'sh cannot be run (SIGKILL)'],
    ['exec:head -c 70000 /dev/zero', 'head wrote more than 64 KiB'],
  ])('%s: says where it stands, and what is the matter', async (text, why) => {
    writeFileSync(join(folder, 'empty'), '\n', { mode: 0o600 });
    writeFileSync(join(folder, 'large'), 'x'.repeat(70_000), { mode: 0o600 });
    await expect(get(text)).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/^quoin.yaml:3:7: /u),
    });
    await expect(get(text)).rejects.toThrow(why);
  });

  it('warn of a file that others can read', async () => {
    writeFileSync(join(folder, 'open'), 'x'.repeat(20));
    chmodSync(join(folder, 'open'), 0o644);
    await get('file:open');
    expect(said).toEqual([expect.stringContaining('can be read by other users')]);
  });

  it.each([
    ['sleeps', 'exec:sleep 20'],
    ['does not want to end', `exec:sh -c "trap '' TERM; while :; do sleep 1; done"`],
  ])('do not wait for ever for a command that %s', async (_, text) => {
    const began = performance.now();
    await expect(fetcher({}, abort.signal, 300)(source(text))).rejects.toThrow('did not end within 0.3 s');
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('have what a command printed that leaves one behind which holds its output', async () => {
    const began = performance.now();
    expect(await get('exec:sh -c "sleep 20 & echo secret"')).toBe('secret');
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('end a command when the run ends', async () => {
    const controller = new AbortController();
    const began = performance.now();
    const fetched = fetcher({}, controller.signal)(source('exec:sleep 20'));
    setTimeout(() => controller.abort(new Error('Ctrl-C')), 100);
    await expect(fetched).rejects.toThrow('Ctrl-C');
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it.each([['env:'], ['env:A-B'], ['env:A B'], ['file:'], ['exec:'], ["exec:'a"]])('%s is refused', (text) => {
    expect(() => parseReference(text, folder)).toThrow();
  });
});
