import { isRegistered, type RegisteredAccount } from '../../../acme/account-lookup.ts';
import type { StoredAccount } from '../../../acme/storage.ts';
import { ConfigError } from '../../../errors.ts';
import { plainText } from '../../../plain-text.ts';
import { type Desk, throwFirst } from './desk.ts';

const MOST_LISTED = 20;

/** The registered account that is meant: that of the name (id or e-mail address), else the only one at the CA. */
export async function findRegistered(desk: Desk, name: string | undefined): Promise<RegisteredAccount> {
  const account = name === undefined ? await theOnly(desk) : await desk.store.loadAccount(desk.server, name);
  if (isRegistered(account)) return account;
  if (account) {
    throw new ConfigError(`account ${account.id} at ${hostOf(desk)} is not registered: there is a key only`, {
      hint: 'register it with quoin account register, or find out with quoin account recover whether the CA has it',
    });
  }
  throw new ConfigError(`there is no account ${name} at ${desk.server} in ${desk.store.root}`, {
    hint: await whatIsThere(desk),
  });
}

/** Without a name; registered ones count first. */
export async function theOnly(desk: Desk, wanted: (account: StoredAccount) => boolean = () => true) {
  const { accounts, problems } = await desk.store.accounts.at(desk.server);
  const candidates = accounts.filter(wanted);
  const registered = candidates.filter(isRegistered);
  const [only, ...others] = registered.length > 0 ? registered : candidates;
  if (!only || others.length > 0) throwFirst(problems);
  if (only && others.length === 0) return only;
  if (!only) {
    throw new ConfigError(`there is no account at ${desk.server} in ${desk.store.root}`, {
      hint: await whatIsThere(desk),
    });
  }
  throw new ConfigError(`there are ${others.length + 1} accounts at ${desk.server} in the store`, {
    hint: `name one with --account-id: ${listed([only, ...others].map(({ id }) => id))}`,
    facts: { accounts: [only, ...others].map(({ id }) => id) },
  });
}

async function whatIsThere({ store, server }: Desk): Promise<string> {
  const here = (await store.accounts.at(server)).accounts.map(({ id }) => id);
  if (here.length > 0) return `there are ${listed(here)}`;
  const elsewhere = (await store.listAccounts()).accounts.map(({ directoryUrl, url }) => directoryUrl || url || '');
  const servers = [...new Set(elsewhere.filter(Boolean))];
  if (servers.length === 0) return 'register one with quoin account register, or name another store with --path';
  return `register one with quoin account register, or name another CA with --server: ${listed(servers)}`;
}

const listed = (names: readonly string[]): string =>
  `${names
    .slice(0, MOST_LISTED)
    .map((name) => plainText(name, 100))
    .join(', ')}${names.length > MOST_LISTED ? ` and ${names.length - MOST_LISTED} more` : ''}`;

const hostOf = ({ server }: Desk): string => new URL(server).host;
