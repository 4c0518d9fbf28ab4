import { join } from 'node:path';
import { StorageError } from '../../errors.ts';
import { NO_EMAIL } from '../account.ts';
import { intentFolder } from '../certificate-set.ts';
import { directories, directoryUrl } from '../directories.ts';
import { type CertificateSettings, openStore, type StoredAccount } from '../storage.ts';
import { hostFolder } from '../store-names.ts';
import { buildCertificate, type Wishes } from './build.ts';
import {
  asOfSource,
  attempt,
  type Findings,
  type Found,
  type ImportHints,
  noFindings,
  ofSource,
  sourceNames,
  sourceText,
} from './found.ts';

/** A store of lego 4 or 5, which may be one of quoin's: read as quoin reads its own. */
export async function readLego(root: string, hints: ImportHints): Promise<Found> {
  const begun = (await sourceNames(intentFolder(root))).filter((name) => name.endsWith('.json'));
  if (begun.length > 0) {
    throw new StorageError(`${join(intentFolder(root), begun[0] as string)} is still to be put in place`, {
      hint: `finish what was begun: quoin show --path ${root} ${(begun[0] as string).slice(0, -'.json'.length)}`,
    });
  }
  const found = noFindings();
  await readAccounts(root, hints, found);
  await readCertificates(root, hints, found);
  return found;
}

async function readAccounts(root: string, hints: ImportHints, found: Findings): Promise<void> {
  const store = openStore(root);
  const listed = await attempt(join(root, 'accounts'), found.problems, () => ofSource(store.listAccounts()));
  const { accounts, problems } = listed ?? { accounts: [], problems: [] };
  for (const error of problems) found.problems.push({ from: join(root, 'accounts'), error: asOfSource(error) });
  const seen = new Set<string>();
  for (const account of accounts) {
    const known = account.directoryUrl !== '' ? account : await fromHints(account, hints);
    const address = known?.directoryUrl ?? account.url ?? '';
    const from = join(root, 'accounts', URL.canParse(address) ? hostFolder(address) : '', account.id);
    await attempt(from, found.problems, async () => {
      if (!known) throw unknownDirectory(account);
      const directory = directoryUrl(known.directoryUrl);
      if (seen.has(`${directory} ${known.id}`)) return;
      seen.add(`${directory} ${known.id}`);
      found.accounts.push({ from, account: { ...known, directoryUrl: directory }, notes: [] });
    });
  }

  /** lego 4 does not write down which directory an account is of; the folder tells its host. */
  async function fromHints({ id, keyPem }: StoredAccount, { servers }: ImportHints) {
    for (const server of servers) {
      const account = await store.loadAccount(server, id).catch(() => undefined);
      if (account?.keyPem === keyPem) return account;
    }
    return undefined;
  }
}

const unknownDirectory = ({ id, url }: StoredAccount): StorageError =>
  new StorageError(`lego did not note the CA directory of account ${id}${url ? ` (${url})` : ''}`, {
    hint: 'name it with --server and import again',
  });

async function readCertificates(root: string, hints: ImportHints, found: Findings): Promise<void> {
  const store = openStore(root);
  for (const file of await attemptNames(root, found)) {
    const from = store.paths(file).certificate;
    await attempt(from, found.problems, async () => {
      const stored = await ofSource(store.readCertificate(file));
      if (!stored) return;
      const { name, url, settings } = stored;
      const at = store.paths(file);
      const notes: string[] = [];
      const pems = {
        ...{ certificateFile: at.certificate, certificate: stored.certificatePem, issuer: stored.issuerPem },
        ...{ keyFile: at.key, key: stored.keyPem },
      };
      const metadata = await sourceText(at.metadata);
      const wishes = settings ? wishesOf(settings) : wishesFor(url, metadata, hints, found, notes);
      found.certificates.push(buildCertificate({ from, name, pems, url, settings, wishes, notes }, hints));
    });
  }
}

/** Unreadable folders are one problem, not one for each of their files. */
const attemptNames = async (root: string, found: Findings): Promise<readonly string[]> =>
  (await attempt(join(root, 'certificates'), found.problems, async () => {
    await sourceNames(join(root, 'certificates'));
    return openStore(root).listCertificates();
  })) ?? [];

const wishesOf = ({ directoryUrl, accountId, dns, hooks }: CertificateSettings): Wishes => ({
  ...{ directoryUrl, accountId, dns },
  ...(hooks ? { hooks } : {}),
});

/** The CA is that of the account whose host is in the certificate's URL; lego 4 and 5 write nothing else down. */
function wishesFor(
  url: string,
  metadata: string | undefined,
  hints: ImportHints,
  { accounts }: Findings,
  notes: string[],
): Wishes {
  const host = URL.canParse(url) ? new URL(url).host : undefined;
  const all = accounts.map(({ account }) => account);
  const there = all.filter((one) => new URL(one.directoryUrl).host === host);
  // A CA may have its certificates on another host than its directory.
  const only = all.length === 1 ? all[0] : undefined;
  const account = there.find(({ id }) => id === hints.email) ?? there[0] ?? only;
  if (there.length > 1)
    notes.push(
      `there are ${there.length} accounts at ${host}: ${account?.id} is recorded; choose another with --email`,
    );
  const { profile, preferredChain } = extras(metadata);
  return {
    directoryUrl: account?.directoryUrl ?? hints.servers.find((one) => new URL(one).host === host) ?? knownAt(host),
    accountId: account?.id ?? hints.email ?? NO_EMAIL,
    dns: [],
    profile,
    preferredChain,
  };
}

const knownAt = (host: string | undefined): string | undefined =>
  Object.values(directories).find((known) => new URL(known).host === host);

/** Of lego 5. What cannot be read has been complained about by the store. */
function extras(metadata: string | undefined): { profile?: string | undefined; preferredChain?: string | undefined } {
  const found = JSON.parse(metadata ?? '{}') as Readonly<Record<string, unknown>>;
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  return { profile: text(found.profile), preferredChain: text(found.preferredChain) };
}
