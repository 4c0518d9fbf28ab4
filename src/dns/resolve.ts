import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { closest } from '../closest.ts';
import { ConfigError } from '../errors.ts';
import { aliases, catalog } from './catalog.generated.ts';
import { isProvider, type Provider } from './kit/contract.ts';

/**
 * `hetzner` is built in; `npm:acme-dns-foo` and `./my-dns.js` are code the user named on purpose, looked for from `cwd`.
 * Nothing is ever searched for, and only the provider named is loaded.
 */
export async function resolveProvider(spec: string, cwd: string): Promise<Provider> {
  const id = spec.trim().toLowerCase();
  const entry = own(catalog, own(aliases, id) ?? id);
  if (entry) return (await entry.load()).default;

  const isFile = /^(?:\.{0,2}[/\\]|[a-z]:[/\\])/iu.test(spec);
  if (!isFile && !spec.startsWith('npm:')) {
    throw new ConfigError(`unknown DNS provider ${spec}`, { hint: hintFor(id) });
  }
  const target = isFile ? spec : spec.slice('npm:'.length);
  const found = ((await load(target, isFile, cwd)) as { default?: unknown }).default;
  if (!isProvider(found)) {
    throw new ConfigError(`${target} does not export a DNS provider`, {
      hint: 'its default export must come from defineProvider() of quoin/plugin',
    });
  }
  return found;
}

async function load(target: string, isFile: boolean, cwd: string): Promise<unknown> {
  let file: string;
  try {
    file = createRequire(join(cwd, 'package.json')).resolve(target);
  } catch (cause) {
    throw new ConfigError(`cannot find the DNS provider ${target}`, {
      hint: isFile ? `paths are looked for from ${cwd}` : `try: npm install ${target}`,
      cause,
    });
  }
  try {
    return await import(pathToFileURL(file).href);
  } catch (cause) {
    throw new ConfigError(`the DNS provider ${target} cannot be loaded: ${(cause as Error).message}`, { cause });
  }
}

const own = <T>(table: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined;

function hintFor(id: string): string {
  const close = closest(id, [...Object.keys(catalog), ...Object.keys(aliases)]);
  return close ? `did you mean ${close}?` : 'see: quoin dnshelp; for a package of your own: --dns npm:PACKAGE';
}
