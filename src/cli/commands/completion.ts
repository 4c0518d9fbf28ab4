import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import { modelOf, type ProgramModel } from '../completion/model.ts';
import type { Shell } from '../completion/shells.ts';
import { zshCompletion } from '../completion/zsh.ts';
import type { CommandContext, Outcome } from '../main.ts';
import { wholeProgram } from '../program.ts';

const scripts: Readonly<Record<Shell, (model: ProgramModel) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** A script for a shell, made from what the program declares: it asks the program nothing while a person types. */
export async function completion({ words }: CommandContext): Promise<Outcome> {
  const shell = words?.[0] as Shell;
  const script = scripts[shell](modelOf(wholeProgram()));
  return { json: { shell, script }, text: script, isAnswer: true };
}
