import { readFileSync, statSync } from 'node:fs';
import { ConfigError } from '../../errors.ts';
import type { ConfigOf, EnvSchema, EnvVar, OneOf } from './env.ts';

export type EnvSource = Readonly<Record<string, string | undefined>>;

export interface ReadEnvOptions {
  readonly source: EnvSource;
  /** Whose environment it is, for messages: the provider's id. */
  readonly subject: string;
  /** What `quoin dnshelp` knows it by. Default: the subject. */
  readonly code?: string;
  /** What variables are called in messages, where `source` has their values under other names. */
  nameOf?(name: string): string;
  onSecret(value: string): void;
  /** Told of what is accepted although the user should know better. */
  warn?(message: string): void;
}

interface Found {
  readonly name: string;
  readonly raw: string;
}
type Group = Record<string, EnvVar<unknown>>;

/** The permission bits of everybody but owner and group. */
const OTHERS = 0o007;

/** Reads several schemas and reports everything that is wrong in one `ConfigError`. An empty variable counts as not set. */
export function readEnvs<S extends Record<string, EnvSchema>>(
  schemas: S,
  { source, subject, code = subject, onSecret, warn = () => {}, nameOf = (name) => name }: ReadEnvOptions,
): { [K in keyof S]: ConfigOf<S[K]> } {
  const problems = new Set<string>();
  const exposed = new Set<string>();
  const firstName = (v: EnvVar<unknown>): string => nameOf(v.names[0] ?? '');

  function find(v: EnvVar<unknown>): Found | undefined {
    for (const name of v.names) {
      const raw = source[name];
      if (raw) return { name, raw };
      const file = v.fromFile ? source[`${name}_FILE`] : undefined;
      if (file) return { name: `${name}_FILE`, raw: readValueFile(v, `${name}_FILE`, file) };
    }
    return undefined;
  }

  function readValueFile(v: EnvVar<unknown>, name: string, file: string): string {
    try {
      if (v.secret && (statSync(file).mode & OTHERS) !== 0) exposed.add(`${nameOf(name)}: ${file}`);
      return readFileSync(file, 'utf8').replace(/\r?\n$/u, '');
    } catch (error) {
      problems.add(`${nameOf(name)} names ${file}, which cannot be read (${(error as NodeJS.ErrnoException).code})`);
      return '';
    }
  }
  function readVar(v: EnvVar<unknown>): unknown {
    const found = find(v);
    if (found === undefined) {
      if (!v.fallback) problems.add(`${firstName(v)} is not set (${v.help})`);
      return v.fallback?.();
    }
    if (v.ignored) {
      warn(`${subject}: ${nameOf(found.name)} has no effect`);
      return v.fallback?.();
    }
    if (v.secret) onSecret(found.raw);
    try {
      return v.parse(found.raw);
    } catch (error) {
      problems.add(`${nameOf(found.name)} ${(error as Error).message}`);
      return undefined;
    }
  }

  function readOneOf(entry: OneOf<Record<string, Group>>): unknown {
    const ways = Object.entries(entry.alternatives);
    const isSet = (v: EnvVar<unknown>) => find(v) !== undefined;
    const needed = (group: Group) => Object.values(group).filter((v) => v.required);
    const chosen = ways.find(([, group]) => needed(group).every(isSet));
    if (chosen) {
      const [via, group] = chosen;
      const used = new Set(Object.values(group).flatMap((v) => v.names));
      const idle = ways
        .flatMap(([, other]) => Object.values(other))
        .flatMap((v) => find(v) ?? [])
        .filter(({ name }) => !used.has(name.replace(/_FILE$/u, '')) && !used.has(name));
      const names = [...new Set(idle.map(({ name }) => nameOf(name)))];
      if (names.length > 0)
        warn(`${subject}: ${names.join(', ')} not used: ${needed(group).map(firstName).join(' and ')} will do`);
      return { via, ...readGroup(group) };
    }
    const begun = ways.find(([, group]) => needed(group).some(isSet));
    if (begun) {
      const set = needed(begun[1])
        .flatMap((v) => find(v)?.name ?? [])
        .map(nameOf);
      const unset = needed(begun[1]).filter((v) => !isSet(v));
      problems.add(`${set.join(' and ')} needs ${unset.map((v) => `${firstName(v)} (${v.help})`).join(' and ')} too`);
    }
    const needs = ways.map(([, group]) => needed(group).map(firstName).join(' and '));
    problems.add(`set ${needs.join(', or ')}`);
    return undefined;
  }

  const readGroup = (schema: EnvSchema): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(schema).map(([key, entry]) => [key, entry.kind === 'oneOf' ? readOneOf(entry) : readVar(entry)]),
    );

  const result = Object.fromEntries(Object.entries(schemas).map(([key, schema]) => [key, readGroup(schema)]));
  for (const place of exposed) warn(`${subject}: ${place} can be read by other users; try: chmod 600`);
  if (problems.size > 0)
    throw new ConfigError(`${subject}: ${[...problems].join('; ')}`, { hint: `see: quoin dnshelp -c ${code}` });
  return result as { [K in keyof S]: ConfigOf<S[K]> };
}
