import { NO_EMAIL } from '../../acme/account.ts';
import type { CertificateSettings } from '../../acme/storage.ts';
import { legoKeyType } from '../../acme/stored-keys.ts';
import { ConfigError, isAppError } from '../../errors.ts';
import { resolveOwner } from '../certificates/files.ts';
import { settingsOf } from '../certificates/from-options.ts';
import { type CertificatePlan, complete, parseCsr } from '../certificates/plan.ts';
import { rootsOf } from '../compose.ts';
import type { CommandContext } from '../main.ts';
import type { CertificateConfig, ConfigFile } from './config.ts';
import { typedDns } from './judge-certificate.ts';

/** A certificate of the file, and its plan as far as it can be made without secrets: enough to see whether it is due. */
export interface Draft {
  readonly config: CertificateConfig;
  readonly plan: CertificatePlan;
}

/**
 * Makes the plans of all certificates. What the file leaves open about a network (resolvers, propagation, roots) flags and
 * environment tell, and about the account where the file has none; about certificates the file tells all.
 * @throws ConfigError with everything that is wrong with keys, requests, owners and roots
 */
export async function draftPlans(
  { file, folder, certificates }: ConfigFile,
  context: CommandContext,
): Promise<Draft[]> {
  const owners = new Map<string, ReturnType<typeof resolveOwner>>();
  const drafts: Draft[] = [];
  const problems: string[] = [];
  for (const config of certificates) {
    try {
      drafts.push({ config, plan: await draftPlan(config, folder, context, owners) });
    } catch (error) {
      if (!isAppError(error)) throw error;
      problems.push(`${config.place}: ${config.name}: ${error.message}`);
    }
  }
  if (problems.length === 0) return drafts;
  const [only = ''] = problems;
  throw new ConfigError(
    problems.length === 1 ? only : [`${file} has ${problems.length} problems`, ...problems].join('\n'),
  );
}

async function draftPlan(
  config: CertificateConfig,
  folder: string,
  context: CommandContext,
  owners: Map<string, ReturnType<typeof resolveOwner>>,
): Promise<CertificatePlan> {
  const { name, csrPem, account } = config;
  const csr = csrPem === undefined ? undefined : await parseCsr(Buffer.from(csrPem), name);
  const settings = settingsFor(config, folder, context);
  if (csr) settings.keyType = legoKeyType(csr.publicKey).toLowerCase();
  const { owner, ...files } = settings.files ?? {};
  const own = { email: account?.email, acceptTos: account?.acceptTos || context.options.acceptTos, eab: false };
  const options = {
    ...context.options,
    pfxPassword: undefined,
    ...(account ? { ...own, kid: undefined, hmac: undefined } : {}),
  };
  // Whom an owner's name stands for is asked once, not for each of a thousand certificates.
  const plan = await complete(name, { ...settings, files }, csr, { ...context, options });
  rootsOf({ ...context, options: { ...options, caCertificates: [...plan.caCertificates] } });
  const { hookTimeouts: usual } = plan;
  const { pre, deploy, post } = config.hookTimeouts ?? {};
  const asked = owner === undefined ? undefined : (owners.get(owner) ?? resolveOwner(owner));
  if (owner !== undefined && asked) owners.set(owner, asked);
  return {
    ...plan,
    settings: { ...plan.settings, files: settings.files },
    account: { ...plan.account, keyType: account?.keyType ?? plan.account.keyType },
    owner: await asked,
    hookEnv: [...plan.hookEnv, ...config.hookEnv],
    hookTimeouts: { pre: pre ?? usual.pre, deploy: deploy ?? usual.deploy, post: post ?? usual.post },
  };
}

function settingsFor(
  config: CertificateConfig,
  folder: string,
  { options, io }: CommandContext,
): { -readonly [K in keyof CertificateSettings]: CertificateSettings[K] } {
  const { account, files, hooks, propagation } = config;
  const { resolvers, propagation: usual, caCertificates } = settingsOf(options, io.cwd);
  const roots = account && account.caCertificates.length > 0 ? account.caCertificates : caCertificates;
  return withoutNothing({
    names: config.domains,
    directoryUrl: '',
    servers: account?.servers ?? options.servers,
    accountId: account?.id ?? options.accountId ?? options.email ?? NO_EMAIL,
    dns: config.dns.map(typedDns),
    keyType: config.keyType,
    profile: config.profile,
    preferredChain: config.preferredChain,
    mustStaple: config.mustStaple,
    bundle: config.bundle,
    commonName: config.commonName ? undefined : false,
    reuseKey: config.reuseKey || undefined,
    csrPem: config.csrPem,
    privateKeyFile: config.privateKeyFile,
    renewDays: config.renewDays,
    resolvers: config.resolvers ?? resolvers,
    propagation: propagation ? withoutNothing(propagation) : usual,
    caCertificates: roots,
    files: files && withoutNothing(files),
    hooks: hooks && withoutNothing({ cwd: folder, ...hooks }),
  });
}

/** What is not given is not there: records are compared, and read by people. */
const withoutNothing = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;
