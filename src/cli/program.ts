import { Command, Option } from 'commander';
import { version } from '../version.ts';
import { legoFlags } from './lego-flags.ts';
import { declarations, type Flag, type Given, longName } from './options.ts';

export interface Invocation {
  readonly command: string;
  readonly given: Given;
  /** Of `dnshelp`: the provider asked about. */
  readonly code?: string | undefined;
}

/**
 * Reads the command line. All flags belong to the program, so that they may stand before the command, as lego 4 has it, or
 * behind it, as lego 5 has it.
 */
export function parseCommandLine(
  argv: readonly string[],
  write: (text: string) => void,
  fail: (text: string) => void,
): Invocation {
  const given = new Map<string, (string | true)[]>();
  let invocation: Invocation | undefined;
  const program = new Command('quoin')
    .description('ACME certificates by DNS-01, from shells, cron jobs and CI steps')
    .version(version, '-v, --version')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({ writeOut: write, writeErr: fail })
    .showSuggestionAfterError()
    .exitOverride();
  const add = (flags: string, help: string, hidden: boolean) => {
    const option = new Option(flags, help);
    if (hidden) option.hideHelp();
    program.addOption(option);
    const name = longName(flags);
    program.on(`option:${option.name()}`, (value: string | null) => {
      given.set(name, [...(given.get(name) ?? []), value ?? true]);
    });
  };
  for (const { flags, help, older = [] } of Object.values(declarations) as readonly Flag<unknown>[]) {
    add(flags, help, false);
    for (const spelling of older) add(spelling, help, true);
  }
  for (const { flags } of legoFlags) add(flags, '', true);
  const command = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .action((options: { code?: string }) => {
        invocation = { command: name, given, code: options.code };
      });
  command('run', 'obtain the certificate, or renew it when it is due');
  command('list', 'show what is in the store');
  command('dnshelp', 'show the DNS providers, or what one of them needs').option(
    '-c, --code <provider>',
    'the provider',
  );
  command('cleanup', 'remove TXT records that a killed run left behind');
  program.parse([...argv], { from: 'user' });
  if (!invocation) throw new Error('commander ran no command');
  return invocation;
}
