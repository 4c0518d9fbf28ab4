import { resolve } from 'node:path';
import { didYouMean } from '../../closest.ts';
import { parseAssignments } from '../../dns/assignments.ts';
import { aliases, catalog } from '../../dns/catalog.generated.ts';
import type { Provider } from '../../dns/kit/contract.ts';
import { resolveProvider } from '../../dns/resolve.ts';
import { isAppError } from '../../errors.ts';
import { attempt, type Judging } from './judging.ts';
import type { Located } from './shape.ts';

/** A provider, and what would be typed for it after `--dns`, wherever quoin runs. */
interface LoadedProvider {
  readonly provider: Provider;
  readonly spec: string;
}

/** Undefined when there is none of that code, which has been told then. `others` are names that could be meant instead. */
export async function loadProvider(
  { value, at }: Located<string>,
  others: readonly string[],
  judging: Judging,
  mayHavePrefix = false,
): Promise<LoadedProvider | undefined> {
  const { folder, tell } = judging;
  const assignment = attempt(() => parseAssignments([value])[0], at, judging);
  if (!assignment) return undefined;
  const { code, label, prefix, domain } = assignment;
  if (domain !== undefined || (prefix !== undefined && !mayHavePrefix)) {
    tell(at, `must be the code of a provider alone, not ${value}`);
    return undefined;
  }
  try {
    const provider = await resolveProvider(code === SANDBOX ? 'rfc2136' : code, folder);
    const isRelative = /^\.{1,2}[/\\]/u.test(code);
    return { provider, spec: isRelative ? resolve(folder, code) + label.slice(code.length) : label };
  } catch (error) {
    if (!isAppError(error)) throw error;
    const meant = didYouMean(value, [...others, ...Object.keys(catalog), ...Object.keys(aliases)]);
    tell(at, `${error.message}${meant || (error.hint ? `; ${error.hint}` : '')}`);
    return undefined;
  }
}

/** What `quoin sandbox` makes of its DNS server for `--dns sandbox`. */
const SANDBOX = 'sandbox';
