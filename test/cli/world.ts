import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Io } from '../../src/cli/io.ts';
import { main } from '../../src/cli/main.ts';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program in this process, in a folder of its own, with nothing in its environment but what is given. */
export async function quoin(
  argv: readonly string[],
  {
    env = {},
    cwd = mkdtempSync(join(tmpdir(), 'quoin-cli-')),
    signal = new AbortController().signal,
  }: Partial<Pick<Io, 'env' | 'cwd' | 'signal'>> = {},
): Promise<Ran> {
  const said = { stdout: '', stderr: '' };
  const output = (name: keyof typeof said) => ({
    isTTY: false,
    write: (text: string) => {
      said[name] += text;
    },
  });
  const code = await main(argv, { env, cwd, signal, stdout: output('stdout'), stderr: output('stderr') });
  return { code, ...said };
}
