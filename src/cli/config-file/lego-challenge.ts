import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'dotenv';
import type { PropagationSettings } from '../../acme/storage.ts';
import { errorCode } from '../../files.ts';
import type { DnsChoice } from './config.ts';
import { judgeResolvers } from './judge-certificate.ts';
import { prefixFor } from './judge-provider.ts';
import type { Judging } from './judging.ts';
import type { LegoContent } from './lego-file.ts';
import { loadProvider } from './load-provider.ts';
import type { Source } from './references.ts';
import type { Located } from './shape.ts';

/** How lego proves a name. */
export interface Challenge {
  readonly dns: DnsChoice;
  readonly resolvers?: readonly string[] | undefined;
  readonly propagation?: PropagationSettings | undefined;
}

type ChallengeEntry = NonNullable<LegoContent['challenges']>[number];

export async function judgeChallenge(
  { name, nameAt, value }: ChallengeEntry,
  prefixes: Set<string>,
  judging: Judging,
): Promise<Challenge | undefined> {
  if (!value.dns) {
    if (!value.http && !value.tls && !value.dnsPersist) judging.tell(nameAt, `dns is missing in the challenge ${name}`);
    return undefined;
  }
  const { provider: code, envFile, resolvers, propagation } = value.dns;
  const loaded = await loadProvider(code, [], judging);
  const env = envFile && readEnvFile(envFile, judging);
  if (!loaded) return undefined;
  const prefix = env && env.size > 0 ? prefixFor(name, prefixes) : undefined;
  return {
    dns: { provider: { name, ...loaded, ...(prefix ? { env, prefix, spec: `${loaded.spec}@${prefix}` } : {}) } },
    resolvers: resolvers && judgeResolvers(resolvers.map(onThisMachine), judging),
    propagation: propagation && {
      ...(propagation.wait ? { waitMs: propagation.wait } : {}),
      ...(propagation.disableAuthoritativeNameservers ? { authoritative: false } : {}),
    },
  };
}

/** To Go an address without a host is one of this machine. */
const onThisMachine = ({ value, at }: Located<string>): Located<string> => ({
  value: value.startsWith(':') ? `127.0.0.1${value}` : value,
  at,
});

/** Its variables are the provider's alone, as in lego, where they are put back behind it. All may be secrets. */
function readEnvFile({ value, at }: Located<string>, { folder, tell, placeOf }: Judging) {
  const path = resolve(folder, value);
  try {
    const place = placeOf(at);
    const source = (text: string): Source => ({ reference: { kind: 'plain', value: text }, secret: true, place });
    return new Map(Object.entries(parse(readFileSync(path))).map(([name, text]) => [name, source(text)]));
  } catch (error) {
    tell(at, `${path} cannot be read (${errorCode(error)})`);
    return undefined;
  }
}
