import { didYouMean } from '../../closest.ts';
import type { ConfigDocument } from './document.ts';
import { isNull, type Tree } from './tree.ts';

/**
 * A part of a configuration file, declared once: what is read (with its type in TypeScript), what is refused, and the JSON schema
 * that editors check the file with.
 */
export interface Shape<T> {
  /** Undefined when it is wrong, which has been told then. */
  read(tree: Tree, to: Reading): T | undefined;
  schema(definitions: Definitions): JsonSchema;
}
export type ValueOf<S> = S extends Shape<infer T> ? T : never;

export type Reading = Pick<ConfigDocument, 'tell' | 'spend'>;
export type JsonSchema = Readonly<Record<string, unknown>>;
/** Of parts that are referred to by name. */
export type Definitions = Record<string, JsonSchema>;

/** A value, and where it stands: for what can only be judged when all has been read. */
export interface Located<T> {
  readonly value: T;
  readonly at: number;
}

const kinds = { map: 'a map of keys to values', list: 'a list', scalar: 'a single value' };

/** Reads a scalar by a function that throws a text telling what it must be. */
function scalar<T>(parse: (value: Tree & { kind: 'scalar' }) => T, schema: JsonSchema): Shape<T> {
  return {
    schema: () => schema,
    read(tree, { tell, spend }) {
      spend(1);
      if (tree.kind !== 'scalar') {
        tell(tree.at, `must be a single value, not ${kinds[tree.kind]}`);
        return undefined;
      }
      try {
        return parse(tree);
      } catch (error) {
        tell(tree.at, (error as Error).message);
        return undefined;
      }
    },
  };
}

interface TextRules {
  /** Of the whole text; also in the JSON schema. */
  readonly pattern?: RegExp;
  /** What it must be, where it does not fit. */
  readonly must?: string;
  /** `0640` or `12345` without quotes is meant as it is written. */
  readonly alsoNumbers?: boolean;
}

export const text = ({ pattern, must = 'must be a text', alsoNumbers = false }: TextRules = {}): Shape<string> =>
  scalar(
    ({ value, source }) => {
      const plain = alsoNumbers && (typeof value === 'number' || typeof value === 'boolean') ? source : value;
      if (plain === null || plain === '') throw new Error('is empty');
      if (typeof plain !== 'string' || (pattern && !pattern.test(plain)))
        throw new Error(typeof plain === 'string' || pattern ? must : `${must}; put it in quotes`);
      return plain;
    },
    {
      type: alsoNumbers ? ['string', 'number', 'boolean'] : 'string',
      ...(pattern ? { pattern: pattern.source } : { minLength: 1 }),
    },
  );

export const boolean = (): Shape<boolean> =>
  scalar(
    ({ value }) => {
      if (typeof value !== 'boolean') throw new Error('must be true or false');
      return value;
    },
    { type: 'boolean' },
  );

export const integer = (min: number, max: number): Shape<number> =>
  scalar(
    ({ value }) => {
      if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
        throw new Error(`must be a whole number from ${min} to ${max}`);
      return value;
    },
    { type: 'integer', minimum: min, maximum: max },
  );

export const choice = <const C extends string>(choices: readonly C[]): Shape<C> =>
  scalar(
    ({ value, source }) => {
      const found = choices.find((known) => known === value);
      if (found === undefined) throw new Error(`must be one of ${choices.join(', ')}${didYouMean(source, choices)}`);
      return found;
    },
    { enum: choices },
  );

const DURATION = /^\d+(?:\.\d+)?(?:ms|s|m|h|d)?$/u;
/** Milliseconds, written as the flags have it: seconds, or `90s`, `5m`, `1h`. */
export const duration = (): Shape<number> =>
  scalar(
    ({ source }) => {
      if (!DURATION.test(source)) throw new Error('must be seconds, or such as 90s, 5m, 1h');
      const [, unit = 's'] = /([a-z]+)$/u.exec(source) ?? [];
      return Number.parseFloat(source) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit as 's'];
    },
    { type: ['string', 'number'], pattern: DURATION.source, minimum: 0 },
  );

export const located = <T>(shape: Shape<T>): Shape<Located<T>> => ({
  schema: shape.schema,
  read(tree, to) {
    const value = shape.read(tree, to);
    return value === undefined ? undefined : { value, at: tree.at };
  },
});

export const listOf = <T>(shape: Shape<T>): Shape<readonly T[]> => ({
  schema: (definitions) => ({ type: 'array', items: shape.schema(definitions) }),
  read(tree, to) {
    if (tree.kind !== 'list') {
      to.tell(tree.at, `must be a list, not ${kinds[tree.kind]}`);
      return undefined;
    }
    // What is wrong has been told; the rest is read on, so that all problems are found at once.
    return tree.items.map((item) => shape.read(item, to)).filter((value) => value !== undefined);
  },
});

/** Another shape for each kind of value. */
export function either<A, B>(first: ByKind<A>, second: ByKind<B>): Shape<A | B> {
  const byKind = { ...first, ...second } as ByKind<A | B>;
  return {
    schema: (definitions) => ({ anyOf: Object.values(byKind).map((shape) => shape.schema(definitions)) }),
    read(tree, to) {
      const shape = byKind[tree.kind];
      if (shape) return shape.read(tree, to);
      const wanted = (Object.keys(byKind) as Tree['kind'][]).map((kind) => kinds[kind]);
      to.tell(tree.at, `must be ${wanted.join(' or ')}`);
      return undefined;
    },
  };
}
type ByKind<T> = { readonly [K in Tree['kind']]?: Shape<T> };

