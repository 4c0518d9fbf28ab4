import { join } from 'node:path';
import { StorageError } from '../../errors.ts';
import { NO_EMAIL } from '../account.ts';
import { directories } from '../directories.ts';
import type { HookSettings } from '../storage.ts';
import { buildCertificate, type Pems, type Wishes } from './build.ts';
import { accountKey, certbotDirectory, readAccounts } from './certbot-accounts.ts';
import { daysOf, parseRenewalConf } from './certbot-conf.ts';
import { certbotPlugins } from './certbot-providers.ts';
import {
  addCredentials,
  attempt,
  type Findings,
  type Found,
  type ImportHints,
  namesThere,
  noFindings,
  shown,
  sourceNames,
  sourceText,
} from './found.ts';

/** A certificate of certbot's, with what its file in `renewal/` says. */
interface Lineage {
  readonly name: string;
  readonly file: string;
  /** What stands before the sections: the names of its files, elsewhere where the folder was moved or copied. */
  readonly files: ReadonlyMap<string, string>;
  readonly params: ReadonlyMap<string, string>;
  /** Absent: not known. */
  readonly directory: string | undefined;
  readonly notes: string[];
}

/** `/etc/letsencrypt`: `accounts/`, `renewal/`, and `live/` with its links into `archive/`. */
export async function readCertbot(root: string, hints: ImportHints): Promise<Found> {
  const found = noFindings();
  const lineages = await readLineages(root, found);
  const used = new Set(
    lineages.map(({ directory, params }) => accountKey(directory ?? '', params.get('account') ?? '')),
  );
  const ids = await readAccounts(root, hints, (key) => used.has(key), found);
  for (const lineage of lineages) {
    const from = join(root, 'live', lineage.name);
    await attempt(from, found.problems, async () => {
      const pems = await readPems(root, lineage);
      const { name, notes } = lineage;
      const wishes = wishesOf(lineage, hints, ids, found);
      found.certificates.push(buildCertificate({ from, name, pems, url: '', wishes, notes }, hints));
    });
  }
  for (const kind of ['pre', 'deploy', 'post']) {
    const folder = join(root, 'renewal-hooks', kind);
    for (const script of await namesThere(folder))
      found.notes.push(`${join(folder, script)} ran for every certificate; quoin does not run it: see --${kind}-hook`);
  }
  return found;
}

async function readLineages(root: string, found: Findings): Promise<Lineage[]> {
  const folder = join(root, 'renewal');
  const confs = (await attempt(folder, found.problems, () => sourceNames(folder))) ?? [];
  const names = confs.flatMap((file) => (file.endsWith('.conf') ? [file.slice(0, -'.conf'.length)] : []));
  const lineages: Lineage[] = [];
  for (const name of names) {
    const lineage = await attempt(join(folder, `${name}.conf`), found.problems, () => readLineage(root, name));
    if (lineage) lineages.push(lineage);
  }
  for (const name of (await attempt(join(root, 'live'), found.problems, () => sourceNames(join(root, 'live')))) ?? []) {
    if (name === 'README' || name.startsWith('.') || names.includes(name)) continue;
    const notes = [`certbot has no renewal/${name}.conf: it was not renewed there`];
    const file = join(folder, `${name}.conf`);
    lineages.push({ name, file, files: new Map(), params: new Map(), directory: undefined, notes });
  }
  return lineages;
}

async function readLineage(root: string, name: string): Promise<Lineage> {
  const file = join(root, 'renewal', `${name}.conf`);
  const conf = parseRenewalConf((await sourceText(file)) ?? '');
  const params = conf.get('renewalparams') ?? new Map<string, string>();
  const notes: string[] = [];
  if (params.size === 0) notes.push(`${file} says nothing about the renewal`);
  if (params.get('autorenew') === 'False') notes.push('certbot was told not to renew it; quoin renew does');
  const installer = params.get('installer');
  if (installer)
    notes.push(`certbot put it into the configuration of ${shown(installer)}: change the paths of its files there`);
  const server = params.get('server') ?? directories.letsencrypt ?? '';
  const directory = params.size === 0 ? undefined : certbotDirectory(server);
  return { name, file, files: conf.get('') ?? new Map(), params, directory, notes };
}

/** By the links in `live/`; else where the renewal file says. */
async function readPems(root: string, { name, files }: Lineage): Promise<Pems> {
  const pathOf = (kind: string) => join(root, 'live', name, `${kind}.pem`);
  const read = async (kind: string): Promise<string | undefined> => {
    const other = files.get(kind);
    return (await sourceText(pathOf(kind))) ?? (other === undefined ? undefined : sourceText(other));
  };
  const [full, cert, chain, key] = [
    await read('fullchain'),
    await read('cert'),
    await read('chain'),
    await read('privkey'),
  ];
  const certificate = full ?? (cert === undefined ? undefined : `${cert}\n${chain ?? ''}`);
  if (certificate === undefined || key === undefined) {
    throw new StorageError(`${pathOf(certificate === undefined ? 'fullchain' : 'privkey')} is missing`, {
      hint: 'live/ has links into archive/: copy both, or import from the original folder',
    });
  }
  return { certificateFile: pathOf('fullchain'), certificate, issuer: chain, keyFile: pathOf('privkey'), key };
}

function wishesOf(
  { file, files, params, directory }: Lineage,
  hints: ImportHints,
  ids: ReadonlyMap<string, string>,
  { credentials }: Findings,
): Wishes {
  // Plugins of others used to have the name of their package in front: `certbot-dns-netcup:dns-netcup`.
  const plugin = (params.get('authenticator') ?? '').replace(/^.*:/u, '');
  const counterpart = Object.hasOwn(certbotPlugins, plugin) ? certbotPlugins[plugin] : undefined;
  if (counterpart) {
    const ini = params.get(`${plugin.replaceAll('-', '_')}_credentials`);
    addCredentials(credentials, plugin, ini === undefined ? file : shown(ini), counterpart);
  }
  const id = directory === undefined ? undefined : ids.get(accountKey(directory, params.get('account') ?? ''));
  const profile = params.get('required_profile') ?? params.get('preferred_profile');
  return {
    directoryUrl: directory,
    accountId: id ?? hints.email ?? NO_EMAIL,
    dns: counterpart ? [counterpart.code] : [],
    proof: plugin === '' ? undefined : `certbot's ${shown(plugin)}`,
    profile,
    preferredChain: params.get('preferred_chain'),
    mustStaple: params.get('must_staple') === 'True',
    reuseKey: params.get('reuse_key') === 'True',
    renewDays: daysOf(files.get('renew_before_expiry')),
    hooks: hooksOf(params),
  };
}

function hooksOf(params: ReadonlyMap<string, string>): HookSettings {
  const [pre, post] = [params.get('pre_hook'), params.get('post_hook')];
  const deploy = params.get('renew_hook') ?? params.get('deploy_hook');
  return { ...(pre ? { pre } : {}), ...(deploy ? { deploy } : {}), ...(post ? { post } : {}) };
}
