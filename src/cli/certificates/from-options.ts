import { resolve } from 'node:path';
import { NO_EMAIL } from '../../acme/account.ts';
import { parseKeyType } from '../../acme/keys.ts';
import { normalizeNames } from '../../acme/names.ts';
import type { CertificateSettings, HookSettings } from '../../acme/storage.ts';
import { parseAssignments } from '../../dns/assignments.ts';
import { ConfigError } from '../../errors.ts';
import type { CommandContext } from '../main.ts';
import type { Options } from '../options.ts';
import { type CertificatePlan, complete, ofRequest, readCsrFile } from './plan.ts';

/** The plan that the command line and the environment make, for `run`. Reads files, and no network. */
export async function planFromOptions(context: CommandContext): Promise<CertificatePlan> {
  const { options, io } = context;
  const csr = options.csr === undefined ? undefined : await readCsrFile(resolve(io.cwd, options.csr));
  if (csr && options.domains.length > 0) {
    throw new ConfigError('--csr and --domains do not go together: the request names the domains', {
      hint: 'leave one of them out',
    });
  }
  if (csr && options.privateKey !== undefined) {
    throw new ConfigError('--csr and --private-key do not go together: the request has a key of its own', {
      hint: 'leave one of them out',
    });
  }
  const names = normalizeNames(csr?.names ?? options.domains);
  parseAssignments(options.dns);
  const keyFile = options.privateKey === undefined ? undefined : resolve(io.cwd, options.privateKey);
  const settings: CertificateSettings = {
    ...settingsOf(options, io.cwd),
    names,
    dns: options.dns,
    servers: options.servers,
    directoryUrl: '',
    accountId: options.accountId ?? options.email ?? NO_EMAIL,
    keyType: parseKeyType(options.keyType),
    ...(csr ? ofRequest(csr) : {}),
    ...(keyFile === undefined ? {} : { privateKeyFile: keyFile }),
  };
  return complete(options.certName ?? names[0] ?? '', settings, csr, context);
}

/** What the flags say of a certificate, without what every certificate has for itself. */
export function settingsOf(options: Options, cwd: string) {
  const { pem, pfx, pfxFormat, certMode, certOwner, preHook, deployHook, postHook } = options;
  const { propagationWait, disableAns, rns } = options;
  const files = {
    ...(pem ? { pem } : {}),
    ...(pfx ? { pfx: pfxFormat } : {}),
    ...(certMode === undefined ? {} : { mode: certMode }),
    ...(certOwner === undefined ? {} : { owner: certOwner }),
  };
  const hooks: HookSettings = {
    ...(preHook ? { pre: preHook } : {}),
    ...(deployHook ? { deploy: deployHook } : {}),
    ...(postHook ? { post: postHook } : {}),
  };
  const propagation = {
    ...(propagationWait === undefined ? {} : { waitMs: propagationWait }),
    ...(disableAns ? { authoritative: false } : {}),
    ...(rns ? { recursive: true } : {}),
  };
  return {
    profile: options.profile,
    preferredChain: options.preferredChain,
    mustStaple: options.mustStaple,
    bundle: !options.noBundle,
    ...(options.disableCn ? { commonName: false } : {}),
    ...(options.reuseKey ? { reuseKey: true } : {}),
    ...(options.renewDays === undefined ? {} : { renewDays: options.renewDays }),
    ...(options.resolvers.length > 0 ? { resolvers: options.resolvers } : {}),
    ...(Object.keys(propagation).length > 0 ? { propagation } : {}),
    ...(options.caCertificates.length > 0
      ? { caCertificates: options.caCertificates.map((file) => resolve(cwd, file)) }
      : {}),
    ...(Object.keys(files).length > 0 ? { files } : {}),
    ...(Object.keys(hooks).length > 0 ? { hooks: { cwd, ...hooks } } : {}),
  };
}
