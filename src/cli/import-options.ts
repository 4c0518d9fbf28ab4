import { type ImportFormat, importFormats } from '../acme/import/formats.ts';
import { ConfigError } from '../errors.ts';
import { type Flag, flag, type ValuesOf } from './flags.ts';

/** Flags of `import`. They have no variables: none should act unasked. */

const yes = (): boolean => true;

export const importFlags = {
  from: flag({
    flags: '--from <client>',
    parse: format,
    help: 'whose store it is: lego, certbot or acme.sh; default: what it looks like',
  }),
  dryRun: flag({ flags: '--dry-run', parse: yes, fallback: false, help: 'show what would be done, and write nothing' }),
  force: flag({
    flags: '--force',
    parse: yes,
    fallback: false,
    help: 'replace what is in the store; a copy of it goes to archives/',
  }),
  hooks: flag({
    flags: '--hooks',
    parse: yes,
    fallback: false,
    help: 'take hook commands over, too: quoin runs them from then on',
  }),
} satisfies Record<string, Flag<unknown>>;

export type ImportFlags = ValuesOf<typeof importFlags>;

function format(value: string, name: string): ImportFormat {
  const plain = value.toLowerCase().replace('acmesh', 'acme.sh');
  const found = importFormats.find((known) => known === plain);
  if (found) return found;
  throw new ConfigError(`${name} ${value} is unknown`, { hint: `use one of ${importFormats.join(', ')}` });
}
