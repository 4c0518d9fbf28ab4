import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { EnvSource } from '../dns/kit/read-env.ts';
import { createLookup, type Lookup } from '../dns/lookup.ts';
import { ConfigError } from '../errors.ts';
import { createTransport } from '../http.ts';
import type { CommandContext } from './main.ts';

/** The parts that several commands put together from flags and environment. */

export { storeOf } from './open-store.ts';

export function lookupOf(
  { options, io, log }: CommandContext,
  env: EnvSource = io.env,
  resolvers: readonly string[] = options.resolvers,
): Lookup {
  const port = Number(env.QUOIN_DNS_AUTHORITATIVE_PORT || 53);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new ConfigError('QUOIN_DNS_AUTHORITATIVE_PORT is no port number');
  return createLookup({
    resolvers,
    timeoutMs: options.dnsTimeout,
    transport: createTransport({ log, env: io.env }),
    log,
    authoritativePort: port,
  });
}

/** The roots of a private CA, for the ACME server only. */
export function rootsOf({ options, io }: CommandContext): readonly string[] | undefined {
  const files = options.caCertificates.map((file) => resolve(io.cwd, file));
  const texts = files.map((file) => {
    try {
      const text = readFileSync(file, 'utf8');
      if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
    } catch (cause) {
      throw new ConfigError(`cannot read the CA certificates in ${file}: ${(cause as NodeJS.ErrnoException).code}`, {
        cause,
      });
    }
    throw new ConfigError(`${file} holds no PEM certificate`, {
      hint: 'name a file with the roots of your CA in --ca-certificates',
    });
  });
  return texts.length > 0 ? texts : undefined;
}
