import { readdirSync, readFileSync } from 'node:fs';

/** Where lego is known to fail, in the order of the specification. `waitsFor`: what has to be there before it can be tested. */
interface Row {
  readonly row: string;
  readonly waitsFor?: string;
}
const root = new URL('../../', import.meta.url);
const rows: readonly Row[] = JSON.parse(readFileSync(new URL('fixtures/lego-failures.json', root), 'utf8'));
const folder = new URL('test/integration/', root);
const files = readdirSync(folder).filter((file) => file.startsWith('where-lego-fails'));
const names = files
  .sort()
  .flatMap((file) => [...readFileSync(new URL(file, folder), 'utf8').matchAll(/^ *it\((['"])(.*)\1, /gmu)])
  .map(([, , name = '']) => name.replaceAll("\\'", "'"));

it('has a test of its own for each row, by its words and in its place', () => {
  expect(names).toEqual(rows.filter(({ waitsFor }) => waitsFor === undefined).map(({ row }) => row));
  for (const { row, waitsFor } of rows) if (waitsFor) process.stderr.write(`WAITS for ${waitsFor}: ${row}\n`);
});
