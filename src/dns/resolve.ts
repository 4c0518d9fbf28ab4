import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from '../errors.ts';
import { aliases, catalog } from './catalog.generated.ts';
import { isProvider, type Provider } from './kit/contract.ts';

/** `hetzner` is built in; `npm:acme-dns-foo` and `./my-dns.js` are code the user named on purpose. Nothing is ever searched for. */
export async function resolveProvider(spec: string, cwd: string): Promise<Provider> {
  const entry = catalog[aliases[spec] ?? spec];
  if (entry) return (await entry.load()).default;

  const target = spec.startsWith('npm:') ? spec.slice(4) : /^(?:\.{0,2}\/|[a-z]:\\)/iu.test(spec) ? spec : undefined;
  if (target === undefined) {
    throw new ConfigError(`unknown DNS provider ${spec}`, { hint: hintFor(spec) });
  }
  const file = await Promise.resolve()
    .then(() => createRequire(join(cwd, 'package.json')).resolve(target))
    .catch((cause: unknown) => {
      throw new ConfigError(`cannot find the DNS provider package ${target}`, { hint: `npm install ${target}`, cause });
    });
  const found: unknown = ((await import(pathToFileURL(file).href)) as { default?: unknown }).default;
  if (!isProvider(found))
    throw new ConfigError(`${target} does not export a DNS provider`, {
      hint: 'its default export must come from defineProvider()',
    });
  return found;
}

function hintFor(spec: string): string {
  const close = Object.keys(catalog)
    .map((id) => [distance(spec, id), id] as const)
    .filter(([d]) => d <= 2)
    .sort(([a], [b]) => a - b)[0];
  return close ? `did you mean ${close[1]}?` : `for a package of your own, use --dns npm:${spec}`;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const [up = 0, left = 0, corner = 0] = [row[j], next[j - 1], row[j - 1]];
      next[j] = Math.min(up + 1, left + 1, corner + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
