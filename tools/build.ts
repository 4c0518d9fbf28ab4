/**
 * Bundles the program into `dist/`: an ACME run loads some 500 files of its libraries otherwise, which takes longer
 * than the rest of the run (docs/decisions/0001-bundled-libraries.md). Code splitting keeps what is lazy lazy.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

/**
 * acme-client loads axios for its requests and node-forge for an interface that it calls outdated. The first is replaced by our
 * transport (src/acme/client.ts), the second never called; reading them takes a tenth of a short run.
 */
const withoutUnused: Plugin = {
  name: 'without-unused',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]acme-client[/\\]src[/\\](?:axios|verify|crypto[/\\]forge)\.js$/ }, () => ({
      contents: 'module.exports = {};',
    }));
  },
};

/** Built here and put in place whole, so that a program that starts meanwhile finds the old one or the new one. */
const draft = join(root, `.dist-${process.pid}`);
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { quoin: 'src/cli/start.ts', plugin: 'src/dns/kit/index.ts' },
  outdir: draft,
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  metafile: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [withoutUnused],
  external: ['@aws-sdk/*'], // Optional, and larger than all the rest: docs/decisions/0004-cloud-credentials.md
  define: { QUOIN_VERSION: JSON.stringify(version) },
  // CommonJS libraries inside an ES module still call `require` for Node's own modules.
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
});
writeFileSync(join(draft, 'THIRD-PARTY-LICENSES.txt'), licences(Object.keys(metafile.inputs)));
const tsc = join(root, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.types.json', '--outDir', join(draft, 'types')], {
  cwd: root,
  stdio: 'inherit',
});
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
