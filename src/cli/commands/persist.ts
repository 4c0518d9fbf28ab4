import { normalizeNames } from '../../acme/names.ts';
import { ConfigError } from '../../errors.ts';
import type { CommandContext, Outcome } from '../main.ts';
import { readFlags } from '../options.ts';
import { checkPersist } from '../persist-check.ts';
import { persistFlags } from '../persist-options.ts';
import { printPersist } from '../persist-print.ts';

/** Records for dns-persist-01: prints those to make, or checks those that are there. Never writes any. */
export async function persist(context: CommandContext): Promise<Outcome> {
  const { options, own = new Map(), words = [], given } = context;
  const [action, ...named] = words;
  const flags = readFlags(persistFlags, own, {});
  if (!flags.experimental && !given.has('--experimental')) {
    throw new ConfigError(
      'dns-persist-01 is a draft of the IETF (draft-ietf-acme-dns-persist): its records have changed and may change again',
      { hint: 'if that is all right, add --experimental; docs/guides/persist.md tells what it is' },
    );
  }
  // One by one: what cannot stand in one certificate may have records side by side.
  const names = (named.length > 0 ? named : options.domains).flatMap((name) => normalizeNames([name]));
  if (names.length === 0) throw new ConfigError('no domain name was given', { hint: 'name them: -d example.com' });
  const unique = [...new Set(names)];
  if (action === 'print') return printPersist(unique, flags, context);
  return checkPersist(flags.wildcard ? withWildcards(unique) : unique, flags, context);
}

const withWildcards = (names: readonly string[]): string[] => [
  ...new Set(names.flatMap((name) => (name.startsWith('*.') ? [name] : [name, `*.${name}`]))),
];
