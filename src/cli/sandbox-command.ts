import { accessSync, constants, statSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { ConfigError, Interrupted } from '../errors.ts';
import { makeFolder, writeFileAtomic } from '../files.ts';
import type { Io } from './io.ts';

const why: Readonly<Record<string, string>> = { ENOENT: 'it was not found', EACCES: 'permission denied' };

/**
 * Runs a command with these variables added to its environment, and gives its exit code as a shell would: 128 and the
 * signal's number where a signal ended it. Signals to this process are handed on.
 */
export async function runWith(
  words: readonly string[],
  added: Readonly<Record<string, string>>,
  { io, folder }: { readonly io: Io; readonly folder: string },
): Promise<number> {
  const [file = '', ...args] = words;
  const { execa } = await import('execa');
  const command = execa(file, args, {
    cwd: io.cwd,
    env: { ...io.env, ...added, PATH: await pathWithQuoin(io, folder) },
    extendEnv: false,
    stdio: 'inherit',
    reject: false,
    // It may be cleaning up, which takes as long as it takes.
    forceKillAfterDelay: false,
  });
  const forward = () => {
    const reason: unknown = io.signal.reason;
    const signal = reason instanceof Interrupted ? reason.exitCode - 128 : osConstants.signals.SIGTERM;
    // A terminal sends Ctrl-C to the command as well; twice would tell many programs to quit without cleaning up.
    const byTerminal = signal === osConstants.signals.SIGINT && (io.stderr.isTTY || io.stdout.isTTY);
    if (!byTerminal) command.kill(signal);
  };
  io.signal.addEventListener('abort', forward);
  if (io.signal.aborted) forward();
  try {
    const result = await command;
    if (result.exitCode !== undefined) return result.exitCode;
    if (result.signal) return 128 + osConstants.signals[result.signal];
    throw new ConfigError(`cannot run ${file}: ${why[result.code ?? ''] ?? result.originalMessage}`, {
      cause: result.cause,
    });
  } finally {
    io.signal.removeEventListener('abort', forward);
  }
}

/** PATH on which `quoin` is found: on a fresh clone it is this very program. */
async function pathWithQuoin({ env, cwd }: Io, folder: string): Promise<string> {
  const path = env.PATH ?? '';
  const script = process.argv[1];
  if (!script || path.split(delimiter).some((place) => place !== '' && isProgram(resolve(cwd, place, 'quoin'))))
    return path;
  const bin = join(folder, 'bin');
  await makeFolder(bin);
  const text = `#!/bin/sh\nexec ${shellQuoted(process.execPath)} ${shellQuoted(resolve(cwd, script))} "$@"\n`;
  await writeFileAtomic(join(bin, 'quoin'), text, { mode: 0o755 });
  return [bin, ...(path ? [path] : [])].join(delimiter);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** For `sh`, whatever is in it. */
export const shellQuoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
