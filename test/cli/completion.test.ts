import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Command } from 'commander';
import { isForSubscribers, parseReason } from '../../src/acme/revoke.ts';
import { shells } from '../../src/cli/completion/shells.ts';
import { aboutCertificates, flagValues, reasons } from '../../src/cli/completion/values.ts';
import { wholeProgram } from '../../src/cli/program.ts';
import { aliases, catalog } from '../../src/dns/catalog.generated.ts';
import { newFolder } from '../helpers/child.ts';
import { commandsOf, longNames } from '../helpers/commands.ts';
import { describeWith } from '../helpers/servers.ts';
import { complete, type Place } from '../helpers/shells.ts';
import { quoin } from './world.ts';

const program = wholeProgram();
const commands = commandsOf(program);
const names = (command: Command) => command.commands.map((below) => below.name()).sort();
const codes = [...Object.keys(catalog), ...Object.keys(aliases)];

/** A working folder with two stores and some files, and a `quoin` on the PATH that nobody should call. */
function place(store = '.quoin'): Required<Place> {
  const cwd = newFolder();
  for (const [folder, certificates] of [
    [store, ['example.com', 'example.net', '_.example.org']],
    ['other store', ['elsewhere.example']],
  ] as const) {
    mkdirSync(join(cwd, folder, 'certificates'), { recursive: true });
    for (const name of certificates)
      for (const extension of ['crt', 'issuer.crt', 'key', 'json'])
        writeFileSync(join(cwd, folder, 'certificates', `${name}.${extension}`), '');
  }
  for (const file of ['plain.csr', 'with space.csr', 'provider.js']) writeFileSync(join(cwd, file), '');
  mkdirSync(join(cwd, 'bin'));
  writeFileSync(join(cwd, 'bin/quoin'), '#!/bin/sh\necho "quoin was called" >&2\n', { mode: 0o755 });
  return { cwd, env: { PATH: `${join(cwd, 'bin')}${delimiter}${process.env.PATH}` } };
}

const STORE = ['_.example.org', 'example.com', 'example.net'];
/** What stands on the line, and all that is offered. */
const offers: readonly (readonly [string, readonly string[]])[] = [
  ['quoin ', names(program)],
  ['quoin re', ['renew', 'revoke']],
  ['quoin --quiet --dns exec re', ['renew', 'revoke']],
  ['quoin --email run re', ['renew', 'revoke']],
  ['quoin nothing-of-this', []],
  ['quoin show ', STORE],
  ['quoin export example.n', ['example.net']],
  ['quoin --dns exec revoke example.com _', ['_.example.org']],
  ['quoin run --dns cloudf', ['cloudflare']],
  ['quoin --dns cloudf', ['cloudflare']],
  ['quoin run --dns sandb', ['sandbox']],
  ['quoin dnshelp --code ', codes],
  ['quoin run --server letsencrypt', ['letsencrypt', 'letsencrypt-staging']],
  ['quoin run -k rsa4', ['rsa4096']],
  ['quoin export example.com --format ', ['der', 'fullchain', 'pem', 'pfx']],
  ['quoin export example.com --format pfx --pfx.format ', ['DES', 'RC2', 'SHA256']],
  ['quoin revoke --reason key', ['keyCompromise']],
  ['quoin completion ', [...shells]],
  ['quoin persist ', names(program.commands.find((command) => command.name() === 'persist')!)],
  ['quoin run --email ', []],
  ['quoin sandbox --eab ', []],
  ['quoin sandbox --e', ['--eab', '--env-file']],
  ['quoin list --dns.propagation.w', ['--dns.propagation.wait']],
];

