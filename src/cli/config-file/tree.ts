/** A YAML document as the rest of the reader sees it: plain values that know where they stand. */
export type Tree = MapTree | ListTree | ScalarTree;

export interface MapTree {
  readonly kind: 'map';
  /** Offset in the text. */
  readonly at: number;
  readonly entries: readonly MapEntry[];
}
export interface MapEntry {
  readonly key: string;
  readonly keyAt: number;
  readonly value: Tree;
}
export interface ListTree {
  readonly kind: 'list';
  readonly at: number;
  readonly items: readonly Tree[];
}
export interface ScalarTree {
  readonly kind: 'scalar';
  readonly at: number;
  readonly value: string | number | boolean | null;
  /** As it is written, without quotes: `0640` is a number to YAML, and a mode to whoever wrote it. */
  readonly source: string;
}

/** Something that is wrong with a file. Counted from 1, as editors do. */
export interface Problem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Takes note of a problem at an offset; nothing is thrown before all have been found. */
export type Tell = (at: number, message: string) => void;

export const find = (tree: Tree | undefined, key: string): MapEntry | undefined =>
  tree?.kind === 'map' ? tree.entries.find((entry) => entry.key === key) : undefined;

/** The keys of a map at the top of the file. */
export function keysOf(tree: Tree | undefined, key: string): string[] {
  const value = find(tree, key)?.value;
  return value?.kind === 'map' ? value.entries.map((entry) => entry.key) : [];
}

export const isNull = (tree: Tree): boolean => tree.kind === 'scalar' && tree.value === null;

/** Deeper than anything in a certificate's entry; what is repeated by aliases must not be unfolded without an end. */
const DEEPEST_MERGE = 6;

/**
 * What a certificate says over what the defaults say: maps are merged key by key, at any depth; anything else replaces, `null`
 * too, which stands for "not given". Everything keeps its position in the file.
 */
export function mergeTrees(defaults: Tree | undefined, own: Tree, depth = 0): Tree {
  if (defaults?.kind !== 'map' || own.kind !== 'map' || depth > DEEPEST_MERGE) return own;
  const merged = new Map(defaults.entries.map((entry) => [entry.key, entry]));
  for (const entry of own.entries)
    merged.set(entry.key, { ...entry, value: mergeTrees(merged.get(entry.key)?.value, entry.value, depth + 1) });
  return { kind: 'map', at: own.at, entries: [...merged.values()] };
}
