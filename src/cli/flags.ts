import { ConfigError } from '../errors.ts';

/** One flag: declared here, and nowhere else, for the parser, the environment, the help and the reference. */
export interface Flag<T> {
  /** As commander writes it: `-d, --domains <name>`. */
  readonly flags: string;
  readonly help: string;
  /** Other spellings that work and are not shown. */
  readonly older?: readonly string[];
  /** Without `QUOIN_`; lego's `LEGO_` is read for the same name where lego has it. Absent: no variable is read. */
  readonly env?: string;
  readonly many?: boolean;
  readonly parse: (text: string, flag: string) => T;
  readonly fallback?: T;
}

/** What a timer can hold. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const text = (value: string): string => value;
export const list = (value: string): string[] =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds. Seconds alone, or parts with units, as Go writes them: `1h30m`. */
export function duration(value: string, flag: string): number {
  const text = value.trim();
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/gu)];
  if (/^\d+(?:\.\d+)?$/u.test(text)) return Number(text) * 1000;
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text)
    throw new ConfigError(`${flag} ${value} is no duration`, { hint: 'write seconds, or such as 90s, 5m, 1h30m' });
  return parts.reduce((sum, [, amount, unit = 's']) => sum + Number(amount) * (UNITS[unit] ?? 0), 0);
}

/** The same, of what a timer waits for: Node takes what is longer for no time at all. */
export function waiting(value: string, flag: string): number {
  const ms = duration(value, flag);
  if (ms > LONGEST_TIMER_MS) throw new ConfigError(`${flag} ${value} is too long`, { hint: 'the longest time is 24d' });
  return ms;
}

export function days(value: string, flag: string): number {
  if (!/^\d+$/u.test(value)) throw new ConfigError(`${flag} ${value} is no number of days`);
  return Number(value);
}

export function count(value: string, flag: string): number {
  if (!/^[1-9]\d{0,5}$/u.test(value)) throw new ConfigError(`${flag} ${value} is no number of 1 or more`);
  return Number(value);
}

/** RFC 3339, or a day alone. */
export function time(value: string, flag: string): Date {
  const found = new Date(value);
  if (!/^\d{4}-\d\d-\d\d(?:$|T)/u.test(value) || Number.isNaN(found.getTime()))
    throw new ConfigError(`${flag} ${value} is no time`, { hint: 'write it as 2027-01-31T00:00:00Z' });
  return found;
}

/** Permissions in octal. */
export function mode(value: string, flag: string): string {
  if (!/^0?[0-7]{3}$/u.test(value)) throw new ConfigError(`${flag} ${value} is no mode`, { hint: 'write it as 640' });
  return value.slice(-3);
}

export function boolean(value: string, flag: string): boolean {
  if (!/^(?:true|false|t|f|1|0|yes|no)$/iu.test(value))
    throw new ConfigError(`${flag} must be true or false, not ${value}`);
  return /^(?:true|t|1|yes)$/iu.test(value);
}

export function flag<T>(declared: Flag<T> & { readonly fallback: T }): Flag<T> & { readonly fallback: T };
export function flag<T>(declared: Flag<T>): Flag<T>;
export function flag<T>(declared: Flag<T>): Flag<T> {
  return declared;
}

type ValueOf<F> = F extends Flag<infer T> ? (F extends { readonly fallback: T } ? T : T | undefined) : never;
export type ValuesOf<D> = { readonly [K in keyof D]: ValueOf<D[K]> };

/** The long name: `--dns.resolvers`. */
export const longName = (flags: string): string => /--[^\s,<]+/u.exec(flags)?.[0] ?? flags;

/** What the command line says for one long name: texts in their order, or `true`. */
export type Given = ReadonlyMap<string, readonly (string | true)[]>;

export type Env = Readonly<Record<string, string | undefined>>;

/** A flag wins over the environment, the environment over the default. */
export function readFlags<D extends Readonly<Record<string, Flag<unknown>>>>(
  declared: D,
  given: Given,
  env: Env,
): ValuesOf<D> {
  const read = (flag: Flag<unknown>): unknown => {
    const spellings = [flag.flags, ...(flag.older ?? [])].map(longName);
    const values = spellings.flatMap((name) => given.get(name) ?? []);
    const variables = flag.env === undefined ? [] : [`QUOIN_${flag.env}`, `LEGO_${flag.env}`];
    const variable = variables.find((name) => env[name]);
    const texts = values.length > 0 ? values : variable ? [env[variable] as string] : [];
    const shown = values.length > 0 ? (spellings[0] as string) : (variable ?? '');
    if (texts.length === 0) return flag.fallback;
    const parsed = texts.map((value) => (value === true ? true : flag.parse(value, shown)));
    return flag.many ? parsed.flat() : parsed.at(-1);
  };
  return Object.fromEntries(Object.entries(declared).map(([key, flag]) => [key, read(flag)])) as unknown as ValuesOf<D>;
}
