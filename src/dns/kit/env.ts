/** One environment variable: how it is spelled, explained, parsed and inferred. */
export class EnvVar<T> {
  readonly kind = 'var';
  /** Canonical name first, accepted older spellings after it; the first that is set counts. */
  readonly names: readonly string[];
  readonly help: string;
  readonly secret: boolean;
  readonly parse: (raw: string) => T;
  readonly required: boolean;
  /** What the docs print after "default:". */
  readonly shownDefault: string | undefined;
  readonly fallback: (() => T) | undefined;
  /** `NAME_FILE` may name a file that holds the value. */
  readonly fromFile: boolean;
  /** Documented by lego and without effect there and here: accepted, and told to whoever sets it. */
  readonly ignored: boolean;

  constructor(spec: EnvVarSpec<T>) {
    this.names = spec.names;
    this.help = spec.help;
    this.secret = spec.secret ?? false;
    this.parse = spec.parse;
    this.fallback = spec.fallback;
    this.shownDefault = spec.shownDefault;
    this.required = spec.fallback === undefined;
    this.fromFile = spec.fromFile ?? true;
    this.ignored = spec.ignored ?? false;
  }

  optional(): EnvVar<T | undefined> {
    return new EnvVar<T | undefined>({ ...this, fallback: () => undefined });
  }

  /** `shown` replaces the value in the docs: `the DNS token`. */
  default(value: T, shown: string = String(value)): EnvVar<T> {
    return new EnvVar<T>({ ...this, fallback: () => value, shownDefault: shown });
  }

  /** No `NAME_FILE`: AWS_SHARED_CREDENTIALS_FILE and the like mean something else. */
  noFile(): EnvVar<T> {
    return new EnvVar<T>({ ...this, fromFile: false });
  }

  /** Accepts the variable and says that it has no effect. */
  withoutEffect(): EnvVar<T | undefined> {
    return new EnvVar<T | undefined>({ ...this, fallback: this.fallback ?? (() => undefined), ignored: true });
  }
}

type EnvVarSpec<T> = Pick<EnvVar<T>, 'names' | 'help' | 'parse'> &
  Partial<Pick<EnvVar<T>, 'secret' | 'fallback' | 'shownDefault' | 'fromFile' | 'ignored'>>;

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
/** Any number, within bounds where there are some. */
export const number = (names: Names, help: string, { min = -Infinity, max = Infinity } = {}) =>
  variable(names, help, (raw) => {
    const value = Number(raw);
    if (raw.trim() === '' || !Number.isFinite(value)) throw new Error('must be a number');
    if (value < min || value > max) throw new Error(`must be a number from ${min} to ${max}`);
    return value;
  });
/** Values separated by commas or white space. */
export const list = (names: Names, help: string) =>
  variable(names, help, (raw): readonly string[] => raw.split(/[\s,]+/u).filter(Boolean));
/** A variable that lego documents and never read: accepted, and said to be without effect. */
export const ignored = (names: Names, help: string) => variable(names, help, (raw) => raw).withoutEffect();
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
