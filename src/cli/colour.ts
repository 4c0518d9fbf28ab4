import type { ChalkInstance } from 'chalk';
import type { Io, Output } from './io.ts';

/** Colours for one of the two outputs. FORCE_COLOR beats NO_COLOR (no-color.org), as it does in Node itself. */
export async function coloursFor(
  { isTTY }: Pick<Output, 'isTTY'>,
  { FORCE_COLOR, NO_COLOR, TERM }: Io['env'],
  { noColor }: { readonly noColor: boolean },
): Promise<ChalkInstance> {
  const { Chalk } = await import('chalk');
  const wanted = FORCE_COLOR ? !/^(?:0|false)$/u.test(FORCE_COLOR) : isTTY && !NO_COLOR && TERM !== 'dumb';
  // The 16 colours that every terminal has. Chalk would look at standard output and at the environment of the process.
  return new Chalk({ level: wanted && !noColor ? 1 : 0 });
}
