/**
 * What a library in CommonJS exports, loaded by `await import()`: in the bundle that is in `default` alone
 * (docs/decisions/0001-bundled-libraries.md), while Node itself tells most of it by name too.
 */
export const exportsOf = <T extends object>(loaded: T & { readonly default?: object }): T =>
  (loaded.default ?? loaded) as T;
