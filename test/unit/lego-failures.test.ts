import { readdirSync, readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const folder = new URL('test/integration/', root);
/** Where lego is known to fail, in the words and the order of the specification. */
const rows: readonly string[] = JSON.parse(readFileSync(new URL('fixtures/lego-failures.json', root), 'utf8'));

it('each place where lego fails has a test of its own, by its words and in its order', () => {
  const files = readdirSync(folder).filter((file) => file.startsWith('where-lego-fails'));
  const names = files.sort().flatMap((file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    return [...text.matchAll(/^ *it\((['"])(.*)\1, /gmu)].map(([, , name]) => name);
  });
  expect(names).toEqual(rows);
});
