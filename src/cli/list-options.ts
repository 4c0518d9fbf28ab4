import { type Flag, flag, type ValuesOf } from './flags.ts';

/** Flags of `list` alone, as lego 4 has them. They have no variables. */

const yes = (): boolean => true;

export const listFlags = {
  names: flag({ flags: '--names', parse: yes, fallback: false, help: 'names of certificates only, one a line' }),
  accounts: flag({ flags: '--accounts', parse: yes, fallback: false, help: 'the accounts, too' }),
} satisfies Record<string, Flag<unknown>>;

export type ListFlags = ValuesOf<typeof listFlags>;
