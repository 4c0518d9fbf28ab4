import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { readCsr } from '../../acme/csr.ts';
import { normalizeNames } from '../../acme/names.ts';
import { fileNameOf, type HookCommand, type HookSettings } from '../../acme/storage.ts';
import { parseAssignments } from '../../dns/assignments.ts';
import { resolverEndpoint } from '../../dns/resolver-endpoint.ts';
import { ConfigError } from '../../errors.ts';
import { errorCode } from '../../files.ts';
import type { AccountConfig, CertificateConfig, DnsChoice } from './config.ts';
import type { FindProvider } from './judge-provider.ts';
import { attempt, type Judging, judgeSource, refer, type Table } from './judging.ts';
import type { CertificateEntry } from './quoin-file.ts';
import type { Located } from './shape.ts';

/** As it would be typed after `--dns`. */
export const typedDns = ({ domain, provider }: DnsChoice): string =>
  domain === undefined ? provider.spec : `${domain}=${provider.spec}`;

/** What certificates refer to. */
export interface Surroundings {
  readonly accounts: Table<AccountConfig>;
  readonly findProvider: FindProvider;
}

/** Where a certificate stands, and what it is called there; in a list it need not have a name. */
export interface Heading {
  readonly name?: string | undefined;
  readonly at: number;
}

export async function judgeCertificate(
  entry: CertificateEntry,
  { name: given, at }: Heading,
  surroundings: Surroundings,
  judging: Judging,
): Promise<CertificateConfig | undefined> {
  const { tell, placeOf, folder } = judging;
  const request = await judgeRequest(entry, { name: given, at }, judging);
  const account = refer('account', entry.account, at, surroundings.accounts, judging);
  const dns = await judgeDns(entry, at, surroundings, judging);
  const pfxPassword = entry.files?.pfx && judgeSource(entry.files.pfx.password, true, judging);
  if (entry.reuseKey && entry.privateKey)
    tell(entry.privateKey.at, 'a key of your own is used every time: leave out reuseKey');
  if (!request) return undefined;

  const { domains } = request;
  const name = nameOf(given, domains);
  if (attempt(() => fileNameOf(name), at, judging) === undefined) return undefined;
  const { files, hooks, propagation } = entry;
  return {
    name,
    place: placeOf(at),
    domains,
    csrPem: request.csrPem,
    privateKeyFile: entry.privateKey && resolve(folder, entry.privateKey.value),
    account,
    dns,
    keyType: entry.keyType ?? 'ec256',
    profile: entry.profile,
    preferredChain: entry.preferredChain,
    mustStaple: entry.mustStaple ?? false,
    bundle: entry.bundle ?? true,
    commonName: entry.commonName ?? true,
    reuseKey: entry.reuseKey ?? false,
    renewDays: entry.renewDays,
    resolvers: entry.resolvers && judgeResolvers(entry.resolvers, judging),
    propagation: propagation && {
      waitMs: propagation.wait,
      authoritative: propagation.authoritative,
      recursive: propagation.recursive,
    },
    files: files && {
      pem: files.pem,
      pfx: files.pfx && (files.pfx.format ?? 'SHA256'),
      mode: files.mode?.replace(/^0o?/u, ''),
      owner: files.owner,
    },
    pfxPassword,
    hooks: hooks && judgeHooks(hooks, folder),
    hookEnv: hooks?.env ?? [],
  };
}

/** Looked at only: nothing is asked. */
export function judgeResolvers(resolvers: readonly Located<string>[], judging: Judging): readonly string[] {
  for (const { value, at } of resolvers) attempt(() => resolverEndpoint(value, { timeoutMs: 1 }), at, judging);
  return resolvers.map(({ value }) => value);
}

/** A program beside the file is found there, wherever quoin runs when the hook is due. */
export function judgeHooks({ pre, deploy, post }: HookSettings, folder: string): HookSettings {
  const absolute = (command: HookCommand | undefined): HookCommand | undefined => {
    if (command === undefined || typeof command === 'string') return command;
    const [program = '', ...args] = command;
    return [/^\.{1,2}[/\\]/u.test(program) ? resolve(folder, program) : program, ...args];
  };
  return { pre: absolute(pre), deploy: absolute(deploy), post: absolute(post) };
}

/** The names, of `domains`, the request, or the name of the entry. */
async function judgeRequest(
  { domains, csr, privateKey }: CertificateEntry,
  { name, at }: Heading,
  judging: Judging,
): Promise<{ domains: readonly string[]; csrPem?: string } | undefined> {
  const { tell } = judging;
  if (csr) {
    if (domains) tell(csr.at, 'the names are those in the request: leave out domains');
    if (privateKey) tell(privateKey.at, 'the request has a key: leave out privateKey');
    return judgeCsr(csr, judging);
  }
  if (!domains && name === undefined) {
    tell(at, 'domains are missing');
    return undefined;
  }
  const all = judgeDomains(domains ?? [{ value: name ?? '', at }], at, judging);
  return all && { domains: all };
}

/** CAs take a hundred, some a few hundred. */
const MOST_NAMES = 1000;

export function judgeDomains(
  domains: readonly Located<string>[],
  at: number,
  judging: Judging,
): readonly string[] | undefined {
  const [first] = domains;
  if (domains.length > MOST_NAMES) {
    judging.tell(at, `more than ${MOST_NAMES} names are in no certificate`);
    return undefined;
  }
  if (!first) judging.tell(at, 'domains are missing');
  const each = domains.map((domain) => attempt(() => normalizeNames([domain.value]), domain.at, judging));
  if (!first || each.includes(undefined)) return undefined;
  return attempt(() => normalizeNames(domains.map(({ value }) => value)), first.at, judging);
}

export async function judgeCsr(csr: Located<string>, { tell, folder }: Judging) {
  const path = resolve(folder, csr.value);
  try {
    const { der, names } = await readCsr(await readFile(path), path);
    const body = der.toString('base64').replace(/.{64}(?=.)/gu, '$&\n');
    return {
      domains: normalizeNames(names),
      csrPem: `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`,
    };
  } catch (error) {
    tell(csr.at, error instanceof ConfigError ? error.message : `${path} cannot be read (${errorCode(error)})`);
    return undefined;
  }
}

/** `Example.com` is a way to write `example.com`; any other name is what the user wants to see. */
export function nameOf(given: string | undefined, domains: readonly string[]): string {
  const [first = ''] = domains;
  if (given === undefined) return first;
  try {
    const [plain = ''] = normalizeNames([given]);
    return domains.includes(plain) ? plain : given;
  } catch {
    return given;
  }
}

async function judgeDns(
  { dns }: CertificateEntry,
  at: number,
  { findProvider }: Surroundings,
  judging: Judging,
): Promise<DnsChoice[]> {
  if (!dns) {
    judging.tell(at, 'dns is missing: name a provider, here or in defaults');
    return [];
  }
  const entries = Array.isArray(dns) ? dns : [{ name: DEFAULT, nameAt: at, value: dns as Located<string> }];
  const choices: DnsChoice[] = [];
  for (const { name, nameAt, value } of entries) {
    const provider = await findProvider(value);
    const domain =
      name === DEFAULT ? undefined : attempt(() => normalizeNames([name.replace(/^\*\./u, '')])[0], nameAt, judging);
    if (provider) choices.push({ domain, provider });
  }
  if (choices.length > 0) attempt(() => parseAssignments(choices.map(typedDns)), entries[0]?.nameAt ?? at, judging);
  return choices;
}

/** The key of a map of domains that stands for all others; a domain that can be certified has a dot. */
const DEFAULT = 'default';
