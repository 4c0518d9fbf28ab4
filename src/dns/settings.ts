import type { Provider, Tuning, TuningKey } from './kit/contract.ts';
import { type EnvSchema, type EnvVar, seconds } from './kit/env.ts';
import { type EnvSource, readEnvs } from './kit/read-env.ts';

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

/** Reads credentials and knobs together, so that one message lists everything that is wrong. */
export const readSettings = (
  provider: Provider,
  source: EnvSource,
  onSecret: (value: string) => void,
  warn?: (message: string) => void,
) =>
  readEnvs(
    { tuning: tuningSchema(provider.tuning), config: provider.env as EnvSchema },
    { source, subject: provider.id, onSecret, ...(warn ? { warn } : {}) },
  );
