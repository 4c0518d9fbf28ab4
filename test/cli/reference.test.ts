import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { declarations, type Flag } from '../../src/cli/options.ts';
import { wholeProgram } from '../../src/cli/program.ts';
import { commandsOf, longNames } from '../helpers/commands.ts';

const read = (file: string) => readFileSync(file, 'utf8');
const guides = readdirSync('docs/guides').map((file) => read(join('docs/guides', file)));
const cli = read('docs/reference/cli.md');
const json = read('docs/reference/json.md');
const commands = commandsOf(wholeProgram()).filter(([path]) => path !== '');

describe('the reference', () => {
  const told = [cli, ...guides].join('\n');

  it.each(commands)('tells of quoin %s and its flags', (path, command) => {
    const untold = longNames(command).filter((name) => !told.includes(`\`${name}`) && !told.includes(`, ${name}`));
    expect({ told: told.includes(`\`quoin ${path}`), untold }).toEqual({ told: true, untold: [] });
  });

  it.each(commands.filter(([, command]) => command.commands.length === 0))(
    'tells what quoin %s --json says',
    (path) => {
      // One section may be about several: ## `quoin account list`, `quoin account show`, or ## `quoin account`.
      const headings = json.match(/^## .*$/gmu)?.join('\n') ?? '';
      const names = [path, path.split(' ')[0]].map((name) => `\`quoin ${name}\``);
      expect({ told: names.some((name) => headings.includes(name)) }).toEqual({ told: true });
    },
  );

  it.each((Object.values(declarations) as Flag<unknown>[]).flatMap(({ env }) => (env ? [`QUOIN_${env}`] : [])))(
    'tells of %s',
    (variable) => {
      expect({ told: told.includes(`\`${variable}\``) }).toEqual({ told: true });
    },
  );
});
