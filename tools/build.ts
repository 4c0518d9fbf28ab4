/**
 * Bundles the program into `dist/`: an ACME run loads some 500 files of its libraries otherwise, which takes longer
 * than the rest of the run (docs/decisions/0001-bundled-libraries.md). Code splitting keeps what is lazy lazy.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import { writeCodeCache } from './bundle/code-cache.ts';
import { writeCommonJs } from './bundle/commonjs.ts';
import { leftOut } from './bundle/left-out.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

/** Built here and put in place whole, so that a program that starts meanwhile finds the old one or the new one. */
const draft = join(root, `.dist-${process.pid}`);
const options = {
  absWorkingDir: root,
  outdir: draft,
  bundle: true,
  splitting: true,
  metafile: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'warning',
  external: ['@aws-sdk/*'], // Optional, and larger than all the rest: docs/decisions/0004-cloud-credentials.md
  define: { QUOIN_VERSION: JSON.stringify(version) },
} as const satisfies BuildOptions;
const program = await build({
  ...options,
  entryPoints: { quoin: 'src/cli/start.ts' },
  chunkNames: 'chunks/[name]-[hash]',
  plugins: [leftOut],
  write: false,
});
await writeCommonJs(program.outputFiles, draft);
// Plugins are ES modules and get one, with a copy of the kit of their own.
const plugin = await build({
  ...options,
  entryPoints: { plugin: 'src/dns/kit/index.ts' },
  chunkNames: 'plugin/[name]-[hash]',
  // CommonJS libraries inside an ES module still call `require` for Node's own modules.
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
});
const inputs = [program, plugin].flatMap(({ metafile }) => Object.keys(metafile.inputs));
writeFileSync(join(draft, 'THIRD-PARTY-LICENSES.txt'), licences(inputs));
const tsc = join(root, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.types.json', '--outDir', join(draft, 'types')], {
  cwd: root,
  stdio: 'inherit',
});
await build({
  ...{ absWorkingDir: root, entryPoints: { quoin: 'tools/bundle/program.ts' }, outdir: draft },
  ...{ platform: 'node', target: 'node20.19', format: 'esm' },
});
writeCodeCache(draft);
rmSync(join(root, 'dist'), { recursive: true, force: true });
renameSync(draft, join(root, 'dist'));

/** The licence texts of everything that was bundled: their terms ask for them to travel along. */
function licences(inputs: readonly string[]): string {
  const packages = new Set(
    inputs.flatMap((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/u.exec(file)?.[0] ?? []),
  );
  return [...packages]
    .sort()
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
      const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'LICENCE', 'license.md', 'License']
        .map((file) => join(root, folder, file))
        .find((path) => existsSync(path));
      return `${name} ${version} (${license})\n\n${file ? readFileSync(file, 'utf8').trim() : ''}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}
