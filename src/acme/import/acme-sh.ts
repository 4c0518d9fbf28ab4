import { isAbsolute, join, resolve } from 'node:path';
import { domainToASCII } from 'node:url';
import { NO_EMAIL } from '../account.ts';
import { describeCertificate, parseChain } from '../certificate.ts';
import { directoryUrl } from '../directories.ts';
import type { HookSettings } from '../storage.ts';
import { type AcmeShAccounts, readAccounts } from './acme-sh-accounts.ts';
import { parseShellConf } from './acme-sh-conf.ts';
import { acmeShHooks } from './acme-sh-providers.ts';
import { buildCertificate, type Pems, type Wishes } from './build.ts';
import {
  addCredentials,
  attempt,
  type Findings,
  type Found,
  type ImportHints,
  noFindings,
  shown,
  sourceNames,
  sourceText,
} from './found.ts';

type Conf = ReadonlyMap<string, string>;

/** A certificate: `example.com/` with an RSA key, `example.com_ecc/` with an EC key. */
interface Domain {
  readonly folder: string;
  readonly domain: string;
  readonly isEcc: boolean;
  readonly conf: Conf;
}

/** `~/.acme.sh`: account.conf, `ca/`, and a folder for each certificate, here or where CERT_HOME says. */
export async function readAcmeSh(root: string, hints: ImportHints): Promise<Found> {
  const found = noFindings();
  const accountConf = join(root, 'account.conf');
  const text = await attempt(accountConf, found.problems, () => sourceText(accountConf));
  const settings = parseShellConf(text ?? '');
  const domains = await readDomains(root, settings, found);
  const known = [...domains.map(({ conf }) => conf.get('Le_API')), settings.get('DEFAULT_ACME_SERVER')].flatMap(
    (url) => (url !== undefined && URL.canParse(url) ? [new URL(url).href] : []),
  );
  const accounts = await readAccounts(root, settings, known, hints, found);
  const both = new Set(domains.filter(({ isEcc }) => !isEcc).map(({ domain }) => domain));
  for (const one of domains) {
    await attempt(one.folder, found.problems, async () => {
      const { domain, isEcc, folder: from, conf } = one;
      const pems = await readPems(one);
      if (!pems) {
        found.notes.push(`${from} has no certificate yet`);
        return;
      }
      const notes: string[] = [];
      const wishes = wishesOf(one, pems, accounts, hints, notes);
      noteCredentials(one, accountConf, settings, found);
      // The names of acme.sh's folders, where one name has certificates with both kinds of keys.
      const name = `${ascii(domain)}${isEcc && both.has(domain) ? '_ecc' : ''}`;
      const url = conf.get('Le_LinkCert') ?? '';
      found.certificates.push(buildCertificate({ from, name, pems, url, wishes, notes }, hints));
    });
  }
  if (found.certificates.some(({ stored }) => stored.settings?.reuseKey))
    found.notes.push('acme.sh keeps the key of a certificate when it renews it: this is recorded, as --reuse-key');
  return found;
}

async function readDomains(root: string, settings: Conf, found: Findings): Promise<Domain[]> {
  const elsewhere = settings.get('CERT_HOME');
  const homes = [root, ...(elsewhere && isAbsolute(elsewhere) && resolve(elsewhere) !== root ? [elsewhere] : [])];
  const domains: Domain[] = [];
  for (const home of homes) {
    for (const name of (await attempt(home, found.problems, () => sourceNames(home))) ?? []) {
      const folder = join(home, name);
      const isEcc = name.endsWith('_ecc');
      const domain = isEcc ? name.slice(0, -'_ecc'.length) : name;
      if (!/[.:]/u.test(domain) || domain.startsWith('.')) continue;
      // Files have such names, too: acme.sh, account.conf, http.header.
      const text = await attempt(folder, found.problems, () =>
        sourceText(join(folder, `${domain}.conf`)).catch(notAFolder),
      );
      if (text !== undefined) domains.push({ folder, domain, isEcc, conf: parseShellConf(text) });
    }
  }
  return domains;
}

function notAFolder(error: unknown): undefined {
  const { cause } = error as { cause?: NodeJS.ErrnoException };
  if (cause?.code !== 'ENOTDIR') throw error;
}

const ascii = (domain: string): string =>
  domain.startsWith('*.') ? `*.${domainToASCII(domain.slice(2))}` : domainToASCII(domain) || domain;

/** undefined: acme.sh has none so far. */
async function readPems({ folder, domain }: Domain): Promise<Pems | undefined> {
  const [cer, keyFile] = [join(folder, `${domain}.cer`), join(folder, `${domain}.key`)];
  const full = await sourceText(join(folder, 'fullchain.cer'));
  const [leaf, issuer] = [await sourceText(cer), await sourceText(join(folder, 'ca.cer'))];
  if (full === undefined && leaf === undefined) return undefined;
  const certificate = full ?? `${leaf}\n${issuer ?? ''}`;
  const certificateFile = full === undefined ? cer : join(folder, 'fullchain.cer');
  return { certificateFile, certificate, issuer, keyFile, key: await sourceText(keyFile) };
}

