import type { Provider } from './kit/contract.ts';
import { type EnvSchema, type EnvVar, listVars } from './kit/env.ts';
import { tuningSchema } from './settings.ts';

/** Everything people read about a provider, worked out from its definition. */
export interface Description {
  readonly provider: Provider;
  /** Groups of credentials; more than one means "any one of these". */
  readonly credentials: readonly (readonly EnvVar<unknown>[])[];
  readonly always: readonly EnvVar<unknown>[];
  readonly tuning: readonly EnvVar<unknown>[];
  readonly example: string;
}

export function describeProvider(provider: Provider): Description {
  const entries = Object.values(provider.env as EnvSchema);
  const credentials = entries.flatMap((entry) =>
    entry.kind === 'oneOf'
      ? Object.values(entry.alternatives as Record<string, Record<string, EnvVar<unknown>>>).map((group) =>
          Object.values(group),
        )
      : [],
  );
  const always = entries.flatMap((entry) => (entry.kind === 'oneOf' ? [] : [entry]));
  const shown = [...(credentials[0] ?? []), ...always].filter((v) => v.required);
  return {
    provider,
    credentials,
    always,
    tuning: listVars(tuningSchema(provider.tuning)),
    example: [
      ...shown.map((v) => `${v.names[0]}=…`),
      `quoin run --dns ${provider.id} --domains example.com --domains '*.example.com'`,
    ].join(' \\\n'),
  };
}

const row = (v: EnvVar<unknown>) =>
  `| \`${v.names[0]}\` | ${v.help}${
    v.names.length > 1
      ? ` (also: ${v.names
          .slice(1)
          .map((n) => `\`${n}\``)
          .join(', ')})`
      : ''
  } | ${v.required ? 'required' : (v.shownDefault ?? 'optional')} |`;
const table = (vars: readonly EnvVar<unknown>[]) =>
  ['| Variable | Meaning | Default |', '| --- | --- | --- |', ...vars.map(row)].join('\n');

export function toMarkdown({ provider, credentials, always, tuning, example }: Description): string {
  return (
    [
      `# ${provider.name}`,
      `<!-- Generated from src/dns/providers/${provider.id}.ts by npm run generate. Do not edit. -->`,
      `Code \`${provider.id}\` · [website](${provider.website})${provider.apiDocs ? ` · [API documentation](${provider.apiDocs})` : ''}`,
      `\`\`\`sh\n${example}\n\`\`\``,
      ...(provider.notes ? [provider.notes] : []),
      '## Credentials',
      ...(always.length > 0 ? [table(always)] : []),
      ...credentials.flatMap((group, index) => [index === 0 ? 'Set one of these groups:' : 'or', table(group)]),
      '## Tuning',
      table(tuning),
      '',
    ]
      .join('\n\n')
      .trimEnd() + '\n'
  );
}