describe.each(shells)('in %s', (shell) => {
  describeWith([shell], `completion in ${shell}`, () => {
    let script: string;
    beforeAll(async () => {
      ({ stdout: script } = await quoin(['completion', shell]));
    });
    const offered = (lines: readonly string[], where = place()) => {
      const answers = complete(shell, script, lines, where);
      return Object.fromEntries(lines.map((line, at) => [line, answers[at]]));
    };

    it('offers what can follow, and says nothing', () => {
      const wanted = offers.map(([line, words]) => [line, [...words].sort()]);
      expect(offered(offers.map(([line]) => line))).toEqual(Object.fromEntries(wanted));
    });

    it('offers each flag of each command', () => {
      const lines = commands.map(([path]) => `quoin ${path ? `${path} ` : ''}--`);
      const found = offered(lines);
      for (const [at, [, command]] of commands.entries())
        expect(found[lines[at]!]).toEqual([...new Set([...longNames(command), '--help'])].sort());
    });

    it('understands --flag=value, and a provider behind a domain', () => {
      const found = offered(['quoin run --server=act', 'quoin run --dns example.org=cloudf', 'quoin run --dns=cloudf']);
      // fish and zsh take the word as a whole.
      const inWord = (text: string) => (shell === 'bash' ? '' : text);
      expect(Object.values(found)).toEqual([
        [`${inWord('--server=')}actalis`],
        [`${inWord('example.org=')}cloudflare`],
        [`${inWord('--dns=')}cloudflare`],
      ]);
    });

    it('finds the store that quoin would find', () => {
      const [line, there] = ['quoin show ', ['elsewhere.example']];
      const { cwd, env } = place();
      expect(offered([line], { cwd, env: { ...env, QUOIN_PATH: 'other store' } })).toEqual({ [line]: there });
      expect(offered([line], { cwd, env: { ...env, LEGO_PATH: 'other store' } })).toEqual({ [line]: there });
      expect(offered([line], place('.lego'))).toEqual({ [line]: STORE });
      symlinkSync('other store', join(cwd, 'other'));
      const found = offered(['quoin show --path other ', 'quoin --path other show ', 'quoin --path=other show '], {
        cwd,
        env,
      });
      expect(Object.values(found)).toEqual([there, there, there]);
      const empty = newFolder();
      expect(offered([line, 'quoin show --path nowhere '], { cwd: empty, env })).toEqual({
        [line]: [],
        'quoin show --path nowhere ': [],
      });
    });

    it('offers files, folders and programs where they belong', () => {
      const found = offered([
        'quoin run --csr pl',
        'quoin run --csr wi',
        'quoin --path bi',
        'quoin run --dns ./prov',
        'quoin sandbox -- quoi',
      ]);
      // zsh has a name in quotes, fish and zsh a folder with its slash; each completes the last part of a path its way.
      expect(Object.values(found).map((words) => words?.map((word) => word.replace(/^\.\/|[\\/]/gu, '')))).toEqual([
        ['plain.csr'],
        ['with space.csr'],
        ['bin'],
        ['provider.js'],
        ['quoin'],
      ]);
    });
  });
});

describe('quoin completion', () => {
  it('gives the script in JSON too', async () => {
    const { stdout: script } = await quoin(['completion', 'bash']);
    const { stdout } = await quoin(['completion', 'bash', '--json']);
    expect(JSON.parse(stdout)).toEqual({ shell: 'bash', script });
  });

  it.each([
    [[], "argument 'shell'"],
    [['tcsh'], 'bash, zsh, fish'],
  ])('refuses %j', async (argv, told) => {
    const { code, stdout, stderr } = await quoin(['completion', ...argv]);
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(told)]);
  });

  it('knows of no flag or command that is not there', () => {
    for (const key of Object.keys(flagValues)) {
      const [, path = '', name = ''] = /^(?:(.*) )?(--\S+)$/u.exec(key) ?? [];
      const found = commands.filter(
        ([at, command]) => (path === '' || at === path) && longNames(command).includes(name),
      );
      expect({ key, found: found.length > 0 }).toEqual({ key, found: true });
    }
    expect(commands.map(([path]) => path)).toEqual(expect.arrayContaining([...aboutCertificates]));
  });

  it('offers the reasons that a CA takes', () => {
    expect(reasons.map((reason) => isForSubscribers(parseReason(reason)))).toEqual(reasons.map(() => true));
  });
});
