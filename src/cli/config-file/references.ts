import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ConfigError } from '../../errors.ts';
import { errorCode } from '../../files.ts';
import type { Log } from '../../log.ts';
import { plainText } from '../../plain-text.ts';
import type { Redactor } from '../../redact.ts';
import { splitWords } from './words.ts';

/** Where a value comes from. It is fetched when it is needed, and never before the whole file has been found to be right. */
export type Reference =
  | { readonly kind: 'env'; readonly name: string }
  /** The path is absolute. */
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'exec'; readonly words: readonly string[] }
  | { readonly kind: 'plain'; readonly value: string };

/** A value with what is needed to fetch it, and to say where it stands. */
export interface Source {
  readonly reference: Reference;
  /** What stands in the file is hidden too. What is fetched always is. */
  readonly secret: boolean;
  /** `quoin.yaml:12:5` */
  readonly place: string;
}

/** A credential is short, even a key with its certificates. */
const MOST_BYTES = 64 * 1024;
const EXEC_TIMEOUT_MS = 30_000;
/** Between the request to end and the end by force. */
const GRACE_MS = 2_000;
/** How long the output may stay open when the command itself has ended. */
const LINGER_MS = 500;
/** The permission bits of everybody but owner and group. */
const OTHERS = 0o007;

/**
 * `env:NAME`, `file:PATH` (seen from `folder`), `exec:COMMAND` (words.ts), or `plain:VALUE`; anything else is the value itself.
 * @throws Error that tells what it must be
 */
export function parseReference(text: string, folder: string): Reference {
  const [, kind, rest = ''] = /^(env|file|exec|plain):(.*)$/su.exec(text) ?? [];
  if (kind === 'env') {
    if (!/^[A-Za-z_]\w*$/u.test(rest)) throw new Error('env: must be followed by the name of a variable');
    return { kind, name: rest };
  }
  if (kind === 'file') {
    if (rest === '') throw new Error('file: must be followed by a path');
    return { kind, path: resolve(folder, rest) };
  }
  if (kind === 'exec') {
    try {
      return { kind, words: splitWords(rest) };
    } catch (error) {
      throw new Error(`exec: ${(error as Error).message}`);
    }
  }
  return { kind: 'plain', value: kind === 'plain' ? rest : text };
}

export interface FetchOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where commands run. */
  readonly folder: string;
  readonly redactor: Redactor;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** For a command; 30 seconds unless given. */
  readonly timeoutMs?: number;
}

/** Fetches what references lead to, each once; a command runs once, however often it stands in the file. */
export type Fetch = (source: Source) => Promise<string>;

export function createFetch(options: FetchOptions): Fetch {
  const outputs = new Map<string, Promise<string>>();
  const fetchOne = ({ reference, place }: Source): string | Promise<string> => {
    if (reference.kind === 'plain') return reference.value;
    if (reference.kind === 'env') {
      const value = options.env[reference.name];
      if (!value) throw new ConfigError(`${place}: the variable ${reference.name} is not set`);
      return value;
    }
    if (reference.kind === 'file') return readValue(reference.path, place, options);
    const key = JSON.stringify(reference.words);
    const output = outputs.get(key) ?? runCommand(reference.words, place, options);
    outputs.set(key, output);
    return output;
  };
  const known = new Map<Source, Promise<string>>();
  const fetchAndHide = async (source: Source): Promise<string> => {
    const value = await fetchOne(source);
    if (source.secret || source.reference.kind !== 'plain') options.redactor.hide(value);
    return value;
  };
  return (source) => {
    const found = known.get(source) ?? fetchAndHide(source);
    known.set(source, found);
    return found;
  };
}

async function readValue(path: string, place: string, { log }: FetchOptions): Promise<string> {
  try {
    const { mode, size } = await stat(path);
    if (size > MOST_BYTES) throw new ConfigError(`${place}: ${path} is larger than ${MOST_BYTES / 1024} KiB`);
    if ((mode & OTHERS) !== 0) log.warn(`${path} can be read by other users; try: chmod 600`);
    const value = (await readFile(path, 'utf8')).replace(/\r?\n$/u, '');
    if (value !== '') return value;
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(`${place}: ${path} cannot be read (${errorCode(cause)})`, { cause });
  }
  throw new ConfigError(`${place}: ${path} is empty`);
}

/** Without a shell, in the file's folder, with no input. What it writes to standard error is told when it fails. */
async function runCommand(
  [program = '', ...args]: readonly string[],
  place: string,
  { env, folder, signal, log, timeoutMs = EXEC_TIMEOUT_MS }: FetchOptions,
): Promise<string> {
  const { execa } = await import('execa');
  log.waiting(`${program} is fetching a secret`);
  const child = execa(program, args, {
    cwd: folder,
    env: env as Record<string, string>,
    extendEnv: false,
    stdin: 'ignore',
    timeout: timeoutMs,
    forceKillAfterDelay: GRACE_MS,
    maxBuffer: MOST_BYTES,
    cancelSignal: signal,
    reject: false,
  });
  // What it leaves behind (an agent that keeps passwords) may hold its output for ever.
  let lingering: NodeJS.Timeout | undefined;
  child.once('exit', () => {
    lingering = setTimeout(() => [child.stdout, child.stderr].map((stream) => stream.destroy()), LINGER_MS);
  });
  const ended = await child;
  clearTimeout(lingering);
  signal.throwIfAborted();
  const refuse = (why: string) => {
    const said = plainText(ended.stderr, 200);
    throw new ConfigError(`${place}: ${program} ${why}${said ? `: ${said}` : ''}`, {
      hint: 'run the command by hand to see what is the matter',
    });
  };
  if (ended.timedOut) refuse(`did not end within ${timeoutMs / 1000} s`);
  if (ended.isMaxBuffer) refuse(`wrote more than ${MOST_BYTES / 1024} KiB`);
  if (ended.exitCode === undefined) refuse(`cannot be run (${ended.signal ?? ended.code})`);
  if (ended.exitCode !== 0) refuse(`ended with exit code ${ended.exitCode}`);
  if (ended.stdout === '') refuse('wrote nothing');
  return ended.stdout;
}
