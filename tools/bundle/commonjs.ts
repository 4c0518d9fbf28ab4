import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type OutputFile, transform } from 'esbuild';
import { IMPORTER } from './program.ts';

/** `import()` in code; not a method of that name, nor a comment. */
const dynamicImport = /(?<=(?:\bawait|\breturn|=>|=|\() ?)import\((?:"(\.{1,2}\/[^"]+)\.js"\))?/gu;
const requireChunk = /\brequire\("(\.{1,2}\/[^"]+)\.js"\)/gu;
const packageComment = /^\/\/ .*node_modules\/(?:@[^/\n]+\/)?[^/\n]+\//gmu;

/**
 * Turns the chunks of a bundle into CommonJS and writes them into the folder. esbuild splits ES modules only; CommonJS is what V8's
 * code cache can be used for on Node 20 (program.ts), and thirty small files of it are found faster than thirty ES modules.
 */
export async function writeCommonJs(outputs: readonly OutputFile[], folder: string): Promise<void> {
  for (const { path, text } of outputs) {
    const { code } = await transform(text, {
      ...{ format: 'cjs', target: 'node20.19', platform: 'node' },
      legalComments: 'none',
    });
    const importer = `require("${relative(dirname(path), join(folder, IMPORTER)).replace(/^(?!\.)/u, './')}")(`;
    const commonJs = code
      .replaceAll(dynamicImport, (_, chunk?: string) =>
        chunk ? `Promise.resolve().then(() => require("${chunk}.cjs"))` : importer,
      )
      .replaceAll(requireChunk, 'require("$1.cjs")');
    // The transformation leaves out the comments by which a bundle tells what it is made of.
    const packages = [...new Set(text.match(packageComment))];
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path.replace(/\.js$/u, '.cjs'), [...packages, commonJs].join('\n'));
  }
  writeFileSync(join(folder, IMPORTER), 'module.exports = (name) => import(name);\n');
}
