import { resolve } from 'node:path';
import { describeCertificate, parseChain } from '../../acme/certificate.ts';
import { parseKeyType } from '../../acme/keys.ts';
import { normalizeNames } from '../../acme/names.ts';
import type { CertificateSettings, ListedCertificate, Store } from '../../acme/storage.ts';
import { legoKeyType } from '../../acme/stored-keys.ts';
import { longName } from '../flags.ts';
import type { CommandContext } from '../main.ts';
import { declarations } from '../options.ts';
import { domainsOf } from './domains.ts';
import { settingsOf } from './from-options.ts';
import { originOf } from './origin.ts';
import { type CertificatePlan, complete, ofRequest, parseCsr, readCsrFile } from './plan.ts';

/**
 * The plan that the certificate's own record makes, for `renew`. What stands on the command line wins; the environment counts
 * only for what the record does not say, such as certificates that lego wrote.
 */
export async function planFromRecord(
  stored: ListedCertificate,
  store: Store,
  context: CommandContext,
): Promise<CertificatePlan> {
  const { options, given, io } = context;
  const flags = settingsOf(options, io.cwd);
  const isGiven = (key: keyof typeof declarations) => {
    const { flags: spelling, older = [] } = declarations[key] as { flags: string; older?: readonly string[] };
    return [spelling, ...older].some((one) => given.has(longName(one)));
  };
  const had = stored.settings;
  const base: CertificateSettings = had ?? {
    ...flags,
    ...(await fromLego(stored, store, context)),
    names: describeCertificate(stored.certificatePem).names,
    dns: options.dns,
  };
  const chosen: Partial<CertificateSettings> = {
    ...(isGiven('dns') || base.dns.length === 0 ? { dns: options.dns } : {}),
    ...(isGiven('servers') ? { servers: options.servers } : {}),
    ...(isGiven('email') || isGiven('accountId')
      ? { accountId: options.accountId ?? options.email ?? base.accountId }
      : {}),
    ...(isGiven('keyType') ? { keyType: parseKeyType(options.keyType) } : {}),
    ...(isGiven('profile') ? { profile: options.profile } : {}),
    ...(isGiven('preferredChain') ? { preferredChain: options.preferredChain } : {}),
    ...(isGiven('mustStaple') ? { mustStaple: options.mustStaple } : {}),
    ...(isGiven('noBundle') ? { bundle: !options.noBundle } : {}),
    ...(isGiven('disableCn') ? { commonName: !options.disableCn } : {}),
    ...(isGiven('reuseKey') ? { reuseKey: options.reuseKey } : {}),
    ...(isGiven('renewDays') || given.has('--dynamic') ? { renewDays: options.renewDays } : {}),
    ...(isGiven('resolvers') ? { resolvers: flags.resolvers } : {}),
    ...(isGiven('propagationWait') || isGiven('disableAns') || isGiven('rns')
      ? { propagation: flags.propagation }
      : {}),
    ...(isGiven('caCertificates') ? { caCertificates: flags.caCertificates } : {}),
    ...(isGiven('privateKey') && options.privateKey
      ? { privateKeyFile: resolve(io.cwd, options.privateKey), csrPem: undefined }
      : {}),
    files: {
      ...base.files,
      ...(isGiven('pem') ? { pem: options.pem } : {}),
      ...(isGiven('pfx') ? { pfx: options.pfxFormat } : {}),
      ...(isGiven('certMode') ? { mode: options.certMode } : {}),
      ...(isGiven('certOwner') ? { owner: options.certOwner } : {}),
    },
    hooks: {
      ...base.hooks,
      ...(isGiven('preHook') || isGiven('deployHook') || isGiven('postHook') ? { cwd: io.cwd } : {}),
      ...(isGiven('preHook') ? { pre: options.preHook } : {}),
      ...(isGiven('deployHook') ? { deploy: options.deployHook } : {}),
      ...(isGiven('postHook') ? { post: options.postHook } : {}),
    },
  };
  const asked = isGiven('csr') && options.csr ? await readCsrFile(resolve(io.cwd, options.csr)) : undefined;
  const merged = { ...base, ...chosen, ...(asked ? { ...ofRequest(asked), privateKeyFile: undefined } : {}) };
  const csr =
    asked ?? (merged.csrPem === undefined ? undefined : await parseCsr(Buffer.from(merged.csrPem), stored.name));
  const domains = domainsOf(context);
  // lego's flag: those named, and no others.
  const others = given.has('--force-cert-domains') ? [] : merged.names;
  const names = domains.length > 0 ? normalizeNames([...others, ...domains]) : merged.names;
  return complete(stored.name, { ...merged, names }, csr, context);
}

/** What lego wrote tells neither the CA nor the account. */
async function fromLego(stored: ListedCertificate, store: Store, context: CommandContext) {
  const { server, account, accountId } = await originOf(stored, store, context);
  const [leaf] = parseChain(stored.certificatePem);
  return {
    directoryUrl: server,
    accountId: account?.id ?? accountId,
    keyType: leaf ? legoKeyType(leaf.publicKey).toLowerCase() : '',
  };
}
