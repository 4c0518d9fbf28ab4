import { resolve } from 'node:path';
import { didYouMean } from '../../closest.ts';
import type { Provider } from '../../dns/kit/contract.ts';
import { type EnvVar, listVars } from '../../dns/kit/env.ts';
import { tuningSchema } from '../../dns/settings.ts';
import type { ProviderConfig } from './config.ts';
import { type Judging, judgeSource } from './judging.ts';
import { loadProvider } from './load-provider.ts';
import type { ProviderEntry } from './quoin-file.ts';
import type { Source } from './references.ts';
import type { Located, Named } from './shape.ts';

/** A provider by its name in the file, else by its code. Undefined when there is none, which has been told then. */
export type FindProvider = (typed: Located<string>) => Promise<ProviderConfig | undefined>;

/**
 * The providers of a file. What it does not name is what could be typed after `--dns`: `cloudflare`, `cloudflare@ORG`. Each
 * is loaded once.
 */
export async function judgeProviders(
  entries: readonly Named<ProviderEntry>[],
  /** All that the file gives, whether or not what stands there is right. */
  names: readonly string[],
  judging: Judging,
): Promise<FindProvider> {
  const loaded = new Map<string, Promise<ProviderConfig | undefined>>();
  const prefixes = new Set<string>();
  const known = new Map<string, ProviderConfig | undefined>(names.map((name) => [name, undefined]));
  for (const { name, value } of entries) {
    const found = await loadProvider(value.code, names, judging);
    const env = found && value.env && judgeVariables(value.env, found.provider, judging);
    const prefix = env && env.size > 0 ? prefixFor(name, prefixes) : undefined;
    known.set(name, found && { name, ...found, ...(prefix ? { env, prefix, spec: `${found.spec}@${prefix}` } : {}) });
  }
  return (typed) => {
    const name = typed.value;
    if (known.has(name)) return Promise.resolve(known.get(name));
    const found =
      loaded.get(name) ??
      loadProvider(typed, names, judging, true).then((provider) => provider && { name, ...provider });
    loaded.set(name, found);
    return found;
  };
}

/** `my-org` becomes `MY_ORG`, so that its variables cannot be taken for those of another account. */
export function prefixFor(name: string, taken: Set<string>): string {
  const plain = name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/gu, '_')
    .replace(/_+$/u, '')
    .replace(/^(?![A-Z])_*/u, 'P');
  let prefix = plain;
  for (let number = 2; taken.has(prefix); number += 1) prefix = `${plain}_${number}`;
  taken.add(prefix);
  return prefix;
}

/** All variables of a provider, by all their names. */
export function variablesOf({ env, tuning }: Provider): ReadonlyMap<string, EnvVar<unknown>> {
  const variables = [...listVars(env), ...listVars(tuningSchema(tuning))];
  return new Map(variables.flatMap((variable) => variable.names.map((name) => [name, variable] as const)));
}

function judgeVariables(
  entries: readonly Named<Located<string>>[],
  provider: Provider,
  judging: Judging,
): ReadonlyMap<string, Source> {
  const known = variablesOf(provider);
  const sources = new Map<string, Source>();
  for (const { name, nameAt, value } of entries) {
    const plainName = name.replace(/_FILE$/u, '');
    const variable = known.get(name) ?? (known.get(plainName)?.fromFile ? known.get(plainName) : undefined);
    if (!variable) {
      judging.tell(
        nameAt,
        `${provider.id} has no variable ${name}${didYouMean(name, known.keys()) || `; see: quoin dnshelp -c ${provider.id}`}`,
      );
      continue;
    }
    const source = judgeSource(value, variable.secret && known.has(name), judging);
    if (source) sources.set(name, known.has(name) ? source : pathOf(source, judging.folder));
  }
  return sources;
}

/** `NAME_FILE` holds a path, which is seen from the file like all others. */
const pathOf = (source: Source, folder: string): Source =>
  source.reference.kind === 'plain'
    ? { ...source, reference: { kind: 'plain', value: resolve(folder, source.reference.value) } }
    : source;
