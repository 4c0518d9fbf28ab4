import { CommanderError } from 'commander';
import { ConfigError } from '../errors.ts';
import { createLog, type Log } from '../log.ts';
import { Redactor } from '../redact.ts';
import { withEnvFiles } from './dotenv.ts';
import type { Io } from './io.ts';
import { withConfigFile } from './lego-dialect.ts';
import { legoLog, legoWarnings, refuseLegoCommand, refuseLegoFlags } from './lego-flags.ts';
import { declarations, type Given, type Options, readOptions } from './options.ts';
import { type Invocation, parseCommandLine } from './program.ts';
import { errorJson, exitCodeOf, renderError } from './render-error.ts';
import { createReport, type Report } from './report.ts';

/** What a command has to say at its end: one document for machines, one text for people. */
export interface Outcome {
  /** Absent: whatever was to be said on standard output has been said. */
  readonly json?: object;
  readonly text: string;
  readonly exitCode?: number;
  /** The text is what was asked for, so that it is shown with `--quiet` too. */
  readonly isAnswer?: boolean;
}

export interface CommandContext {
  readonly options: Options;
  /** What stands on the command line, for commands that tell it from what the environment says. */
  readonly given: Given;
  readonly io: Io;
  readonly log: Log;
  readonly redactor: Redactor;
  /** Of `dnshelp`. */
  readonly code?: string | undefined;
  /** Of `sandbox`: its own flags, and the command to run. Of `revoke`, `show`, `export`: theirs, and names. */
  readonly own?: Given | undefined;
  readonly words?: readonly string[] | undefined;
}

type Command = (context: CommandContext) => Promise<Outcome>;

/** Loaded when it is run: help and version must not wait for an ACME client. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./commands/run.ts')).run,
  renew: async () => (await import('./commands/renew.ts')).renew,
  apply: async () => (await import('./commands/apply.ts')).apply,
  revoke: async () => (await import('./commands/revoke.ts')).revoke,
  list: async () => (await import('./commands/list.ts')).list,
  show: async () => (await import('./commands/show.ts')).show,
  export: async () => (await import('./commands/export.ts')).exportCertificate,
  import: async () => (await import('./commands/import.ts')).importStore,
  dnshelp: async () => (await import('./commands/dnshelp.ts')).dnshelp,
  completion: async () => (await import('./commands/completion.ts')).completion,
  check: async () => (await import('./commands/check.ts')).check,
  cleanup: async () => (await import('./commands/cleanup.ts')).cleanup,
  account: async () => (await import('./commands/account.ts')).account,
  persist: async () => (await import('./commands/persist.ts')).persist,
  sandbox: async () => (await import('./commands/sandbox.ts')).sandbox,
};
/** Those that go to a CA or to a DNS server, which may be named `sandbox`; those that keep the word see to it themselves. */
const usesServers = new Set(['revoke', 'account', 'check', 'cleanup', 'persist']);
/** Those that may go to a CA for a certificate. */
const obtains = new Set(['run', 'renew', 'apply']);

const USAGE_ERROR = 2;

/** The whole program: takes arguments and the world, gives an exit code. The only place that catches everything. */
export async function main(argv: readonly string[], world: Io): Promise<number> {
  let invocation: Invocation;
  try {
    invocation = parseCommandLine(
      withConfigFile(argv, world.env, world.cwd),
      (text) => world.stdout.write(text),
      (text) => world.stderr.write(text),
    );
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    if (argv.includes('--json')) world.stdout.write(toJson(errorJson(usageError(error)), new Redactor()));
    return USAGE_ERROR;
  }
  const redactor = new Redactor();
  let options: Options | undefined;
  let report: Report | undefined;
  try {
    const named = readOptions(invocation.given, world.env).envFile;
    const warnings: string[] = [];
    let io: Io = { ...world, env: withEnvFiles(world.env, world.cwd, named, (message) => warnings.push(message)) };
    options = { ...readOptions(invocation.given, io.env), ...legoLog(invocation.given, io.env) };
    refuseLegoCommand(invocation.command);
    refuseLegoFlags(invocation.given, invocation.command === 'run' ? io.env : {});
    if (obtains.has(invocation.command)) warnings.push(...legoWarnings(io.env));
    if (
      usesServers.has(invocation.command) &&
      [...options.servers, ...options.dns].some((name) => /\bsandbox$/u.test(name))
    ) {
      const { withSandbox } = await import('./sandbox-env.ts');
      const found = await withSandbox(options, io.env);
      options = found.options;
      io = { ...io, env: found.env };
    }
    if (options.hmac) redactor.hide(options.hmac);
    const shown = await createReport(io, options);
    report = shown;
    const log = createLog((level, message) => shown.write(level, message), redactor);
    for (const message of warnings) log.warn(message);
    const command = await commands[invocation.command]?.();
    if (!command) throw new Error(`no command ${invocation.command}`);
    const { code, own, words } = invocation;
    const outcome = await command({
      ...{ options, given: invocation.given, io, log, redactor },
      ...{ code, own, words },
    });
    const { text, exitCode = 0, isAnswer } = outcome;
    shown.end();
    if (options.json) {
      const { json } = outcome;
      world.stdout.write(json ? toJson(json, redactor) : '');
    } else if (isAnswer || !options.quiet) world.stdout.write(redactor.clean(text));
    return exitCode;
  } catch (caught) {
    report?.end();
    // Whatever was under way when the user pressed Ctrl-C fails in a way of its own; that is not what happened.
    const error = world.signal.aborted ? world.signal.reason : caught;
    const json = options?.json ?? invocation.given.has(declarations.json.flags);
    if (json) world.stdout.write(toJson(errorJson(error), redactor));
    world.stderr.write(redactor.clean(renderError(error, options?.debug ?? false)));
    return exitCodeOf(error);
  }
}

/** What commander has told on standard error already. */
const usageError = ({ code, message }: CommanderError): ConfigError =>
  new ConfigError(code === 'commander.help' ? 'no command was given' : message.replace(/^error: /u, ''), {
    hint: 'see: quoin --help',
  });

/** Secrets are removed from each text by itself: a password such as `name` must not break the document. */
const toJson = (document: object, redactor: Redactor): string => {
  const clean = (_key: string, value: unknown) => (typeof value === 'string' ? redactor.clean(value) : value);
  return `${JSON.stringify(document, clean, 2)}\n`;
};
