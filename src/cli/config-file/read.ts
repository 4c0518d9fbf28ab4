import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { ConfigError } from '../../errors.ts';
import { errorCode } from '../../files.ts';
import type { ConfigFile } from './config.ts';
import { type ConfigDocument, parseYaml } from './document.ts';
import type { Judging } from './judging.ts';
import { readLegoFile } from './lego.ts';
import { readQuoinFile } from './read-quoin.ts';
import { find } from './tree.ts';

/** In the working directory, in this order. */
export const usualFiles = ['quoin.yaml', 'quoin.yml', '.lego.yml', '.lego.yaml'] as const;

/** Ten thousand certificates take less. */
const MOST_BYTES = 8 * 1024 * 1024;
/** The permission bits of everybody but owner and group. */
const OTHERS = 0o007;

/**
 * Reads and judges a configuration file, quoin's or lego 5's. No network, no command, and no secret is touched.
 * @throws ConfigError with everything that is wrong, each with line and column
 */
export async function readConfigFile(given: string | undefined, cwd: string): Promise<ConfigFile> {
  const { file, text, mode, isFile } = readText(given, cwd);
  // What comes out of a pipe (`quoin apply <(sops -d quoin.yaml)`) has no place of its own.
  const folder = isFile ? dirname(resolve(cwd, file)) : cwd;
  const document = await parseYaml(text, file);
  document.refuse();
  let hasPlainSecrets = false;
  const secretVariables = new Set<string>();
  const judging: Judging = {
    folder,
    tell: document.tell,
    placeOf(at) {
      const { line, column } = document.positionOf(at);
      return `${file}:${line}:${column}`;
    },
    onSecret(reference) {
      if (reference.kind === 'plain') hasPlainSecrets = true;
      if (reference.kind === 'env') secretVariables.add(reference.name);
    },
  };
  const content = await (isLegos(file, document) ? readLegoFile : readQuoinFile)(document, judging);
  document.refuse();
  const exposed = hasPlainSecrets && isFile && (mode & OTHERS) !== 0;
  return {
    file,
    folder,
    ...content,
    secretVariables,
    warnings: exposed ? [`${file} holds secrets and can be read by other users; try: chmod 600`] : [],
  };
}

/** By its name, or by keys that only lego's files have. */
const isLegos = (file: string, { tree }: ConfigDocument): boolean =>
  /^\.lego\.ya?ml$/u.test(basename(file)) ||
  ['challenges', 'servers', 'storage', 'networkStack'].some((key) => find(tree, key));

interface Text {
  readonly file: string;
  readonly text: string;
  readonly mode: number;
  readonly isFile: boolean;
}

function readText(given: string | undefined, cwd: string): Text {
  for (const file of given === undefined ? usualFiles : [given]) {
    const path = resolve(cwd, file);
    try {
      const found = statSync(path);
      const { size, mode } = found;
      if (size > MOST_BYTES) throw new ConfigError(`${file} is larger than ${MOST_BYTES / 1024 / 1024} MiB`);
      return { file, text: readFileSync(path, 'utf8'), mode, isFile: found.isFile() };
    } catch (cause) {
      if (cause instanceof ConfigError) throw cause;
      if (given === undefined && errorCode(cause) === 'ENOENT') continue;
      throw new ConfigError(`cannot read the configuration file ${file}: ${errorCode(cause)}`, { cause });
    }
  }
  throw new ConfigError(`there is no configuration file in ${cwd}`, {
    hint: `write ${usualFiles[0]}, or name a file: quoin apply FILE`,
  });
}
