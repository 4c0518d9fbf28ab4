import type { Provider, Tuning, TuningKey } from './kit/contract.ts';
import { type EnvSchema, type EnvVar, seconds } from './kit/env.ts';
import { type EnvSource, readEnvs } from './kit/read-env.ts';
import { type AccountEnv, envWithPrefix } from './prefixed-env.ts';

/** What every provider can be tuned in: the ending of the variable's name, what it means, and the usual default. */
const knobs: Readonly<Record<TuningKey, { ending: string; help: string; usual: number }>> = {
  ttl: { ending: 'TTL', help: 'TTL of the TXT record', usual: 120 },
  propagationTimeout: { ending: 'PROPAGATION_TIMEOUT', help: 'Longest wait for DNS propagation', usual: 60 },
  pollingInterval: { ending: 'POLLING_INTERVAL', help: 'Longest pause between propagation checks', usual: 2 },
  httpTimeout: { ending: 'HTTP_TIMEOUT', help: 'Longest wait for an answer of the API', usual: 30 },
  sequenceInterval: { ending: 'SEQUENCE_INTERVAL', help: 'Pause between changes', usual: 0 },
};

const many = (names: string | readonly string[] = []): readonly string[] =>
  typeof names === 'string' ? [names] : names;

/** The variables behind the knobs: `<PREFIX>_TTL` and so on, each with the names that the provider adds or replaces. */
export function tuningSchema(tuning: Tuning): Record<TuningKey, EnvVar<number>> {
  const schema = {} as Record<TuningKey, EnvVar<number>>;
  for (const key of Object.keys(knobs) as TuningKey[]) {
    const { ending, help, usual } = knobs[key];
    const names = [...many(tuning.names?.[key]), ...many(tuning.prefix).map((prefix) => `${prefix}_${ending}`)];
    const knob = seconds(
      [...new Set(names)] as unknown as [string, ...string[]],
      `${help}, in seconds or as 90s, 5m, 1h`,
    );
    const value = tuning[key] ?? usual;
    schema[key] = tuning.ignored?.includes(key)
      ? (knob.default(value).withoutEffect() as EnvVar<number>)
      : knob.default(value);
  }
  return schema;
}

/** `cloudflare@ORG`, for messages. */
export const labelOf = ({ id }: Pick<Provider, 'id'>, prefix: string | undefined): string =>
  prefix === undefined ? id : `${id}@${prefix}`;

/**
 * Reads credentials and knobs together, so that one message lists everything that is wrong. With a prefix they are those of the
 * account that it stands for: see `envWithPrefix`.
 * @throws ConfigError
 */
export function readSettings(
  provider: Provider,
  source: EnvSource,
  onSecret: (value: string) => void,
  warn?: (message: string) => void,
  prefix?: string,
) {
  const account = envWithPrefix(source, prefix, provider);
  return { ...readAccount(provider, account, prefix, onSecret, warn), account };
}

const readAccount = (
  provider: Provider,
  { env, nameOf }: AccountEnv,
  prefix: string | undefined,
  onSecret: (value: string) => void,
  warn?: (message: string) => void,
) =>
  readEnvs(
    { tuning: tuningSchema(provider.tuning), config: provider.env as EnvSchema },
    { source: env, subject: labelOf(provider, prefix), code: provider.id, onSecret, nameOf, ...(warn ? { warn } : {}) },
  );
