import { catalog } from '../../dns/catalog.generated.ts';
import { describeProvider, toJson, toText } from '../../dns/describe.ts';
import { resolveProvider } from '../../dns/resolve.ts';
import { coloursFor } from '../colour.ts';
import type { CommandContext, Outcome } from '../main.ts';

/** Longer lines are hard to read, however wide the terminal is. */
const WIDEST = 100;

/** All providers, or what one of them needs. */
export async function dnshelp({ options, io, code }: CommandContext): Promise<Outcome> {
  if (code) {
    const description = describeProvider(await resolveProvider(code, io.cwd));
    const { bold } = await coloursFor(io.stdout, io.env, options);
    const width = Math.min(io.stdout.columns ?? 80, WIDEST);
    return { json: toJson(description), text: toText(description, { width, strong: bold }), isAnswer: true };
  }
  const providers = Object.entries(catalog).map(([id, { name }]) => ({ code: id, name }));
  const width = Math.max(...providers.map(({ code: id }) => id.length));
  return {
    json: { providers },
    isAnswer: true,
    text: `${providers.map(({ code: id, name }) => `${id.padEnd(width)}  ${name}`).join('\n')}\n\nquoin dnshelp -c CODE tells what one of them needs\n`,
  };
}
