import { ensureAccount, NO_EMAIL, parseHmacKey } from '../../acme/account.ts';
import { type CertificateInfo, describeCertificate, isDue } from '../../acme/certificate.ts';
import { type AcmeOptions, fetchDirectory } from '../../acme/client.ts';
import { directoryUrl } from '../../acme/directories.ts';
import { issueCertificate } from '../../acme/issue.ts';
import { parseKeyType } from '../../acme/keys.ts';
import { normalizeNames } from '../../acme/names.ts';
import type { Dns01 } from '../../acme/ports.ts';
import { type CertificateSettings, fileNameOf, type Store, type StoredCertificate } from '../../acme/storage.ts';
import { findLeftovers, openJournal } from '../../dns/journal.ts';
import type { Provider } from '../../dns/kit/contract.ts';
import { resolveProvider } from '../../dns/resolve.ts';
import { readSettings, tuningSchema } from '../../dns/settings.ts';
import { createSolver, removeLeftovers } from '../../dns/solver.ts';
import { ConfigError, StorageError } from '../../errors.ts';
import { createTransport } from '../../http.ts';
import { lookupOf, rootsOf, sessionOf, storeOf } from '../compose.ts';
import type { CommandContext, Outcome } from '../main.ts';
import type { Options } from '../options.ts';

/** Obtains the certificate, or renews it when it is due or its settings changed. */
export async function run(context: CommandContext): Promise<Outcome> {
  const { options, io, log, redactor } = context;
  const { signal } = io;
  const plan = await readPlan(context);
  readSettings(plan.provider, io.env, (secret) => redactor.hide(secret));
  const store = storeOf(context);
  await store.probe();

  const lock = await store.lockCertificate(plan.name, { log, signal });
  try {
    const stored = await store.readCertificate(plan.name);
    const why = stored ? reasonToRenew(stored, plan.settings, options) : 'there is none yet';
    if (stored && why === undefined) return outcome(stored, 'unchanged', store);
    log.debug(`${plan.name}: obtaining a certificate, because ${why}`);
    const issued = await obtain(plan, store, context);
    await store.writeCertificate(issued);
    await store.removePending(plan.name);
    return outcome(issued, stored ? 'renewed' : 'issued', store);
  } finally {
    await lock.release();
  }
}

interface Plan {
  /** Of the certificate in the store: the first name. */
  readonly name: string;
  readonly settings: CertificateSettings;
  readonly provider: Provider;
  readonly eab: { readonly kid: string; readonly hmacKey: string } | undefined;
}

/** Everything that can be checked before the network is touched. */
async function readPlan({ options, io }: CommandContext): Promise<Plan> {
  const names = normalizeNames(options.domains);
  const [name] = names as [string];
  fileNameOf(name);
  if (!options.dns)
    throw new ConfigError('no DNS provider was given', { hint: 'name one with --dns; quoin dnshelp lists them' });
  const settings: CertificateSettings = {
    names,
    directoryUrl: directoryUrl(options.server),
    accountId: options.email ?? NO_EMAIL,
    dns: options.dns,
    keyType: parseKeyType(options.keyType),
    profile: options.profile,
    preferredChain: options.preferredChain,
    mustStaple: options.mustStaple,
    bundle: !options.noBundle,
  };
  return { name, settings, provider: await resolveProvider(options.dns, io.cwd), eab: externalAccount(options) };
}

function externalAccount({ eab, kid, hmac }: Options): Plan['eab'] {
  if (!eab && !kid && !hmac) return undefined;
  if (!kid || !hmac)
    throw new ConfigError(`--eab needs ${kid ? '--hmac' : hmac ? '--kid' : '--kid and --hmac'}`, {
      hint: 'both come from the CA',
    });
  return { kid, hmacKey: parseHmacKey(hmac) };
}

function readInfo({ name, certificatePem }: StoredCertificate): CertificateInfo {
  try {
    return describeCertificate(certificatePem);
  } catch (cause) {
    throw new StorageError(`the stored certificate ${name} is damaged: ${(cause as Error).message}`, {
      cause,
      hint: 'restore it from a backup, or obtain a new one with --renew-force',
    });
  }
}

