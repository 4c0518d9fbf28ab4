import { Command, Option } from 'commander';
import { version } from '../version.ts';
import { exportFlags, revokeFlags } from './certificate-options.ts';
import { legoFlags } from './lego-flags.ts';
import { declarations, type Flag, type Given, list, longName } from './options.ts';
import { sandboxFlags } from './sandbox-options.ts';

export interface Invocation {
  readonly command: string;
  readonly given: Given;
  /** Of `dnshelp`: the provider asked about. */
  readonly code?: string | undefined;
  /** Of `sandbox`: the flags that it has for itself, and the command to run. Of others: their own flags, and names. */
  readonly own?: Given | undefined;
  readonly words?: readonly string[] | undefined;
}

/**
 * Reads the command line. Flags of the program may stand before the command, as lego 4 has it, or behind it, as lego 5 has
 * it. `sandbox` has flags of its own, of which `--eab` means something else elsewhere, and what follows may be a command.
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
    .configureHelp({ sortSubcommands: false })
    .configureOutput({ writeOut: write, writeErr: fail })
    .showSuggestionAfterError()
    .exitOverride()
    .enablePositionalOptions();
  const add = (to: Command, flags: string, help: string, hidden: boolean, into = given) => {
    const option = new Option(flags, help);
    if (hidden) option.hideHelp();
    to.addOption(option);
    const name = longName(flags);
    to.on(`option:${option.name()}`, (value: string | null) => {
      into.set(name, [...(into.get(name) ?? []), value ?? true]);
    });
  };
  // Declaring a flag takes commander its time: what nobody sees is declared only when it is used.
  const used = new Set(argv.map((word) => word.replace(/=.*$/su, '')));
  const addAll = (to: Command) => {
    for (const { flags, help, older = [] } of Object.values(declarations) as readonly Flag<unknown>[]) {
      add(to, flags, help, false);
      for (const spelling of older) if (used.has(longName(spelling))) add(to, spelling, help, true);
    }
    for (const { flags } of legoFlags) if (used.has(longName(flags))) add(to, flags, '', true);
  };
  addAll(program);
  const command = (name: string, description: string) => {
    const made = program
      .command(name)
      .description(description)
      .action((options: { code?: string }) => {
        invocation = { command: name, given, code: options.code };
      });
    if (argv.includes(name)) addAll(made);
    return made;
  };
  command('run', 'obtain the certificate, or renew it when it is due');
  /** A command about stored certificates, which lego 4 names by `-d`. */
  const about = (argument: string, made: Command, flags: Readonly<Record<string, Flag<unknown>>>) => {
    const name = made.name();
    const own = new Map<string, (string | true)[]>();
    made.argument(argument, 'as quoin list shows it').action((words: string | string[]) => {
      const more = (given.get('--domains') ?? []).flatMap((value) => (value === true ? [] : list(value)));
      invocation = { command: name, given, own, words: [words, more].flat() };
    });
    if (argv.includes(name))
      for (const { flags: spelling, help } of Object.values(flags)) add(made, spelling, help, false, own);
  };
  about('[name...]', command('revoke', 'revoke certificates, and archive their files'), revokeFlags);
  command('list', 'show what is in the store');
  about('<name>', command('show', 'show all about one certificate of the store'), {});
  about('<name>', command('export', 'write a stored certificate in another shape'), exportFlags);
  command('dnshelp', 'show the DNS providers, or what one of them needs').option(
    '-c, --code <provider>',
    'the provider',
  );
  command('check', 'rehearse: write a harmless TXT value, see it on every name server, remove it; asks no CA');
  command('cleanup', 'remove TXT records that a killed run left behind');

  const own = new Map<string, (string | true)[]>();
  const sandbox = program
    .command('sandbox')
    .usage('[options] [-- command...]')
    .description('a test CA and a DNS server on this machine, for trying things out; never for production')
    .argument('[command...]', 'run this with its environment set, and end with its exit code')
    .passThroughOptions()
    .action((words: string[]) => {
      invocation = { command: 'sandbox', given, own, words };
    });
  if (argv.includes('sandbox')) {
    for (const { flags, help } of Object.values(sandboxFlags) as readonly Flag<unknown>[])
      add(sandbox, flags, help, false, own);
    for (const key of ['json', 'quiet', 'debug', 'noColor', 'envFile'] as const)
      add(sandbox, declarations[key].flags, declarations[key].help, false);
  }
  program.parse([...argv], { from: 'user' });
  if (!invocation) throw new Error('commander ran no command');
  return invocation;
}
