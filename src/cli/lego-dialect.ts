import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { accountFlags } from './account-options.ts';
import { exportFlags, revokeFlags } from './certificate-options.ts';
import { legoFlags } from './lego-flags.ts';
import { listFlags } from './list-options.ts';
import { declarations, type Flag, type Given, longName } from './options.ts';

/**
 * What commander would take otherwise than lego does: Go's flags may have one dash or two, switches may be said to be `=false`,
 * short names mean one thing before the command (lego 4) and another behind it (lego 5), some commands have other names.
 */
export interface Translated {
  readonly argv: readonly string[];
  /** What no flag of quoin's can say: `--accept-tos=false`. */
  readonly given: Given;
  /** Undefined where there is none. */
  readonly command: string | undefined;
}

interface Spelling {
  readonly takesValue: boolean;
  /** Of a flag of all commands: its first spelling. Others have no variable, so that `=false` is the same as nothing. */
  readonly key?: string | undefined;
}

const YES = /^(?:true|t|1)$/iu;
const NO = /^(?:false|f|0)$/iu;
const isKeyType = (word = '') => /^(?:ec|p|rsa)?\d{3,4}$/iu.test(word);

/** Switches of lego 5 that say no to one of quoin's. */
const opposites: Readonly<Record<string, string>> = {
  '--enable-cn': '--disable-cn',
  '--dns.propagation.disable-rns': '--dns.propagation.rns',
};

const readBoth: Readonly<Record<string, string>> = { '-4': '--ipv4only', '-6': '--ipv6only' };
const ofCertificate = { '-c': '--cert.name' };
/** Short names by command: those that lego has there, and that are none, or others, elsewhere. */
const shortNames: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '': { '-c': '--csr' },
  run: ofCertificate,
  renew: ofCertificate,
  revoke: ofCertificate,
  list: { '-a': '--accounts', '-n': '--names' },
};

function knownSpellings(): ReadonlyMap<string, Spelling> {
  const known = new Map<string, Spelling>();
  const add = (flags: Iterable<Pick<Flag<unknown>, 'flags' | 'older'>>, isGlobal: boolean) => {
    for (const { flags: first, older = [] } of flags) {
      for (const spelling of [first, ...older]) {
        const takesValue = spelling.includes('<');
        const key = isGlobal ? longName(first) : undefined;
        for (const name of [longName(spelling), ...(spelling.match(/^-\w(?=,)/u) ?? [])])
          if (!known.has(name)) known.set(name, { takesValue, key });
      }
    }
  };
  add(Object.values(declarations), true);
  for (const flags of [revokeFlags, exportFlags, accountFlags, listFlags]) add(Object.values(flags), false);
  add([...legoFlags, { flags: '-c, --code <provider>' }], false);
  return known;
}

/** lego's words in quoin's. What is not known is left to the parser, which says what it thinks of it. */
export function fromLego(argv: readonly string[]): Translated {
  const known = knownSpellings();
  const words: string[] = [];
  const given = new Map<string, string[]>();
  let command: string | undefined;

  const normal = (name: string, next: string | undefined): string => {
    if (command === 'revoke' && name === '-k') return isKeyType(next) ? name : '--keep';
    const short = readBoth[name] ?? shortNames[command ?? '']?.[name];
    if (short) return short;
    return !name.startsWith('--') && name.length > 2 && known.has(`-${name}`) ? `-${name}` : name;
  };
  const switchTo = (name: string, isOn: boolean) => {
    const opposite = opposites[name];
    const key = opposite ?? known.get(name)?.key;
    if (isOn && !opposite) words.push(name);
    else if (key) given.set(key, [String(isOn && !opposite)]);
  };

  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    const next = argv[at + 1];
    if (word === '--' || command === 'sandbox') {
      words.push(...argv.slice(at));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      // lego 5 has what is about certificates under a word of its own.
      if (command === undefined && word === 'certificates' && (next === 'list' || next === 'revoke')) continue;
      command ??= word;
      words.push(word);
      continue;
    }
    const [typed = '', value] = /^(-[^=]*)=(.*)$/su.exec(word)?.slice(1) ?? [word];
    const name = normal(typed, value ?? next);
    const { takesValue } = known.get(name) ?? {};
    if (takesValue === undefined) words.push(word);
    else if (takesValue) {
      const text = value ?? next;
      if (value === undefined && next !== undefined) at += 1;
      // lego renews whatever the time when so many days are left than none.
      if (/^--(?:renew-)?days$/u.test(name) && text?.startsWith('-')) words.push('--renew-force');
      else words.push(name, ...(text === undefined ? [] : [text]));
    } else if (value === undefined) {
      // A switch that takes a text in lego 4.
      const isText = name === '--always-deactivate-authorizations' && (YES.test(next ?? '') || NO.test(next ?? ''));
      if (isText) at += 1;
      switchTo(name, !isText || YES.test(next ?? ''));
    } else if (YES.test(value) || NO.test(value)) switchTo(name, YES.test(value));
    else words.push(word);
  }
  return { argv: withoutDays(words), given, command };
}

/** `--dynamic` wins over `--days`, as with lego 4.35. */
function withoutDays(words: readonly string[]): readonly string[] {
  if (!words.includes('--dynamic')) return words;
  return words.filter((word, at) => word !== '--days' && words[at - 1] !== '--days');
}

/** `lego` without a command carries out a configuration file: that of `--config`, or of its folder. */
export function withConfigFile(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): readonly string[] {
  if (argv.some((word) => /^(?:-h|--help|-v|--version)$/u.test(word))) return argv;
  const { argv: words, command } = fromLego(argv);
  if (command !== undefined) return argv;
  const at = words.indexOf('--config');
  const rest = at < 0 ? words : [...words.slice(0, at), ...words.slice(at + 2)];
  const named = at < 0 ? env.LEGO_CONFIG : words[at + 1];
  const file = named || ['.lego.yml', '.lego.yaml'].find((name) => existsSync(join(cwd, name)));
  return file === undefined ? argv : ['apply', file, ...rest];
}
