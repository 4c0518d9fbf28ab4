import { ConfigError, isAppError } from '../errors.ts';
import { type Assignment, findAssignment } from './assignments.ts';
import type { Provider } from './kit/contract.ts';
import type { EnvSource } from './kit/read-env.ts';
import { readSettings } from './settings.ts';

export interface AccountSources {
  readonly env: EnvSource;
  load(code: string): Promise<Provider>;
  hide(secret: string): void;
}

/**
 * The assignments that the names themselves lead to. CNAMEs may lead elsewhere, which only DNS can tell; a provider that is
 * meant for other domains need not have credentials.
 */
export const expectedFor = (
  assignments: readonly Assignment[],
  identifiers: readonly string[],
): readonly Assignment[] => [
  ...new Set(identifiers.flatMap((identifier) => findAssignment(assignments, { identifier }) ?? [])),
];

/**
 * Says everything that is wrong with the providers of some names and can be found out without the network.
 * @throws ConfigError
 */
export async function checkAccounts(
  assignments: readonly Assignment[],
  identifiers: readonly string[],
  { env, load, hide }: AccountSources,
): Promise<void> {
  const expected = expectedFor(assignments, identifiers);
  const problems: ConfigError[] = [];
  for (const assignment of assignments) {
    const provider = await load(assignment.code);
    if (!expected.includes(assignment)) continue;
    try {
      readSettings(provider, env, hide, () => {}, assignment.prefix);
    } catch (error) {
      if (!isAppError(error)) throw error;
      problems.push(error);
    }
  }
  const [first, ...others] = problems;
  if (!first) return;
  if (others.length === 0) throw first;
  throw new ConfigError(problems.map(({ message }) => message).join('; '), {
    hint: problems.map(({ hint }) => hint).join('; '),
    cause: first,
  });
}
