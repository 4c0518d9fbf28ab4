/** Becomes `dist/quoin.js`: what bin/quoin.js loads, and what loads all the rest. */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

interface Program {
  start(): Promise<void>;
}
interface Loader {
  load(file: string): Program;
  /** What was loaded, by file. */
  readonly scripts: ReadonlyMap<string, Script>;
}

/** The folder in `dist/` for the code of this V8, whose version changes with every patch that Node makes to it. */
export const codeCache: string = join('cache', `${process.versions.v8}-${process.arch}`);

/** Imports ES modules; code from a cache cannot do that by itself. */
export const IMPORTER = 'import.cjs';

export const start = (): Promise<void> =>
  createLoader(new URL('.', import.meta.url))
    .load('quoin.cjs')
    .start();

/**
 * Loads the program's files together with the code that V8 made of them when Quoin was built (code-cache.ts): to compile them
 * anew takes a fifth of a short run. Where there is none for this V8, Node loads them, and keeps compiled code by its own means
 * if it has them (22.8 and newer). `recompile` makes that code, without using what is there.
 */
export function createLoader(dist: URL, { recompile = false }: { readonly recompile?: boolean } = {}): Loader {
  const root = fileURLToPath(dist);
  const nodeRequire = createRequire(dist);
  if (!recompile && !fs.existsSync(join(root, codeCache))) {
    return { load: (file) => nodeRequire(join(root, file)) as Program, scripts: new Map() };
  }

  const modules = new Map<string, { exports: unknown }>();
  const scripts = new Map<string, Script>();
  const load = (file: string): unknown => {
    const known = modules.get(file);
    if (known) return known.exports;
    const module = { exports: {} };
    modules.set(file, module);
    const cachedData = recompile ? undefined : readIfThere(join(root, codeCache, `${file}.bin`));
    const script = new Script(
      `(function (exports, require, module) {${fs.readFileSync(join(root, file), 'utf8')}\n})`,
      {
        // The cache keeps the name, in stack traces too: not that of the folder where it was made.
        filename: `quoin/dist/${file}`,
        ...(cachedData ? { cachedData } : {}),
      },
    );
    scripts.set(file, script);
    const require = (name: string): unknown => {
      const wanted = name.startsWith('.') ? join(dirname(file), name) : undefined;
      if (wanted === undefined) return nodeRequire(name);
      return wanted === IMPORTER ? nodeRequire(`./${IMPORTER}`) : load(wanted);
    };
    script.runInThisContext()(module.exports, require, module);
    return module.exports;
  };
  return { load: (file) => load(file) as Program, scripts };
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return fs.readFileSync(file);
  } catch {
    return undefined;
  }
}
