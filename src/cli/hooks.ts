import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import type { HookCommand } from '../acme/storage.ts';
import { ConfigError, HookError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type HookFacts, type HookKind, hookEnvironment } from './hook-environment.ts';
import { readOutput } from './hook-output.ts';
import { type Ended, startInGroup } from './hook-process.ts';

/** Unless a flag says otherwise; lego's. */
const TIMEOUT_MS = 120_000;
/** What a timer can hold: 24 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface HookOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Names of variables that the hook must not see: see `secretVariables`. */
  readonly secrets: Iterable<string>;
  /** Names in `--hook-env`: seen all the same. */
  readonly passed?: readonly string[] | undefined;
  readonly timeoutMs?: number | undefined;
  readonly log: Log;
  /** The run's. It does not end a hook that has begun, since half a deployment is worse than a late end; people are told. */
  readonly signal: AbortSignal;
  /** Ends the hook at once: a second Ctrl-C. */
  readonly hurry?: AbortSignal | undefined;
}

const wordsOf = (command: HookCommand): readonly string[] =>
  typeof command === 'string' ? ['sh', '-c', command] : command;

/**
 * Runs a hook to its end: a text by `sh -c`, a list without a shell. What it writes becomes lines of the log. One that takes
 * too long is ended, with all processes that it started.
 *
 * @throws HookError when it fails or takes too long, with the end of its output; the reason of `hurry` when that fires
 */
export async function runHook(
  kind: HookKind,
  command: HookCommand,
  facts: HookFacts,
  options: HookOptions,
): Promise<void> {
  const { log, cwd, timeoutMs = TIMEOUT_MS, signal, hurry } = options;
  hurry?.throwIfAborted();
  const what = `the ${kind} hook of ${facts.name}`;
  log.waiting(`${what} is running`);
  const words = wordsOf(command);
  const child = await startInGroup(words, { cwd, env: hookEnvironment(kind, facts, options) });
  const output = readOutput(child.output, (line) => log.info(`${kind} hook: ${line}`));

  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), Math.min(timeoutMs, LONGEST_TIMER_MS));
  const onHurry = () => stop.abort();
  hurry?.addEventListener('abort', onHurry);
  const onAbort = () => log.warn(`waiting for ${what} to end`);
  signal.addEventListener('abort', onAbort);
  try {
    const ended = await child.ended(stop.signal);
    output.end();
    hurry?.throwIfAborted();
    const late = stop.signal.aborted ? `did not end within ${timeoutMs / 1000} s` : undefined;
    const how = late ?? howItEnded(ended, words[0] ?? '');
    if (how !== undefined) throw failure(kind, facts, how, output.tail(), late ? {} : ended);
    log.info(`${what} has run`);
  } finally {
    clearTimeout(timer);
    hurry?.removeEventListener('abort', onHurry);
    signal.removeEventListener('abort', onAbort);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'was not found',
  EACCES: 'may not be executed',
  ENOEXEC: 'is no program',
  E2BIG: 'was given more than a program can take',
};
const hints: Readonly<Record<HookKind, string>> = {
  pre: 'nothing was asked of the CA; mend the hook, then run again',
  deploy: 'the certificate is saved; mend the hook, and the next run calls it again',
  post: 'all else was done before the hook ran; mend it for the next time',
};

/** Undefined: well. */
function howItEnded({ code, signal, error }: Ended, file: string): string | undefined {
  if (error) return `could not be run: ${file} ${reasons[error.code ?? ''] ?? error.message}`;
  if (signal) return `was ended by ${signal}`;
  return code === 0 ? undefined : `exited with ${code}`;
}

function failure(
  kind: HookKind,
  { name }: HookFacts,
  how: string,
  output: readonly string[],
  { code, signal }: Ended,
): HookError {
  return new HookError(`the ${kind} hook of ${name} ${how}${output.length > 0 ? `: ${output.join(' / ')}` : ''}`, {
    hint: hints[kind],
    facts: {
      hook: kind,
      certificate: name,
      ...(code === undefined ? {} : { exitCode: code }),
      ...(signal === undefined ? {} : { signal }),
      output: [...output],
    },
  });
}

/**
 * Finds out what can be found out before a certificate is asked for: whether the shell understands the text, and whether the
 * program is there.
 *
 * @throws ConfigError
 */
export async function checkHook(
  kind: HookKind,
  command: HookCommand,
  { cwd, env }: Pick<HookOptions, 'cwd' | 'env'>,
): Promise<void> {
  if (typeof command === 'string') await checkSyntax(kind, command, cwd, env.PATH);
  const file = typeof command === 'string' ? firstPath(command) : (command[0] ?? '');
  if (file !== undefined && !isProgram(file, cwd, env.PATH)) {
    throw new ConfigError(`the ${kind} hook names ${file || 'nothing'}, which is missing or not executable`, {
      hint: file.includes('/') ? `try: chmod +x ${resolve(cwd, file)}` : 'name a program, with its path or in PATH',
    });
  }
}

async function checkSyntax(kind: HookKind, command: string, cwd: string, path = ''): Promise<void> {
  const child = await startInGroup(['sh', '-n', '-c', command], { cwd, env: { PATH: path, LC_ALL: 'C' } });
  const output = readOutput(child.output, () => {});
  const { code } = await child.ended(AbortSignal.timeout(TIMEOUT_MS));
  output.end();
  // Where there is no shell, that is told when the hook is to run.
  if (code === undefined || code === 0) return;
  throw new ConfigError(`sh does not understand the ${kind} hook: ${output.tail().join(' / ')}`, {
    hint: 'check its quotes and brackets',
  });
}

/** The program of a text such as `./deploy.sh now`. Words in PATH may be the shell's own, and `./a || b` may expect that there is no `./a`. */
const firstPath = (command: string): string | undefined =>
  /^\s*([\w.@%+-]*\/[\w.@%+/-]*)(?=$|\s)[^;&|<>$()`\n]*$/u.exec(command)?.[1];

function isProgram(file: string, cwd: string, path = ''): boolean {
  const places = file.includes('/') ? [cwd] : path.split(delimiter).filter(Boolean);
  return places.some((place) => {
    try {
      const found = resolve(cwd, place, file);
      accessSync(found, constants.X_OK);
      return statSync(found).isFile();
    } catch {
      return false;
    }
  });
}
