import type { CommandContext } from '../main.ts';

/** The domains on the command line: those in the environment are those of `run`. */
export const domainsOf = ({ options, given }: Pick<CommandContext, 'options' | 'given'>): readonly string[] =>
  given.has('--domains') ? options.domains : [];
