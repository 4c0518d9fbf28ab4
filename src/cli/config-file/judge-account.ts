import { resolve } from 'node:path';
import { NO_EMAIL } from '../../acme/account.ts';
import { directories, directoryUrl } from '../../acme/directories.ts';
import { checkAccountId } from '../../acme/store-names.ts';
import { didYouMean } from '../../closest.ts';
import type { AccountConfig } from './config.ts';
import { attempt, type Judging, judgeSource } from './judging.ts';
import type { AccountEntry } from './quoin-file.ts';
import type { Located, Named } from './shape.ts';

export function judgeAccount({ name, nameAt, value }: Named<AccountEntry>, judging: Judging): AccountConfig {
  const { server = [], email, id, eab, acceptTos = false, keyType = 'ec256' } = value;
  for (const one of server) judgeServer(one, judging);
  const folder = id?.value ?? email ?? NO_EMAIL;
  attempt(() => checkAccountId(folder), id?.at ?? nameAt, judging);
  const hmac = eab && judgeSource(eab.hmac, true, judging);
  return {
    name,
    servers: server.length > 0 ? server.map((one) => one.value) : ['letsencrypt'],
    id: folder,
    email,
    acceptTos,
    keyType,
    eab: eab && hmac && { kid: eab.kid, hmac },
    caCertificates: (value.caCertificates ?? []).map((path) => resolve(judging.folder, path.value)),
  };
}

/** A short name, or a directory URL; `sandbox` is the one that runs when it is needed. */
function judgeServer({ value, at }: Located<string>, judging: Judging): void {
  if (value === 'sandbox') return;
  const meant =
    URL.canParse(value) || Object.hasOwn(directories, value) ? '' : didYouMean(value, Object.keys(directories));
  if (meant) judging.tell(at, `there is no CA ${value}${meant}`);
  else attempt(() => directoryUrl(value), at, judging);
}
