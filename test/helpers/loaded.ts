import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Has V8 write down what a process runs: to be set in its environment. */
export const traced = (): { readonly NODE_V8_COVERAGE: string } => ({
  NODE_V8_COVERAGE: mkdtempSync(join(tmpdir(), 'quoin-loaded-')),
});

/** The texts of the files of the built program that such a process had loaded. */
export function loadedBy({ NODE_V8_COVERAGE: folder }: ReturnType<typeof traced>): string[] {
  const scripts = readdirSync(folder).flatMap(
    (file) => JSON.parse(readFileSync(join(folder, file), 'utf8')).result as { url: string }[],
  );
  return scripts.flatMap(({ url }) => {
    const file = /\/dist\/(.*)/u.exec(url)?.[1];
    return file ? [readFileSync(join(ROOT, 'dist', file), 'utf8')] : [];
  });
}
