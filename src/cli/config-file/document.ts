import type { Document, LineCounter, Node, Pair, YAMLMap } from 'yaml';
import { exportsOf } from '../../commonjs.ts';
import { ConfigError } from '../../errors.ts';
import { plainText } from '../../plain-text.ts';
import type { ListTree, MapEntry, MapTree, Problem, ScalarTree, Tell, Tree } from './tree.ts';

/** Of all problems of a file; more would hide the first. */
const MOST_TOLD = 50;
/** Of entries that are read, counted as often as aliases repeat them: fifty for each of 10,000 certificates. */
const MOST_READ = 500_000;
/** How deep lists and maps may lie in each other: deeper than any file needs, and shallower than the stack. */
const DEEPEST = 50;

/** A file that is being read: its content, and everything that is wrong with it so far. */
export interface ConfigDocument {
  /** As the user named it, for messages. */
  readonly file: string;
  /** Undefined where there is nothing in it. */
  readonly tree: Tree | undefined;
  readonly tell: Tell;
  /** Counts what is read. @throws ConfigError where aliases make it far more than what is in the file */
  spend(count: number): void;
  positionOf(at: number): { readonly line: number; readonly column: number };
  /** @throws ConfigError with every problem that was told, each with line and column */
  refuse(): void;
}

/**
 * Reads YAML 1.2 with the library `yaml`, which is loaded here and nowhere else. Anchors, aliases and `<<` are understood;
 * an alias is a reference to what is there, so that a few lines cannot unfold to gigabytes. Duplicate keys, tags, and keys that are
 * no text are problems.
 */
export async function parseYaml(text: string, file: string): Promise<ConfigDocument> {
  const yaml = exportsOf<Yaml>(await import('yaml'));
  const lines = new yaml.LineCounter();
  const parsed = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const problems = new Map<string, Problem>();
  const tell: Tell = (at, message) => {
    const position = positionIn(lines, at);
    const problem = { ...position, message: plainText(message) };
    // What stands in the defaults is read for every certificate; only the advice behind the ; is another one then.
    const key = `${position.line}:${position.column} ${problem.message.replace(/;.*/su, '')}`;
    if (!problems.has(key)) problems.set(key, problem);
  };
  let spent = 0;
  const spend = (count: number) => {
    spent += count;
    if (spent > MOST_READ) throw new ConfigError(`${file} unfolds to too much`, { hint: 'use fewer aliases in it' });
  };
  for (const { pos, message } of [...parsed.errors, ...parsed.warnings]) tell(pos[0], wordsOf(message));
  const tree = parsed.errors.length > 0 ? undefined : toTree(parsed, yaml, { tell, spend });
  return {
    file,
    tree,
    tell,
    spend,
    positionOf: (at) => positionIn(lines, at),
    refuse() {
      if (problems.size > 0) throw refusal(file, [...problems.values()]);
    },
  };
}

function positionIn(lines: LineCounter, at: number): { line: number; column: number } {
  const { line, col } = lines.linePos(at);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

/** Without the piece of the file that the library quotes at the end: there may be a secret in it. */
const wordsOf = (message: string): string =>
  `${message.charAt(0).toLowerCase()}${message.slice(1)}`.replace(/ \(.*|: .*/su, '');

function refusal(file: string, problems: readonly Problem[]): ConfigError {
  const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
  const told = sorted.slice(0, MOST_TOLD).map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
  const more = sorted.length > MOST_TOLD ? [`... and ${sorted.length - MOST_TOLD} more`] : [];
  const message =
    sorted.length === 1 ? told.join('') : [`${file} has ${sorted.length} problems`, ...told, ...more].join('\n');
  return new ConfigError(message, {
    hint: 'see docs/guides/configuration-file.md; nothing was attempted',
    facts: { problems: sorted.map((problem) => ({ file, ...problem })) },
  });
}

type Yaml = typeof import('yaml');

function toTree(
  document: Document.Parsed,
  yaml: Yaml,
  { tell, spend }: Pick<ConfigDocument, 'tell' | 'spend'>,
): Tree | undefined {
  const anchored = new Map<string, Tree | 'unfinished'>();

  function convert(node: unknown, fallbackAt: number, depth: number): Tree {
    const at = (node as Node | null)?.range?.[0] ?? fallbackAt;
    const nothing: ScalarTree = { kind: 'scalar', at, value: null, source: '' };
    if (depth > DEEPEST) {
      tell(at, `is more than ${DEEPEST} levels deep`);
      return nothing;
    }
    if (yaml.isAlias(node)) {
      const found = anchored.get(node.source);
      if (found !== undefined && found !== 'unfinished') return found;
      tell(
        at,
        found
          ? 'this alias stands inside of what it names'
          : 'there is no such anchor before; a text with * in front needs quotes',
      );
      return nothing;
    }
    const { anchor } = node as { anchor?: string };
    if (anchor) anchored.set(anchor, 'unfinished');
    const tree = yaml.isMap(node)
      ? convertMap(node, at, depth)
      : yaml.isSeq(node)
        ? ({ kind: 'list', at, items: node.items.map((item) => convert(item, at, depth + 1)) } satisfies ListTree)
        : yaml.isScalar(node)
          ? toScalar(node.value, node.source, at)
          : nothing;
    if (anchor) anchored.set(anchor, tree);
    return tree;
  }

  function convertMap(node: YAMLMap, at: number, depth: number): MapTree {
    const own = new Map<string, MapEntry>();
    const merged = new Map<string, MapEntry>();
    for (const pair of node.items as Pair[]) {
      const keyAt = (pair.key as Node | null)?.range?.[0] ?? at;
      const key = yaml.isScalar(pair.key) ? (pair.key.source ?? String(pair.key.value)) : undefined;
      if (key === undefined) {
        tell(keyAt, 'a key must be a text');
        continue;
      }
      const value = convert(pair.value, keyAt, depth + 1);
      if (own.has(key)) tell(keyAt, `${key} stands here a second time`);
      if (key !== '<<') own.set(key, { key, keyAt, value });
      else for (const entry of mergedEntries(value, keyAt)) if (!merged.has(entry.key)) merged.set(entry.key, entry);
    }
    spend(merged.size + own.size);
    return { kind: 'map', at, entries: [...new Map([...merged, ...own]).values()] };
  }

  /** YAML 1.1's merge key, which files are full of: earlier maps win over later ones, and what stands beside it over all. */
  function mergedEntries(value: Tree, keyAt: number): readonly MapEntry[] {
    const maps = value.kind === 'list' ? value.items : [value];
    if (maps.every((tree) => tree.kind === 'map')) return maps.flatMap((tree) => (tree as MapTree).entries);
    tell(keyAt, '<< needs a map, or a list of maps');
    return [];
  }

  return document.contents === null ? undefined : convert(document.contents, 0, 0);
}

function toScalar(value: unknown, source: string | undefined, at: number): ScalarTree {
  const known = value === null || ['string', 'number', 'boolean'].includes(typeof value);
  return {
    kind: 'scalar',
    at,
    value: known ? (value as ScalarTree['value']) : String(value),
    source: source ?? String(value ?? ''),
  };
}