/** Why the stored certificate will not do; undefined when it will. */
function reasonToRenew(stored: StoredCertificate, wanted: CertificateSettings, options: Options): string | undefined {
  if (options.renewForce) return '--renew-force was given';
  if (!stored.keyPem) return 'its private key is missing';
  const info = readInfo(stored);
  if ([...info.names].sort().join(' ') !== [...wanted.names].sort().join(' ')) return 'the names changed';
  const had = stored.settings;
  const compared = ['directoryUrl', 'keyType', 'profile', 'preferredChain', 'mustStaple', 'bundle'] as const;
  const changed = had && compared.find((key) => had[key] !== wanted[key]);
  if (changed) return `${changed} changed`;
  return isDue(info, new Date(), options.renewDays) ? `it ends on ${info.notAfter.toISOString()}` : undefined;
}

async function obtain(plan: Plan, store: Store, context: CommandContext): Promise<StoredCertificate> {
  const { options, io, log } = context;
  const { signal } = io;
  const { settings, provider } = plan;
  const roots = rootsOf(context);
  const transport = createTransport({
    log,
    env: io.env,
    timeoutMs: options.httpTimeout,
    ...(roots ? { caCertificates: roots } : {}),
  });
  const acmeOptions: AcmeOptions = { transport, log, signal, maxWaitMs: options.maxWait };
  const lookup = lookupOf(context);
  // Wrong credentials show when the session is opened: before the CA is asked for anything.
  const session = await sessionOf(provider, lookup, context);
  try {
    const leftovers = await findLeftovers(store.journalFolder, log);
    try {
      await removeLeftovers(leftovers, settings.dns, session, log);
    } finally {
      for (const found of leftovers) await found.close();
    }
    const acme = await connect(plan, store, acmeOptions, options);
    const journal = await openJournal(store.journalFolder);
    try {
      const prefix = tuningSchema(provider.tuning).propagationTimeout.names[0] ?? '';
      const dns: Dns01 = createSolver({
        session,
        provider: settings.dns,
        lookup,
        journal,
        propagation: {
          timeoutMs: session.tuning.propagationTimeout * 1000,
          intervalMs: session.tuning.pollingInterval * 1000,
          timeoutVariable: prefix,
          fixedWaitMs: options.propagationWait,
          authoritative: !options.disableAns,
          recursive: options.rns,
        },
        log,
        signal,
      });
      const request = { name: plan.name, settings, commonName: !options.disableCn, timeoutMs: options.certTimeout };
      return await issueCertificate(request, { acme, dns, store, log, signal });
    } finally {
      await journal.close();
    }
  } finally {
    await session.close();
  }
}

/** One account for all runs on this store: registered under its lock, so that two runs at once register one. */
async function connect({ settings, eab }: Plan, store: Store, acmeOptions: AcmeOptions, options: Options) {
  const { log, signal } = acmeOptions;
  log.waiting(`asking ${new URL(settings.directoryUrl).host} for its directory`);
  const directory = await fetchDirectory(settings.directoryUrl, acmeOptions);
  const lock = await store.lockAccount(settings.directoryUrl, settings.accountId, { log, signal });
  try {
    return await ensureAccount(
      {
        directory,
        id: settings.accountId,
        email: options.email,
        keyType: 'ec256',
        acceptTos: options.acceptTos,
        eab,
      },
      store,
      acmeOptions,
    );
  } finally {
    await lock.release();
  }
}

function outcome(stored: StoredCertificate, action: 'issued' | 'renewed' | 'unchanged', store: Store): Outcome {
  const { names, notBefore, notAfter, issuer, serial } = describeCertificate(stored.certificatePem);
  const paths = store.paths(stored.name);
  const days = Math.floor((notAfter.getTime() - Date.now()) / 86_400_000);
  const said = { issued: 'issued', renewed: 'renewed', unchanged: 'nothing is due for' }[action];
  return {
    json: { action, certificate: { name: stored.name, names, notBefore, notAfter, issuer, serial, paths } },
    text: [
      `${said} ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more names` : ''}`,
      `  valid until  ${notAfter.toISOString().slice(0, 10)} (${days} days), from ${issuer}`,
      `  certificate  ${paths.certificate}`,
      `  issuer       ${paths.issuer}`,
      `  key          ${paths.key}`,
      '',
    ].join('\n'),
  };
}
