import { parseHmacKey } from '../../acme/account.ts';
import { expectedFor } from '../../dns/accounts.ts';
import { parseAssignments } from '../../dns/assignments.ts';
import type { EnvSource } from '../../dns/kit/read-env.ts';
import { type AppError, ConfigError, isAppError } from '../../errors.ts';
import type { CertificatePlan } from '../certificates/plan.ts';
import type { AccountConfig, ProviderConfig } from './config.ts';
import type { Draft } from './drafts.ts';
import { variablesOf } from './judge-provider.ts';
import type { Fetch } from './references.ts';

/** Completes the plan of a certificate; with `register` its account is not known to the CA yet. */
export type WithSecrets = (draft: Draft, register: boolean) => Promise<CertificatePlan>;

/**
 * Fetches the secrets of the providers that some certificates use, each once. The result completes the plan of one of them, and
 * throws `AppError` where a secret that it needs could not be had; what others need does not matter to it. `hidden` are the
 * variables that secrets of the file come from: hooks get the environment of a plan, and must not find them there.
 */
export async function fetchSecrets(
  drafts: readonly Draft[],
  hidden: ReadonlySet<string>,
  fetch: Fetch,
): Promise<WithSecrets> {
  const providers = new Set(drafts.flatMap(({ config }) => config.dns.map(({ provider }) => provider)));
  const values = new Map<ProviderConfig, EnvSource | AppError>();
  for (const provider of providers) values.set(provider, await variablesFor(provider, fetch));
  // Certificates with the same providers share an environment, by which sessions with providers are told apart.
  const environments = new Map<string, EnvSource>();

  function environmentOf({ config, plan }: Draft): EnvSource {
    const own = [...new Set(config.dns.map(({ provider }) => provider))];
    const key = JSON.stringify([own.map(({ spec }) => spec), config.hookEnv, plan.settings.servers]);
    const known = environments.get(key);
    if (known) return known;
    const open = new Set([...config.hookEnv, ...own.filter(({ env }) => !env).flatMap(namesIn)]);
    const nothing = Object.fromEntries([...hidden].filter((name) => !open.has(name)).map((name) => [name, undefined]));
    const made = Object.assign({ ...plan.env }, nothing, ...own.map((provider) => usable(values.get(provider))));
    environments.set(key, made);
    return made;
  }

  return async (draft, register) => {
    const { config, plan } = draft;
    // By the names alone: where CNAMEs lead only DNS can tell, and the provider there says what it lacks when it is needed.
    const needed = expectedFor(parseAssignments(plan.dns), plan.settings.names).map(({ label }) => label);
    for (const { provider } of config.dns) {
      const failure = values.get(provider);
      if (!isAppError(failure)) continue;
      if (parseAssignments([provider.spec]).some(({ label }) => needed.includes(label))) throw failure;
    }
    const { eab } = config.account ?? {};
    return {
      ...plan,
      env: environmentOf(draft),
      account: eab && register ? { ...plan.account, eab: await binding(eab, fetch) } : plan.account,
      pfxPassword: config.pfxPassword && (await fetch(config.pfxPassword)),
    };
  };
}

const usable = (values: EnvSource | AppError | undefined): EnvSource => (isAppError(values) ? {} : (values ?? {}));

async function binding({ kid, hmac }: NonNullable<AccountConfig['eab']>, fetch: Fetch) {
  const key = await fetch(hmac);
  try {
    return { kid, hmacKey: parseHmacKey(key) };
  } catch (cause) {
    throw new ConfigError(`${hmac.place}: that is not a base64url HMAC key`, {
      cause,
      hint: 'copy it from the CA anew',
    });
  }
}

/** The variables of a provider under its prefix, so that those of the environment, and of other accounts, are not mixed with them. */
async function variablesFor(provider: ProviderConfig, fetch: Fetch): Promise<EnvSource | AppError> {
  const { env, prefix } = provider;
  if (!env || prefix === undefined) return {};
  const values: Record<string, string | undefined> = {};
  for (const name of namesIn(provider)) if (name.startsWith(`${prefix}_`)) values[name] = undefined;
  try {
    for (const [name, source] of env) values[`${prefix}_${name}`] = await fetch(source);
  } catch (error) {
    if (!isAppError(error)) throw error;
    return error;
  }
  return values;
}

/** What a provider reads, as it stands in the environment. */
function namesIn({ provider, spec }: ProviderConfig): string[] {
  const prefix = parseAssignments([spec])[0]?.prefix;
  const names = [...variablesOf(provider).keys()].flatMap((name) => [name, `${name}_FILE`]);
  return prefix === undefined ? names : [...names, ...names.map((name) => `${prefix}_${name}`)];
}
