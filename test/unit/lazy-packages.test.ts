import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
const src = join(root, 'src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

/** Where a package is loaded when it is needed, and what is around the `import()`. */
const imports = files.flatMap((file) =>
  [...readFileSync(join(src, file), 'utf8').matchAll(/^.*\bimport\('(?!node:)([^.'][^']*)'\).*$/gmu)]
    .filter(([line]) => !/\btypeof import\(/u.test(line))
    .map(([line, name = '']) => ({ file, line: line.trim(), name })),
);
const names = [...new Set(imports.map(({ name }) => name))].filter((name) => !name.startsWith('@aws-sdk/')); // Not bundled.

/** Whether esbuild takes a package for CommonJS, whose exports a bundle has in `default` alone. */
async function isCommonJs(name: string): Promise<boolean> {
  const { metafile } = await build({
    ...{ absWorkingDir: root, stdin: { contents: `import '${name}'`, resolveDir: root }, write: false },
    ...{ bundle: true, metafile: true, platform: 'node', format: 'esm', logLevel: 'silent' },
  });
  const [entry] = metafile.inputs['<stdin>']?.imports ?? [];
  return metafile.inputs[entry?.path ?? '']?.format === 'cjs';
}

it.each(names)('%s is taken for what it is in the bundle', async (name) => {
  if (!(await isCommonJs(name))) return;
  const careless = imports.filter((place) => place.name === name && !/exportsOf(?:<\w+>)?\(|default/u.test(place.line));
  expect(careless).toEqual([]);
});

it('knows CommonJS and ES modules apart', async () => {
  expect(await Promise.all(['yaml', 'tldts', 'execa', 'fast-xml-parser'].map(isCommonJs))).toEqual([
    ...[true, true],
    ...[false, false],
  ]);
});
