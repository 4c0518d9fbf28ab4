import type { Provider } from './kit/contract.ts';
import { type EnvSchema, type EnvVar, listVars } from './kit/env.ts';
import type { EnvSource } from './kit/read-env.ts';

/** The environment of one account. */
export interface AccountEnv {
  /** With the values of this account under the names that the provider declares. */
  readonly env: EnvSource;
  /** What a variable is called that holds the value, or that should hold it: `ORG_CF_DNS_API_TOKEN`. */
  nameOf(name: string): string;
  /** The names of the provider's variables in a text, as they are called for this account. */
  rename(text: string): string;
  /** Whether any variable has the prefix; true without one. */
  readonly isOwn: boolean;
}

/** What finds programs and files of the user is not the account's. */
const NOT_OURS = new Set(['PATH', 'HOME']);

/**
 * The environment as the account behind a prefix sees it: `ORG_NAME` in the place of `NAME`.
 *
 * Each setting is taken whole, so that an older spelling or a `_FILE` with the prefix comes before every spelling without it. What
 * has no prefix counts where nothing with the prefix is in its place, with two exceptions, so that the credentials of two
 * accounts are never mixed: once a setting of the provider has the prefix, secrets without it are not read; and of several ways
 * to authenticate those with the most prefixed variables are the only ones.
 */
export function envWithPrefix(
  env: EnvSource,
  prefix: string | undefined,
  { env: schema }: Pick<Provider, 'env'>,
): AccountEnv {
  if (prefix === undefined) return { env, nameOf: same, rename: same, isOwn: true };
  const start = `${prefix}_`;
  const own = Object.keys(env).filter((name) => name.startsWith(start) && env[name]);
  const result: Record<string, string | undefined> = { ...env };
  const moved = new Map<string, string>();
  for (const name of own) {
    const bare = name.slice(start.length);
    if (bare === '' || NOT_OURS.has(bare)) continue;
    result[bare] = env[name];
    moved.set(bare, name);
  }

  const variables = listVars(schema as EnvSchema);
  const keysOf = ({ names, fromFile }: EnvVar<unknown>) =>
    names.flatMap((name) => (fromFile ? [name, `${name}_FILE`] : [name]));
  const isOwn = (variable: EnvVar<unknown>) => keysOf(variable).some((key) => moved.has(key));
  const isBegun = variables.some(isOwn);
  const forget = (variable: EnvVar<unknown>) => {
    for (const key of keysOf(variable)) if (!moved.has(key)) delete result[key];
  };
  for (const variable of variables) if (isOwn(variable) || (variable.secret && isBegun)) forget(variable);
  for (const variable of othersThanBest(schema as EnvSchema, isOwn)) forget(variable);

  const nameOf = (name: string) => moved.get(name) ?? (result[name] ? name : `${start}${name}`);
  const declared = new Set(variables.flatMap(keysOf));
  return {
    env: result,
    nameOf,
    rename: (text) => text.replace(/\b[A-Z]\w+\b/gu, (word) => (declared.has(word) ? nameOf(word) : word)),
    isOwn: own.length > 0,
  };
}

const same = (text: string): string => text;

/** The variables of those ways to authenticate that have fewer of them with the prefix than another way has. */
function othersThanBest(schema: EnvSchema, isOwn: (variable: EnvVar<unknown>) => boolean): EnvVar<unknown>[] {
  return Object.values(schema).flatMap((entry) => {
    if (entry.kind !== 'oneOf') return [];
    const ways = Object.values(entry.alternatives as Record<string, Record<string, EnvVar<unknown>>>).map((group) => {
      const variables = Object.values(group);
      return { variables, score: variables.filter(isOwn).length };
    });
    const best = Math.max(...ways.map(({ score }) => score));
    const kept = new Set(ways.flatMap(({ variables, score }) => (score === best ? variables : [])).flatMap(names));
    return ways
      .filter(({ score }) => score < best)
      .flatMap(({ variables }) => variables.filter((variable) => !names(variable).some((name) => kept.has(name))));
  });
}

const names = (variable: EnvVar<unknown>): readonly string[] => variable.names;
