import type { Provider, Tuning, TuningKey } from './kit/contract.ts';
import { type EnvSchema, type EnvSource, type EnvVar, readEnvs, seconds } from './kit/env.ts';

/** What every provider can be tuned in: the ending of the variable's name, what it means, and the usual default. */
const knobs: Readonly<Record<TuningKey, { ending: string; help: string; usual: number }>> = {
  ttl: { ending: 'TTL', help: 'TTL of the TXT record', usual: 120 },
  propagationTimeout: { ending: 'PROPAGATION_TIMEOUT', help: 'Longest wait for DNS propagation', usual: 60 },
  pollingInterval: { ending: 'POLLING_INTERVAL', help: 'Longest pause between propagation checks', usual: 2 },
  httpTimeout: { ending: 'HTTP_TIMEOUT', help: 'Longest wait for an answer of the API', usual: 30 },
  sequenceInterval: { ending: 'SEQUENCE_INTERVAL', help: 'Pause between changes', usual: 0 },
};

export function tuningSchema(tuning: Tuning): Record<TuningKey, EnvVar<number>> {
  const prefixes = typeof tuning.prefix === 'string' ? [tuning.prefix] : tuning.prefix;
  const entries = Object.entries(knobs).map(([key, { ending, help, usual }]) => {
    const odd = tuning.names?.[key as TuningKey] ?? [];
    const names = [...(typeof odd === 'string' ? [odd] : odd), ...prefixes.map((prefix) => `${prefix}_${ending}`)];
    const unit = `${help}, in seconds or as 90s, 5m, 1h`;
    return [key, seconds(names as [string, ...string[]], unit).default(tuning[key as TuningKey] ?? usual)] as const;
  });
  return Object.fromEntries(entries) as Record<TuningKey, EnvVar<number>>;
}

/** Reads credentials and knobs together, so that one message lists everything that is wrong. */
export function readSettings(provider: Provider, source: EnvSource, onSecret: (value: string) => void) {
  return readEnvs(
    { tuning: tuningSchema(provider.tuning), config: provider.env as EnvSchema },
    source,
    onSecret,
    provider.id,
  );
}
