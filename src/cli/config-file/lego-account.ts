import { directoryUrl } from '../../acme/directories.ts';
import { parseKeyType } from '../../acme/keys.ts';
import { checkAccountId } from '../../acme/store-names.ts';
import type { AccountConfig } from './config.ts';
import { attempt, type Judging, judgeSource } from './judging.ts';
import type { LegoContent } from './lego-file.ts';

type AccountEntry = NonNullable<LegoContent['accounts']>[number];

/** An account of lego's: its name in the file is the one of its folder. */
export function judgeLegoAccount(
  { name, nameAt, value }: AccountEntry,
  servers: ReadonlyMap<string, string | undefined>,
  judging: Judging,
): AccountConfig {
  const { server, email, keyType, eab, acceptsTermsOfService: acceptTos = false } = value;
  const typed = (server && (servers.get(server.value) ?? server.value)) ?? 'letsencrypt';
  attempt(() => directoryUrl(typed), server?.at ?? nameAt, judging);
  attempt(() => checkAccountId(name), nameAt, judging);
  const type = keyType && attempt(() => parseKeyType(keyType.value), keyType.at, judging);
  const hmac = eab && judgeSource({ ...eab.hmacKey, value: `plain:${eab.hmacKey.value}` }, true, judging);
  return {
    name,
    id: name,
    servers: [typed],
    email,
    acceptTos,
    keyType: type ?? 'ec256',
    eab: eab && hmac && { kid: eab.kid, hmac },
    caCertificates: [],
  };
}