export const oneOrMany = <T>(shape: Shape<T>): Shape<readonly T[]> =>
  either({ scalar: asList(shape) }, { list: listOf(shape) });

const asList = <T>(shape: Shape<T>): Shape<readonly T[]> => ({
  schema: shape.schema,
  read(tree, to) {
    const value = shape.read(tree, to);
    return value === undefined ? undefined : [value];
  },
});

/** An entry of a map whose keys are the user's own. */
export interface Named<T> {
  readonly name: string;
  readonly nameAt: number;
  readonly value: T;
}

/** With `nullable` an entry with `null` behind it counts as not given. */
export const mapOf = <T>(shape: Shape<T>, { nullable: mayBeNull = false } = {}): Shape<readonly Named<T>[]> => ({
  schema: (definitions) => {
    const schema = shape.schema(definitions);
    return { type: 'object', additionalProperties: mayBeNull ? nullable(schema) : schema };
  },
  read(tree, to) {
    if (tree.kind !== 'map') {
      to.tell(tree.at, `must be a map of names to values, not ${kinds[tree.kind]}`);
      return undefined;
    }
    to.spend(tree.entries.length);
    return tree.entries.flatMap(({ key, keyAt, value: entry }) => {
      const value = mayBeNull && isNull(entry) ? undefined : shape.read(entry, to);
      return value === undefined ? [] : [{ name: key, nameAt: keyAt, value }];
    });
  },
});

/** For an entry that may have nothing behind its name. */
export const orNull = <T>(shape: Shape<T>): Shape<T> => ({
  read: shape.read,
  schema: (definitions) => ({ anyOf: [shape.schema(definitions), { type: 'null' }] }),
});

/** The tree as it is, for what is read again later: a certificate, when the defaults are known. */
export const unread = (shape: Shape<unknown>): Shape<Tree> => ({ schema: shape.schema, read: (tree) => tree });

export interface Field<T> extends Shape<T> {
  readonly help: string;
  readonly required: boolean;
  /** Why it is known and refused, unless it says nothing: `false`, `0`, an empty text. */
  readonly refused?: string;
}

/** `null` counts as not given. */
export const optional = <T>(shape: Shape<T>, help: string): Field<T | undefined> => ({
  help,
  required: false,
  schema: (definitions) => nullable(shape.schema(definitions)),
  read: (tree, to) => (isNull(tree) ? undefined : shape.read(tree, to)),
});
export const required = <T>(shape: Shape<T>, help: string): Field<T> => ({ ...shape, help, required: true });

/** Known, so that it can be said why it is refused. */
export const unsupported = (refused: string): Field<true | undefined> => ({
  help: refused,
  required: false,
  refused,
  schema: () => ({}),
  read: (tree) => (saysNothing(tree) ? undefined : true),
});

function nullable(schema: JsonSchema): JsonSchema {
  if (Array.isArray(schema.enum)) return { ...schema, enum: [...schema.enum, null] };
  if (schema.type !== undefined) return { ...schema, type: [schema.type, 'null'].flat() };
  return { anyOf: [...(Array.isArray(schema.anyOf) ? schema.anyOf : [schema]), { type: 'null' }] };
}

/** What stands beside `$ref` does not count in draft 7. */
const describe = (schema: JsonSchema, description: string): JsonSchema =>
  '$ref' in schema ? { description, allOf: [schema] } : { description, ...schema };

type Fields = Readonly<Record<string, Field<unknown>>>;
type ValuesOf<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** A map with known keys; others are refused by name. Undefined only where something required is missing or wrong. */
export function object<F extends Fields>(fields: F): Shape<ValuesOf<F>> {
  const known = Object.keys(fields);
  return {
    schema: (definitions) => ({
      type: 'object',
      additionalProperties: false,
      ...(known.some((key) => fields[key]?.required) ? { required: known.filter((key) => fields[key]?.required) } : {}),
      properties: Object.fromEntries(
        Object.entries(fields).map(([key, field]) => [key, describe(field.schema(definitions), field.help)]),
      ),
    }),
    read(tree, to) {
      if (tree.kind !== 'map') {
        to.tell(tree.at, `must be a map with keys such as ${known.slice(0, 3).join(', ')}`);
        return undefined;
      }
      to.spend(tree.entries.length);
      let complete = true;
      const values: Record<string, unknown> = Object.fromEntries(known.map((key) => [key, undefined]));
      for (const { key, keyAt, value } of tree.entries) {
        const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
        if (!field) {
          to.tell(keyAt, `unknown key ${key}${didYouMean(key, known) || `; known are ${known.join(', ')}`}`);
          continue;
        }
        values[key] = field.read(value, to);
        if (field.refused && values[key]) to.tell(keyAt, `${key} is not supported: ${field.refused}`);
        if (values[key] === undefined && field.required) complete = false;
      }
      for (const key of known) {
        if (!fields[key]?.required || tree.entries.some((entry) => entry.key === key)) continue;
        to.tell(tree.at, `${key} is missing`);
        complete = false;
      }
      return complete ? (values as ValuesOf<F>) : undefined;
    },
  };
}

/** What in Go is the value of something not given, durations included. */
const saysNothing = (tree: Tree): boolean =>
  tree.kind === 'scalar' && [null, false, 0, '', '0s'].includes(tree.value as null | false | 0 | '' | '0s');

/** A part that stands in several places, and once in the JSON schema. */
export const named = <T>(name: string, shape: Shape<T>): Shape<T> => ({
  read: shape.read,
  schema(definitions) {
    if (!(name in definitions)) {
      definitions[name] = {};
      definitions[name] = shape.schema(definitions);
    }
    return { $ref: `#/definitions/${name}` };
  },
});
