import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { wholeProgram } from '../../src/cli/program.ts';
import { manPage } from '../../tools/man-page.ts';
import { newFolder } from '../helpers/child.ts';
import { commandsOf, longNames } from '../helpers/commands.ts';
import { describeWith } from '../helpers/servers.ts';

const page = manPage({ version: '1.2.3', exitCodes: readFileSync('docs/reference/exit-codes.md', 'utf8') });
const plain = page.replaceAll('\\-', '-').replaceAll(/\\f[A-Z]/gu, '');
const written = (): string => {
  const file = join(newFolder(), 'quoin.1');
  writeFileSync(file, page);
  return file;
};
const run = (program: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(program, [...args, written()], { encoding: 'utf8' });
  return { status, stdout, stderr };
};

describe('quoin.1', () => {
  it.each(commandsOf(wholeProgram()))('names the command %j and its flags', (path, command) => {
    expect(plain).toContain(`quoin ${path}`.trim());
    for (const name of longNames(command)) expect(plain).toContain(`${name}`);
  });

  it('names variables and exit codes', () => {
    for (const told of ['(QUOIN_DNS)', '(QUOIN_PFX_PASSWORD)', '.B 7\na hook failed']) expect(plain).toContain(told);
  });

  describeWith(['groff'], 'to groff', () => {
    it('draws no warning', () => {
      expect(run('groff', '-man', '-ww', '-z', '-Tutf8')).toEqual({ status: 0, stdout: '', stderr: '' });
    });
  });

  describeWith(['man'], 'to man', () => {
    it('is a page that can be read and searched', () => {
      const { status, stdout, stderr } = run('man', '--warnings', '-P', 'cat', '-l');
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^QUOIN\(1\) /u);
      expect(stdout).toContain('--dns.propagation.wait');
    });
  });

  describeWith(['mandoc'], 'to mandoc', () => {
    it('is well formed', () => {
      // A page that is made anew at every change has no date.
      const { stdout } = run('mandoc', '-T', 'lint', '-W', 'warning');
      expect(stdout.split('\n').filter((line) => line && !line.includes('missing date'))).toEqual([]);
    });
  });
});