function wishesOf(
  { conf }: Domain,
  pems: Pems,
  { ids, preferredChains }: AcmeShAccounts,
  hints: ImportHints,
  notes: string[],
): Wishes {
  const server = conf.get('Le_API');
  const directory = server === undefined ? undefined : directoryUrl(server);
  const days = Number(conf.get('Le_RenewalDays'));
  const chain = conf.get('Le_Preferred_Chain') ?? preferredChains.get(directory ?? '');
  const copied = ['Le_RealCertPath', 'Le_RealKeyPath', 'Le_RealCACertPath', 'Le_RealFullChainPath'].flatMap(
    (name) => conf.get(name) ?? [],
  );
  if (copied.length > 0) notes.push(`acme.sh copied its files to ${shown(copied.join(', '))}; quoin does not`);
  const deployed = conf.get('Le_DeployHook');
  if (deployed) notes.push(`acme.sh deployed it by ${shown(deployed)}; quoin does not`);
  return {
    ...providersOf(conf),
    directoryUrl: directory,
    accountId: ids.get(directory ?? '') ?? hints.email ?? NO_EMAIL,
    profile: conf.get('Le_Certificate_Profile'),
    preferredChain: chain === undefined ? undefined : rootNamed(chain, pems.certificate),
    reuseKey: conf.get('Le_ForceNewDomainKey') !== '1',
    // Positive ones count from the day of issuance.
    renewDays: days < 0 ? -days : undefined,
    hooks: hooksOf(conf),
  };
}

/** acme.sh takes any part of the name, in any case; quoin takes the name. */
function rootNamed(part: string, chainPem: string): string {
  const last = parseChain(chainPem).at(-1);
  const { issuer } = last ? describeCertificate(last.toString()) : { issuer: part };
  return issuer.toLowerCase().includes(part.toLowerCase()) ? issuer : part;
}

/** The hooks, in the order of the names; the last one goes on for the names that are left. */
function hookOfNames(conf: Conf): { readonly name: string; readonly hook: string }[] {
  const alt = conf.get('Le_Alt') ?? 'no';
  const names = [conf.get('Le_Domain') ?? '', ...(alt === 'no' ? [] : alt.split(','))].filter(Boolean);
  const hooks = (conf.get('Le_Webroot') ?? '').split(',');
  let hook = '';
  return names.map((name, index) => {
    hook = hooks[index] || hook;
    return { name: ascii(name).replace(/^\*\./u, ''), hook };
  });
}

const counterpartOf = (hook: string) => (Object.hasOwn(acmeShHooks, hook) ? acmeShHooks[hook] : undefined);

function providersOf(conf: Conf): Pick<Wishes, 'dns' | 'proof'> {
  const used = hookOfNames(conf).map(({ name, hook }) => ({ name, hook, code: counterpartOf(hook)?.code }));
  const strange = used.find(({ code }) => code === undefined);
  if (strange) return { dns: [], proof: proofOf(strange.hook) };
  const codes = new Set(used.map(({ code }) => code as string));
  return { dns: codes.size < 2 ? [...codes] : [...new Set(used.map(({ name, code }) => `${name}=${code}`))] };
}

const proofs = new Map([
  ['no', 'standalone mode'],
  ['alpn', 'ALPN'],
  ['dns', 'hand'],
]);

function proofOf(hook: string): string {
  if (hook.startsWith('/')) return 'webroot mode';
  return proofs.get(hook) ?? `acme.sh's ${shown(hook) || 'unknown mode'}`;
}

/** What is saved for a hook is in account.conf, for some in the certificate's own file. */
function noteCredentials({ conf, folder, domain }: Domain, accountConf: string, settings: Conf, found: Findings): void {
  for (const hook of new Set(hookOfNames(conf).map((one) => one.hook))) {
    const counterpart = counterpartOf(hook);
    if (!counterpart) continue;
    const own = hook === 'dns_acmedns';
    const saved = own ? conf : settings;
    const isSet = (names: readonly string[]) => names.some((name) => saved.has(`SAVED_${name}`) || saved.has(name));
    addCredentials(found.credentials, hook, own ? join(folder, `${domain}.conf`) : accountConf, counterpart, isSet);
  }
}

function hooksOf(conf: Conf): HookSettings {
  const [pre, post] = [conf.get('Le_PreHook'), conf.get('Le_PostHook')];
  const deploy = [conf.get('Le_RenewHook'), conf.get('Le_ReloadCmd')].filter((command) => command !== undefined);
  return {
    ...(pre ? { pre } : {}),
    ...(deploy.length > 0
      ? { deploy: deploy.length > 1 ? ['set -e', ...deploy].join('\n') : (deploy[0] as string) }
      : {}),
    ...(post ? { post } : {}),
  };
}
