import { catalog } from '../../dns/catalog.generated.ts';
import { describeProvider, toMarkdown } from '../../dns/describe.ts';
import { resolveProvider } from '../../dns/resolve.ts';
import type { CommandContext, Outcome } from '../main.ts';

/** All providers, or what one of them needs. */
export async function dnshelp({ io, code }: CommandContext): Promise<Outcome> {
  if (code) {
    const description = describeProvider(await resolveProvider(code, io.cwd));
    return { json: description, text: toMarkdown(description) };
  }
  const providers = Object.entries(catalog).map(([id, { name }]) => ({ code: id, name }));
  const width = Math.max(...providers.map(({ code: id }) => id.length));
  return {
    json: { providers },
    text: `${providers.map(({ code: id, name }) => `${id.padEnd(width)}  ${name}`).join('\n')}\n\nquoin dnshelp -c CODE tells what one of them needs\n`,
  };
}
