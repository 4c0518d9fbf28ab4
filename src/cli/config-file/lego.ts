import { resolve } from 'node:path';
import { parsePfxFormat } from '../../acme/extra-files.ts';
import { type KeyType, parseKeyType } from '../../acme/keys.ts';
import { fileNameOf } from '../../acme/storage.ts';
import type { AccountConfig, CertificateConfig, ConfigContent } from './config.ts';
import type { ConfigDocument } from './document.ts';
import { judgeCsr, judgeDomains, judgeHooks, nameOf } from './judge-certificate.ts';
import { attempt, type Judging, judgeSource, refer, type Table } from './judging.ts';
import { judgeLegoAccount } from './lego-account.ts';
import { type Challenge, judgeChallenge } from './lego-challenge.ts';
import { type LegoContent, legoFile } from './lego-file.ts';
import { refuseSharedFiles } from './read-quoin.ts';
import { keysOf, type Tree } from './tree.ts';

type CertificateEntry = LegoContent['certificates'][number];

interface Surroundings {
  readonly accounts: Table<AccountConfig>;
  readonly challenges: Table<Challenge>;
  readonly hooks: Pick<CertificateConfig, 'hooks' | 'hookTimeouts'>;
}

/** lego 5's `.lego.yml`: the same certificates, in the same store. */
export async function readLegoFile(document: ConfigDocument, judging: Judging): Promise<ConfigContent> {
  const tree: Tree = document.tree ?? { kind: 'map', at: 0, entries: [] };
  const read = legoFile.read(tree, document);
  const servers = new Map((read?.servers ?? []).map(({ name, value }) => [name, value.url]));
  const accounts = (read?.accounts ?? []).map((entry) => judgeLegoAccount(entry, servers, judging));
  const challenges = new Map<string, Challenge | undefined>();
  const prefixes = new Set<string>();
  for (const entry of read?.challenges ?? [])
    challenges.set(entry.name, await judgeChallenge(entry, prefixes, judging));
  const surroundings: Surroundings = {
    accounts: { known: new Map(accounts.map((one) => [one.name, one])), names: keysOf(tree, 'accounts') },
    challenges: { known: challenges, names: keysOf(tree, 'challenges') },
    hooks: judgeLegoHooks(read?.hooks, judging.folder),
  };
  const found: { at: number; certificate: CertificateConfig }[] = [];
  for (const entry of read?.certificates ?? []) {
    const certificate = await judgeCertificate(entry, surroundings, judging);
    if (certificate) found.push({ at: entry.nameAt, certificate });
  }
  refuseSharedFiles(found, judging);
  return {
    store: resolve(judging.folder, read?.storage ?? '.lego'),
    accounts,
    certificates: found.map(({ certificate }) => certificate),
  };
}

async function judgeCertificate(
  { name: given, nameAt: at, value }: CertificateEntry,
  { accounts, challenges, hooks }: Surroundings,
  judging: Judging,
): Promise<CertificateConfig | undefined> {
  const { domains, csr, keyType, renew, pfx } = value;
  if (csr && domains) judging.tell(csr.at, 'the names are those in the request: leave out domains');
  const request = csr
    ? await judgeCsr(csr, judging)
    : { domains: judgeDomains(domains ?? [], at, judging), csrPem: undefined };
  if (challenges.names.length === 0)
    judging.tell(at, 'there are no challenges: lego proves names by DNS-01 only with one');
  const challenge = refer('challenge', value.challenge, at, challenges, judging);
  const account = refer('account', value.account, at, accounts, judging);
  const type = keyType && attempt(() => parseKeyType(keyType.value), keyType.at, judging);
  const format = pfx && attempt(() => parsePfxFormat(pfx.format.value, 'format'), pfx.format.at, judging);
  const name = request?.domains && nameOf(given, request.domains);
  if (!request?.domains || name === undefined || !challenge) return undefined;
  if (attempt(() => fileNameOf(name), at, judging) === undefined) return undefined;
  return {
    name,
    place: judging.placeOf(at),
    domains: request.domains,
    csrPem: request.csrPem,
    account,
    dns: [challenge.dns],
    // In lego a certificate's key is of the type of its account's, unless it says otherwise.
    keyType: type ?? account?.keyType ?? ('ec256' satisfies KeyType),
    profile: value.profile,
    preferredChain: value.preferredChain,
    mustStaple: value.mustStaple ?? false,
    bundle: !value.noBundle,
    commonName: value.enableCommonName ?? false,
    reuseKey: renew?.reuseKey ?? false,
    renewDays: renew?.days || undefined,
    resolvers: challenge.resolvers,
    propagation: challenge.propagation,
    files: format && { pfx: format },
    pfxPassword: pfx?.password && judgeSource({ ...pfx.password, value: `plain:${pfx.password.value}` }, true, judging),
    ...hooks,
    hookEnv: [],
    noRandomSleep: renew?.disableRandomSleep,
  };
}

/** They are the same for all certificates, and run without a shell: words are separated by white space, and nothing else counts. */
function judgeLegoHooks(hooks: LegoContent['hooks'] | undefined, folder: string): Surroundings['hooks'] {
  const words = (command: string | undefined) => command?.split(/\s+/u).filter(Boolean);
  const { pre, deploy, post } = hooks ?? {};
  return {
    hooks: judgeHooks({ pre: words(pre?.command), deploy: words(deploy?.command), post: words(post?.command) }, folder),
    hookTimeouts: { pre: pre?.timeout, deploy: deploy?.timeout, post: post?.timeout },
  };
}
