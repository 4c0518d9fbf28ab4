import type { Command } from 'commander';

/** Every command by what is typed behind `quoin`; the program itself is ''. */
export const commandsOf = (command: Command, path = ''): [string, Command][] => [
  [path, command],
  ...command.commands.flatMap((below) => commandsOf(below, `${path} ${below.name()}`.trim())),
];

/** The flags that help shows. */
export const longNames = (command: Command): string[] =>
  command.options.flatMap(({ hidden, long }) => (hidden || !long ? [] : [long]));
