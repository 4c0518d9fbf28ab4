/**
 * Starts a DNS provider: `npm run new-provider -- <id> "<Name>"` writes the provider and the fake of its API. Both compile, and
 * the contract tests fail until they are filled in: `npm run jest -- test/contract -t '^<id> '`.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [id = '', name = id] = process.argv.slice(2);
const targets = {
  [join(root, 'src/dns/providers', `${id}.ts`)]: 'provider.ts.txt',
  [join(root, 'fixtures/dns', `${id}.ts`)]: 'fixture.ts.txt',
};
const existing = Object.keys(targets).filter((path) => existsSync(path));

if (!/^[a-z][a-z0-9-]*$/u.test(id)) {
  console.error('usage: npm run new-provider -- <id> "<Name>"; ids are lower-case letters, digits and hyphens');
  process.exitCode = 2;
} else if (existing.length > 0) {
  console.error(`${existing.map((path) => relative(root, path)).join(', ')} exists already`);
  process.exitCode = 1;
} else {
  for (const [path, template] of Object.entries(targets)) {
    writeFileSync(path, fill(readFileSync(join(root, 'tools/templates', template), 'utf8')));
    console.log(relative(root, path));
  }
  console.log(`next: npm run generate && npm run jest -- test/contract -t '^${id} '`);
}

function fill(text: string): string {
  const prefix = id.toUpperCase().replaceAll('-', '_');
  return text
    .replaceAll('__PREFIX__', prefix)
    .replaceAll('__ID__', id)
    .replaceAll('__NAME__', name.replace(/['\\]/gu, '\\$&'));
}
