import type { Provider, Tuning } from './kit/contract.ts';
import { type EnvSchema, type EnvSource, type EnvVar, readEnvs, seconds } from './kit/env.ts';

/** The five knobs every provider has; their names and docs come from here, only the defaults from the provider. */
export function tuningSchema({
  prefix,
  ttl = 120,
  propagationTimeout = 60,
  pollingInterval = 2,
  httpTimeout = 30,
  sequenceInterval = 0,
}: Tuning) {
  return {
    ttl: seconds(`${prefix}_TTL`, 'TTL of the TXT record, in seconds').default(ttl),
    propagationTimeout: seconds(
      `${prefix}_PROPAGATION_TIMEOUT`,
      'Longest wait for DNS propagation, in seconds',
    ).default(propagationTimeout),
    pollingInterval: seconds(`${prefix}_POLLING_INTERVAL`, 'Pause between propagation checks, in seconds').default(
      pollingInterval,
    ),
    httpTimeout: seconds(`${prefix}_HTTP_TIMEOUT`, 'Longest wait for an API answer, in seconds').default(httpTimeout),
    sequenceInterval: seconds(`${prefix}_SEQUENCE_INTERVAL`, 'Pause between changes, in seconds').default(
      sequenceInterval,
    ),
  } satisfies Record<string, EnvVar<number>>;
}

/** Reads credentials and knobs together, so that one message lists everything that is wrong. */
export function readSettings(provider: Provider, source: EnvSource, onSecret: (value: string) => void) {
  const { tuning, config } = readEnvs(
    { tuning: tuningSchema(provider.tuning), config: provider.env as EnvSchema },
    source,
    onSecret,
    provider.id,
  );
  return { tuning, config };
}
