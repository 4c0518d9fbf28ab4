import { Argument, Command, Option } from 'commander';
import { version } from '../version.ts';
import { accountActions, accountFlags, accountHelp } from './account-options.ts';
import { applyFlags } from './apply-options.ts';
import { exportFlags, revokeFlags } from './certificate-options.ts';
import { shells } from './completion/shells.ts';
import { importFlags } from './import-options.ts';
import { fromLego } from './lego-dialect.ts';
import { legoCommands, legoFlags } from './lego-flags.ts';
import { listFlags } from './list-options.ts';
import { declarations, type Flag, type Given, list, longName } from './options.ts';
import { persistActions, persistFlags } from './persist-options.ts';
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
  const { argv: words, given: said } = fromLego(argv);
  const { program, invoked } = declareProgram(words, write, fail);
  program.parse([...words], { from: 'user' });
  const invocation = invoked();
  if (!invocation) throw new Error('commander ran no command');
  return said.size === 0 ? invocation : { ...invocation, given: new Map([...said, ...invocation.given]) };
}

/** The program with the flags of all its commands, for completion and the man page: nothing is parsed with it. */
export function wholeProgram(): Command {
  const namesOf = (command: Command): string[] =>
    command.commands.flatMap((below) => [below.name(), ...namesOf(below)]);
  const ignore = () => {};
  let { program } = declareProgram([], ignore, ignore);
  // Flags, and commands below commands, are declared for those that are named: name them until there are no more.
  for (let known = -1, names = namesOf(program); names.length !== known; names = namesOf(program)) {
    known = names.length;
    program = declareProgram(names, ignore, ignore).program;
  }
  return program;
}

/** Declares the flags of those commands only that are in `argv`. */
function declareProgram(
  argv: readonly string[],
  write: (text: string) => void,
  fail: (text: string) => void,
): { readonly program: Command; readonly invoked: () => Invocation | undefined } {
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
  /** What names certificates in lego 4, and in lego 5. */
  const named = (...flags: string[]) =>
    flags.flatMap((name) => (given.get(name) ?? []).flatMap((value) => (value === true ? [] : list(value))));
  /** A command about stored certificates, which lego 4 names by `-d`. */
  const about = (
    argument: string,
    made: Command,
    flags: Readonly<Record<string, Flag<unknown>>>,
    meaning = 'as quoin list shows it',
  ) => {
    const name = made.name();
    const own = new Map<string, (string | true)[]>();
    made.argument(argument, meaning).action((words: string | string[]) => {
      invocation = { command: name, given, own, words: [words, named('--domains', '--cert.name')].flat() };
    });
    if (!argv.includes(name)) return;
    const declared = new Set(made.options.map(({ long }) => long));
    for (const { flags: spelling, help, older = [] } of Object.values(flags)) {
      if (!declared.has(longName(spelling))) add(made, spelling, help, false, own);
      for (const other of older)
        if (used.has(longName(other)) && !declared.has(longName(other))) add(made, other, help, true, own);
    }
  };
  command('renew', 'renew what is due, of all certificates in the store or of those named')
    .argument('[name...]', 'as quoin list shows it')
    .action((words: string[]) => {
      invocation = { command: 'renew', given, words: [...words, ...named('--cert.name')] };
    });
  const ofApply = new Map<string, (string | true)[]>();
  const apply = command('apply', 'obtain and renew the certificates of a configuration file')
    .argument('[file]', 'default: quoin.yaml, else .lego.yml')
    .action((file?: string) => {
      invocation = { command: 'apply', given, own: ofApply, words: file === undefined ? [] : [file] };
    });
  if (argv.includes('apply'))
    for (const { flags, help } of Object.values(applyFlags)) add(apply, flags, help, false, ofApply);
  about('[name...]', command('revoke', 'revoke certificates, and archive their files'), revokeFlags);
  const ofList = new Map<string, (string | true)[]>();
  const listing = command('list', 'show what is in the store').action(() => {
    invocation = { command: 'list', given, own: ofList };
  });
  if (argv.includes('list'))
    for (const { flags, help } of Object.values(listFlags)) add(listing, flags, help, false, ofList);
  about('<name>', command('show', 'show all about one certificate of the store'), {});
  about('<name>', command('export', 'write a stored certificate in another shape'), exportFlags);
  about(
    '<folder>',
    command('import', 'take over the accounts and certificates of lego, certbot or acme.sh; reads only'),
    importFlags,
    'its store: ./.lego, /etc/letsencrypt, ~/.acme.sh',
  );
  command('dnshelp', 'show the DNS providers, or what one of them needs').option(
    '-c, --code <provider>',
    'the provider',
  );
  command('completion', 'print a script that lets a shell complete commands, flags and names')
    .addArgument(new Argument('<shell>', 'which shell').choices(shells))
    .action((shell: string) => {
      invocation = { command: 'completion', given, words: [shell] };
    });
  command('check', 'rehearse: write a harmless TXT value, see it on every name server, remove it; asks no CA');
  command('cleanup', 'remove TXT records that a killed run left behind');

  const ofAccount = new Map<string, (string | true)[]>();
  const account = program
    .command('account')
    .alias('accounts')
    .description('the ACME account: register, list, show, update, rollover, recover, deactivate');
  const isAccount = argv.includes('account') || argv.includes('accounts');
  const addForAccounts = (to: Command) => {
    addAll(to);
    for (const option of to.options) if (!accountHelp.has(option.long ?? '')) option.hideHelp();
  };
  if (isAccount) addForAccounts(account);
  for (const [name, { older, description }] of Object.entries(accountActions)) {
    const made = account.command(name).description(description);
    if (older) made.alias(older);
    made.action(() => {
      invocation = { command: 'account', given, own: ofAccount, words: [name] };
    });
    if (!isAccount || ![name, older ?? name].some((word) => argv.includes(word))) continue;
    addForAccounts(made);
    for (const { flags, help } of Object.values(accountFlags) as readonly Flag<unknown>[])
      if (!made.options.some(({ long }) => long === longName(flags))) add(made, flags, help, false, ofAccount);
  }

  const persist = program
    .command('persist')
    .description('experimental: prints or checks TXT records for dns-persist-01, writes none');
  const ofPersist = new Map<string, (string | true)[]>();
  const addPersist = (to: Command) => {
    for (const { flags, help } of Object.values(persistFlags) as readonly Flag<unknown>[])
      if (!to.options.some(({ long }) => long === longName(flags))) add(to, flags, help, false, ofPersist);
  };
  for (const [name, description] of Object.entries(persistActions)) {
    const made = persist.command(name).description(description).argument('[name...]', 'domain names, as with -d');
    made.action((words: string[]) => {
      invocation = { command: 'persist', given, own: ofPersist, words: [name, ...words, ...named('--domains')] };
    });
    if (argv.includes('persist')) for (const add of [addAll, addPersist]) add(made);
  }
  if (argv.includes('persist')) for (const add of [addAll, addPersist]) add(persist);

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
  for (const name of Object.keys(legoCommands).filter((word) => argv.includes(word)))
    program
      .command(name, { hidden: true })
      .allowUnknownOption()
      .argument('[words...]')
      .action(() => {
        invocation = { command: name, given };
      });
  return { program, invoked: () => invocation };
}
