import { txtOf } from '../../dns/wire/index.ts';
import { plainText } from '../../plain-text.ts';
import { caaForbids } from './caa.ts';
import { withoutWildcard } from './identifiers.ts';
import { type Problem, problem } from './problem.ts';
import { createResolver, LookupError, type Resolver } from './resolver.ts';

export interface ValidationRequest {
  /** As ordered: `*.example.test` where it is for a wildcard. */
  readonly name: string;
  /** What the TXT record must hold. */
  readonly value: string;
  readonly accountUrl: string;
}

/** Whether a name is under the control of who wants a certificate for it: undefined, or why not. */
export type Validator = (request: ValidationRequest, signal: AbortSignal) => Promise<Problem | undefined>;

const MOST_SHOWN = 5;
const LONGEST_SHOWN = 100;

/** dns-01 (RFC 8555 section 8.4) and CAA (RFC 8659), by real queries to this server. */
export function createValidator(server: { readonly address: string; readonly port: number }): Validator {
  const resolver = createResolver(server);
  return async (request, signal) => {
    const [dns01, caa] = await Promise.all([checkTxt(resolver, request, signal), checkCaa(resolver, request, signal)]);
    return dns01 ?? caa;
  };
}

async function checkTxt(
  resolver: Resolver,
  { name, value }: ValidationRequest,
  signal: AbortSignal,
): Promise<Problem | undefined> {
  const at = `_acme-challenge.${withoutWildcard(name)}`;
  return orDnsProblem(async () => {
    const answer = await resolver.find(at, 'TXT', signal);
    const where = answer.name === at ? at : `${at}, that is ${answer.name}`;
    if (!answer.exists) return problem('dns', `NXDOMAIN looking up TXT for ${where}`);
    const values = answer.records.map(txtOf);
    if (values.includes(value)) return undefined;
    if (values.length === 0) return problem('unauthorized', `there is no TXT record at ${where}`);
    const shown = values.slice(0, MOST_SHOWN).map((text) => `"${plainText(text, LONGEST_SHOWN)}"`);
    const more = values.length > shown.length ? ` and ${values.length - shown.length} more` : '';
    return problem(
      'unauthorized',
      `no TXT record at ${where} holds the expected value; found ${shown.join(', ')}${more}`,
    );
  });
}

const checkCaa = (resolver: Resolver, request: ValidationRequest, signal: AbortSignal): Promise<Problem | undefined> =>
  orDnsProblem(async () => {
    const why = await caaForbids(request, (name) => resolver.find(name, 'CAA', signal));
    return why === undefined ? undefined : problem('caa', plainText(why, 500));
  });

async function orDnsProblem(check: () => Promise<Problem | undefined>): Promise<Problem | undefined> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof LookupError) return problem('dns', error.message);
    // Records that are not what their type says.
    if (error instanceof Error && error.name === 'MalformedMessage') return problem('dns', error.message);
    throw error;
  }
}
