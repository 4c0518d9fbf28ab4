import type { Provider } from './kit/contract.ts';
import { type EnvSchema, type EnvVar, listVars } from './kit/env.ts';
import { tuningSchema } from './settings.ts';

type Variable = EnvVar<unknown>;

/** Everything people read about a provider, worked out from its definition. */
export interface Description {
  readonly provider: Provider;
  /** Each is a list of groups of variables, of which one group must be set. */
  readonly choices: readonly (readonly (readonly Variable[])[])[];
  readonly always: readonly Variable[];
  readonly tuning: readonly Variable[];
  /** A shell command, with the variables of the first group. */
  readonly example: string;
}

export function describeProvider(provider: Provider): Description {
  const entries = Object.values(provider.env as EnvSchema);
  const choices = entries.flatMap((entry) =>
    entry.kind === 'oneOf'
      ? [Object.values(entry.alternatives as Record<string, Record<string, Variable>>).map((g) => Object.values(g))]
      : [],
  );
  const always = entries.flatMap((entry) => (entry.kind === 'oneOf' ? [] : [entry]));
  const needed = [...choices.flatMap(([first = []]) => first), ...always].filter(({ required }) => required);
  return {
    provider,
    choices,
    always,
    tuning: listVars(tuningSchema(provider.tuning)),
    example: [
      ...needed.map(({ names: [name], shownDefault }) => `${name}=${shownDefault ?? '...'}`),
      `quoin run --dns ${provider.id} --domains example.com --domains '*.example.com'`,
    ].join(' \\\n'),
  };
}

/** What stands in the column "Default". */
const standing = ({ ignored, required, shownDefault }: Variable): string =>
  ignored ? 'no effect' : required ? 'required' : (shownDefault ?? 'optional');

const aliasesOf = ({ names }: Variable): readonly string[] => names.slice(1);

export function toMarkdown({ provider, choices, always, tuning, example }: Description): string {
  const row = (v: Variable) => {
    const also = aliasesOf(v).map((name) => `\`${name}\``);
    const meaning = `${v.help}${also.length > 0 ? ` (also: ${also.join(', ')})` : ''}`;
    return `| \`${v.names[0]}\` | ${meaning.replaceAll('|', '\\|')} | ${standing(v).replaceAll('|', '\\|')} |`;
  };
  const table = (vars: readonly Variable[]) =>
    ['| Variable | Meaning | Default |', '| --- | --- | --- |', ...vars.map(row)].join('\n');
  const { id, name, aliases = [], website, apiDocs, notes } = provider;
  const facts = [
    `Code \`${id}\`${aliases.length > 0 ? `, also ${aliases.map((alias) => `\`${alias}\``).join(', ')}` : ''}`,
    `[website](${website})`,
    ...(apiDocs ? [`[API documentation](${apiDocs})`] : []),
  ];
  const groups = choices.flatMap((ways) =>
    ways.flatMap((group, index) => [index === 0 ? 'Set one of these groups:' : 'or', table(group)]),
  );
  return `${[
    `# ${name}`,
    `<!-- Generated from src/dns/providers/${id}.ts by npm run generate. Do not edit. -->`,
    facts.join(' · '),
    `\`\`\`sh\n${example}\n\`\`\``,
    ...(notes ? [notes] : []),
    ...limitOf(provider),
    '## Credentials',
    ...groups,
    ...(always.length > 0 ? [...(groups.length > 0 ? ['And:'] : []), table(always)] : []),
    ...filesNote(credentialsOf(choices, always)),
    '## Tuning',
    table(tuning),
  ].join('\n\n')}\n`;
}

/** What the service cannot show at one time, and what that means. */
function limitOf({ oneValueAtATime, valuesPerName }: Provider): string[] {
  if (oneValueAtATime)
    return ['The service holds one value per name, so a name and its wildcard are validated one after the other.'];
  if (valuesPerName === undefined) return [];
  return [
    `The service shows ${valuesPerName} values of a name at a time. Where more names of a certificate lead to one by CNAMEs, they are ` +
      `validated in turns of ${valuesPerName}.`,
  ];
}

const credentialsOf = (choices: Description['choices'], always: readonly Variable[]): readonly Variable[] => [
  ...choices.flat(2),
  ...always,
];

/** Where variables can be given by a file, and which cannot. */
function filesNote(vars: readonly Variable[]): string[] {
  const without = vars.filter(({ fromFile }) => !fromFile).flatMap(({ names }) => names.slice(0, 1));
  if (without.length === vars.length) return [];
  const but = without.length > 0 ? ` but ${without.map((name) => `\`${name}\``).join(', ')}` : '';
  return [`Each of them${but} may be given as \`NAME_FILE\`, the path of a file that holds the value.`];
}

export interface TextOptions {
  /** Columns of the terminal. Default: 80. */
  readonly width?: number;
  /** How headings and names are set off. Default: plain. */
  readonly strong?: (text: string) => string;
}

/** For a terminal: no line longer than `width`, unless a single word is. */
export function toText(
  { provider, choices, always, tuning, example }: Description,
  { width = 80, strong = (text) => text }: TextOptions = {},
): string {
  const entry = (v: Variable) => {
    const also = aliasesOf(v);
    const details = [v.help, ...(also.length > 0 ? [`also: ${also.join(', ')}`] : []), `(${standing(v)})`];
    return [`  ${strong(v.names[0] ?? '')}`, ...wrap(details.join('; ').replace('; (', ' ('), width, '      ')];
  };
  const section = (title: string, vars: readonly Variable[]) =>
    vars.length === 0 ? [] : ['', strong(title), ...vars.flatMap(entry)];
  const { id, name, aliases = [], website, apiDocs, notes } = provider;
  return `${[
    `${strong(name)} (${[id, ...aliases].join(', ')})`,
    website,
    ...(apiDocs && apiDocs !== website ? [apiDocs] : []),
    ...(notes ? ['', ...wrap(notes.replace(/[`*]/gu, ''), width)] : []),
    ...limitOf(provider).flatMap((limit) => ['', ...wrap(limit, width)]),
    ...choices.flatMap((ways) =>
      ways.flatMap((group, index) => section(index === 0 ? 'Set these:' : 'or these:', group)),
    ),
    ...section(choices.length > 0 ? 'And:' : 'Credentials:', always),
    ...section('Tuning:', tuning),
    '',
    ...filesNote(credentialsOf(choices, always)).flatMap((note) => wrap(note.replace(/[`*]/gu, ''), width)),
    '',
    strong('Example:'),
    ...example.split('\n').map((line) => `  ${line}`),
  ].join('\n')}\n`;
}

function wrap(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/u)) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
}

const plainVariable = (v: Variable) => ({
  name: v.names[0],
  aliases: aliasesOf(v),
  meaning: v.help,
  required: v.required,
  secret: v.secret,
  ignored: v.ignored,
  file: v.fromFile,
  default: v.shownDefault ?? null,
});

/** For machines; keys are stable. */
export function toJson({ provider, choices, always, tuning, example }: Description) {
  const { id, name, aliases = [], website, apiDocs, notes, oneValueAtATime = false, valuesPerName } = provider;
  return {
    code: id,
    name,
    aliases,
    website,
    apiDocs: apiDocs ?? null,
    notes: notes ?? null,
    oneValueAtATime,
    valuesPerName: valuesPerName ?? null,
    credentials: {
      oneOf: choices.map((ways) => ways.map((group) => group.map(plainVariable))),
      always: always.map(plainVariable),
    },
    tuning: tuning.map(plainVariable),
    example,
  };
}
