import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'dotenv';
import { ConfigError } from '../errors.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The environment with what `.env` and the named files add to it; what the process already has always wins. */
export function withEnvFiles(env: Env, cwd: string, named: readonly string[], warn: (message: string) => void): Env {
  const files = [
    ...named.map((file) => ({ file: resolve(cwd, file), named: true })),
    { file: resolve(cwd, '.env'), named: false },
  ];
  const added: Record<string, string> = {};
  for (const { file, named: mustExist } of files) {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
      if (statSync(file).mode & 0o044) warn(`${file} can be read by others; chmod 600 keeps its secrets`);
    } catch (cause) {
      if (mustExist || (cause as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw new ConfigError(`cannot read ${file}: ${(cause as NodeJS.ErrnoException).code}`, { cause });
      }
      continue;
    }
    for (const [name, value] of Object.entries(parse(text))) added[name] ??= value;
  }
  return { ...added, ...env };
}
