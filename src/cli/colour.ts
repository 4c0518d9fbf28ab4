import type { ChalkInstance } from 'chalk';
import type { Io, Output } from './io.ts';

/** Colours for one of the two outputs: none where it is no terminal, or where NO_COLOR (no-color.org) or a flag says so. */
export async function coloursFor(
  { isTTY }: Pick<Output, 'isTTY'>,
  env: Io['env'],
  { noColor }: { readonly noColor: boolean },
): Promise<ChalkInstance> {
  const { Chalk } = await import('chalk');
  return isTTY && !noColor && !env.NO_COLOR ? new Chalk() : new Chalk({ level: 0 });
}
