/** As much of JSON schema (draft 7) as the schema of quoin.yaml uses; a keyword that is not known fails the test. */
type Schema = Readonly<Record<string, any>>;

const is: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  array: (value) => Array.isArray(value),
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

const passes: Readonly<Record<string, (wanted: any, value: any, schema: Schema, root: Schema) => boolean>> = {
  $schema: () => true,
  $ref: (wanted: string, value, _, root) => fits(value, root.definitions[wanted.replace('#/definitions/', '')], root),
  title: () => true,
  description: () => true,
  definitions: () => true,
  type: (wanted, value) => [wanted].flat().some((type) => is[type]!(value)),
  enum: (wanted, value) => wanted.includes(value),
  pattern: (wanted, value) => typeof value !== 'string' || new RegExp(wanted, 'u').test(value),
  minLength: (wanted, value) => typeof value !== 'string' || value.length >= wanted,
  minimum: (wanted, value) => typeof value !== 'number' || value >= wanted,
  maximum: (wanted, value) => typeof value !== 'number' || value <= wanted,
  anyOf: (wanted, value, _, root) => wanted.some((one: Schema) => fits(value, one, root)),
  allOf: (wanted, value, _, root) => wanted.every((one: Schema) => fits(value, one, root)),
  items: (wanted, value, _, root) => !Array.isArray(value) || value.every((one) => fits(one, wanted, root)),
  required: (wanted, value) => !is.object!(value) || wanted.every((key: string) => key in value),
  properties: (wanted, value, _, root) =>
    !is.object!(value) || Object.entries(wanted).every(([k, one]) => !(k in value) || fits(value[k], one as any, root)),
  additionalProperties: (wanted, value, { properties = {} }, root) =>
    !is.object!(value) ||
    Object.entries(value)
      .filter(([key]) => !(key in properties))
      .every(([, one]) => wanted !== false && fits(one, wanted, root)),
};

export const fits = (value: unknown, schema: Schema, root: Schema = schema): boolean =>
  Object.entries(schema).every(([keyword, wanted]) => {
    const check = passes[keyword];
    if (!check) throw new Error(`the schema uses ${keyword}`);
    return check(wanted, value, schema, root);
  });
