import { readFileSync } from 'node:fs';
import { ConfigError } from '../../errors.ts';

/** One environment variable: how it is spelled, explained, parsed and inferred. */
export class EnvVar<T> {
  readonly kind = 'var';
  /** Canonical name first, accepted older spellings after it. */
  readonly names: readonly string[];
  readonly help: string;
  readonly secret: boolean;
  readonly parse: (raw: string) => T;
  readonly required: boolean;
  /** What the docs print after "default:". */
  readonly shownDefault: string | undefined;
  readonly fallback: (() => T) | undefined;

  constructor(
    spec: Pick<EnvVar<T>, 'names' | 'help' | 'secret' | 'parse'> &
      Partial<Pick<EnvVar<T>, 'fallback' | 'shownDefault'>>,
  ) {
    this.names = spec.names;
    this.help = spec.help;
    this.secret = spec.secret;
    this.parse = spec.parse;
    this.fallback = spec.fallback;
    this.shownDefault = spec.shownDefault;
    this.required = spec.fallback === undefined;
  }

  optional(): EnvVar<T | undefined> {
    return new EnvVar<T | undefined>({ ...this, fallback: () => undefined });
  }

  default(value: T): EnvVar<T> {
    return new EnvVar<T>({ ...this, fallback: () => value, shownDefault: String(value) });
  }
}

type Names = string | readonly [string, ...string[]];
const variable = <T>(names: Names, help: string, parse: (raw: string) => T, isSecret = false): EnvVar<T> =>
  new EnvVar<T>({ names: typeof names === 'string' ? [names] : names, help, secret: isSecret, parse });

export const text = (names: Names, help: string) => variable(names, help, (raw) => raw);
/** Like `text`, and never printed: not in logs, errors or debug dumps. */
export const secret = (names: Names, help: string) => variable(names, help, (raw) => raw, true);
/** Whole seconds, or with a unit: `90`, `90s`, `5m`, `1h`. */
export const seconds = (names: Names, help: string) =>
  variable(names, help, (raw) => {
    const found = /^(\d+)([smh]?)$/u.exec(raw.trim());
    if (!found) throw new Error('must be a whole number of seconds, or such as 90s, 5m, 1h');
    return Number(found[1]) * (found[2] === 'h' ? 3600 : found[2] === 'm' ? 60 : 1);
  });
/** An http or https address, kept as it was written. */
export const url = (names: Names, help: string) =>
  variable(names, help, (raw) => {
    if (!/^https?:\/\//iu.test(raw) || !URL.canParse(raw)) throw new Error('must be an http:// or https:// address');
    return raw;
  });
/** The spellings of Go's `strconv.ParseBool`, which lego's users are used to, in any case. */
export const flag = (names: Names, help: string) =>
  variable(names, help, (raw) => {
    if (!/^(?:true|false|t|f|1|0)$/iu.test(raw)) throw new Error('must be true or false');
    return /^(?:true|t|1)$/iu.test(raw);
  });
export const choice = <const C extends readonly string[]>(names: Names, help: string, choices: C) =>
  variable(names, `${help} (${choices.join(', ')})`, (raw): C[number] => {
    if (!choices.includes(raw)) throw new Error(`must be one of ${choices.join(', ')}`);
    return raw;
  });

// biome-ignore lint/suspicious/noExplicitAny: a schema holds variables of any type; `ConfigOf` gives each its own again.
type Group = Record<string, EnvVar<any>>;

/** Ways to authenticate of which exactly one must be configured; the first complete one wins. */
export class OneOf<A extends Record<string, Group>> {
  readonly kind = 'oneOf';
  readonly alternatives: A;
  constructor(alternatives: A) {
    this.alternatives = alternatives;
  }
}
export const oneOf = <A extends Record<string, Group>>(alternatives: A) => new OneOf(alternatives);

// biome-ignore lint/suspicious/noExplicitAny: as above.
export type EnvSchema = Record<string, EnvVar<any> | OneOf<any>>;
type Flat<S extends Group> = { readonly [K in keyof S]: S[K] extends EnvVar<infer T> ? T : never };
export type ConfigOf<S extends EnvSchema> = {
  readonly [K in keyof S]: S[K] extends EnvVar<infer T>
    ? T
    : S[K] extends OneOf<infer A>
      ? { [M in keyof A]: { readonly via: M } & Flat<A[M]> }[keyof A]
      : never;
};

/** All variables of a schema, for docs, `dnshelp`, completion and tests. */
export function listVars(schema: EnvSchema): EnvVar<unknown>[] {
  return Object.values(schema).flatMap((entry) =>
    entry.kind === 'oneOf'
      ? Object.values(entry.alternatives as Record<string, Group>).flatMap((group) => Object.values(group))
      : [entry],
  );
}

export type EnvSource = Readonly<Record<string, string | undefined>>;

const firstName = (v: EnvVar<unknown>): string => v.names[0] ?? '';

function rawValue(v: EnvVar<unknown>, source: EnvSource): string | undefined {
  for (const name of v.names) {
    const value = source[name];
    if (value) return value;
    const file = source[`${name}_FILE`];
    if (file) return readSecretFile(`${name}_FILE`, file);
  }
  return undefined;
}

function readSecretFile(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/u, '');
  } catch (cause) {
    throw new ConfigError(`${name} names ${file}, which cannot be read`, { cause });
  }
}

/** Reads several schemas, collects every problem, and reports them in one `ConfigError`. */
export function readEnvs<S extends Record<string, EnvSchema>>(
  schemas: S,
  source: EnvSource,
  onSecret: (value: string) => void,
  subject: string,
): { [K in keyof S]: ConfigOf<S[K]> } {
  const problems: string[] = [];

  const readVar = (v: EnvVar<unknown>): unknown => {
    const raw = rawValue(v, source);
    if (raw === undefined) {
      if (!v.fallback) problems.push(`${firstName(v)} is not set (${v.help})`);
      return v.fallback?.();
    }
    if (v.secret) onSecret(raw);
    try {
      return v.parse(raw);
    } catch (error) {
      problems.push(`${firstName(v)} ${(error as Error).message}`);
      return undefined;
    }
  };

  const readOneOf = (entry: OneOf<Record<string, Group>>): unknown => {
    const ways = Object.entries(entry.alternatives);
    const complete = ways.find(([, group]) =>
      Object.values(group).every((v) => !v.required || rawValue(v, source) !== undefined),
    );
    if (complete) return { via: complete[0], ...readGroup(complete[1]) };
    const needs = ways.map(([, group]) =>
      Object.values(group)
        .filter((v) => v.required)
        .map(firstName)
        .join(' and '),
    );
    problems.push(`set ${needs.join(', or ')}`);
    return undefined;
  };

  const readGroup = (schema: EnvSchema): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(schema).map(([key, entry]) => [key, entry.kind === 'oneOf' ? readOneOf(entry) : readVar(entry)]),
    );

  const result = Object.fromEntries(Object.entries(schemas).map(([key, schema]) => [key, readGroup(schema)]));
  if (problems.length > 0)
    throw new ConfigError(`${subject}: ${problems.join('; ')}`, { hint: `see: quoin dnshelp -c ${subject}` });
  return result as { [K in keyof S]: ConfigOf<S[K]> };
}
