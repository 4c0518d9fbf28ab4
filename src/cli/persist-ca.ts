import { NO_EMAIL } from '../acme/account.ts';
import { settledAccount } from '../acme/account-key.ts';
import { type AcmeOptions, connectAcme, type Directory, expectObject, fetchDirectory } from '../acme/client.ts';
import { directoryUrl } from '../acme/directories.ts';
import { draftName, type PersistDraft } from '../acme/persist.ts';
import { persistMeta } from '../acme/persist-challenge.ts';
import { accountHash, accountThumbprint } from '../acme/persist-hash.ts';
import type { StoredAccount } from '../acme/storage.ts';
import { AcmeError, ConfigError } from '../errors.ts';
import { plainText } from '../plain-text.ts';
import { caTransport } from './ca-transport.ts';
import { storeOf } from './compose.ts';
import type { CommandContext } from './main.ts';
import type { PersistFlags } from './persist-options.ts';

/** For which account at which CA a record is, and what it has to say. */
export interface PersistCa {
  readonly server: string;
  readonly accountId: string;
  readonly accountUrl: string;
  readonly thumbprint: string;
  /** Any of them will do. */
  readonly issuers: readonly string[];
  readonly draft: PersistDraft;
  readonly hashPrefix?: string | undefined;
}

/**
 * The account comes from the store, the rest from the CA's directory; whatever `--issuer`, `--draft` and `--hash-prefix` say
 * already is not asked for. Where the CA is asked at all, the account has to be a valid one there.
 */
export async function persistCa(flags: PersistFlags, context: CommandContext): Promise<PersistCa> {
  const server = directoryUrl(context.options.server);
  const account = await accountOf(server, context);
  const mustAsk = flags.issuer === undefined || (flags.draft === '02' && flags.hashPrefix === undefined);
  const meta = mustAsk ? await ask(server, account, context) : {};
  const { issuers, hashPrefix = undefined } = persistMeta(meta);
  const host = new URL(server).host;
  const known = flags.hashPrefix ?? hashPrefix;
  const draft = flags.draft ?? (known === undefined ? '01' : '02');
  if (draft === '02' && known === undefined) {
    throw new ConfigError(`the directory of ${host} has no accountHashPrefix, as ${draftName('02')} needs it`, {
      hint: 'leave out --draft 02, or give the prefix with --hash-prefix',
    });
  }
  if (flags.issuer === undefined && issuers.length === 0) {
    throw new ConfigError(`the directory of ${host} tells no issuer domain name`, {
      hint: "give the one of the CA's documentation on CAA records with --issuer",
    });
  }
  return {
    server,
    accountId: account.id,
    accountUrl: account.url,
    thumbprint: accountThumbprint(account.keyPem),
    issuers: flags.issuer === undefined ? issuers : [flags.issuer],
    draft,
    hashPrefix: draft === '02' ? known : undefined,
  };
}

type Registered = StoredAccount & { readonly url: string };
const isRegistered = (account: StoredAccount | undefined): account is Registered => account?.url !== undefined;

/** The one of `--account-id` or `--email`; without them the one without an address, or the only one that there is at this CA. */
async function accountOf(server: string, context: CommandContext): Promise<Registered> {
  const { accountId, email } = context.options;
  const named = accountId ?? email;
  const store = storeOf(context);
  const account = await store.loadAccount(server, named ?? NO_EMAIL);
  if (isRegistered(account)) return account;
  const accounts: readonly StoredAccount[] = named === undefined ? (await store.listAccounts()).accounts : [];
  const others = accounts.filter(isRegistered).filter(({ directoryUrl: url }) => url === server);
  const [only] = others;
  if (only && others.length === 1) return only;
  if (others.length > 1) {
    throw new ConfigError(`there are ${others.length} accounts at ${server} in the store`, {
      hint: `name one: ${others.map(({ id }) => `--account-id ${plainText(id, 100)}`).join(', or ')}`,
    });
  }
  throw new ConfigError(`no account${named === undefined ? '' : ` ${named}`} at ${server} is in the store`, {
    hint: 'a record names an account, which has to be there first: quoin account register',
  });
}

/** What the directory says. Records for an account that does not work there would be worth nothing. */
async function ask(server: string, account: Registered, context: CommandContext): Promise<Directory['meta']> {
  const { options, io, log } = context;
  const transport = caTransport(context, options.caCertificates);
  const acme: AcmeOptions = { transport, log, signal: io.signal, maxWaitMs: options.maxWait };
  const directory = await fetchDirectory(server, acme);
  const connection = await connectAcme({
    ...acme,
    directory,
    accountKeyPem: (await settledAccount(account, directory, storeOf(context), acme)).keyPem,
    accountUrl: account.url,
  });
  const { status } = expectObject(
    await connection.post(account.url, null, { doing: `read the account ${account.id}` }),
    account.url,
  );
  if (status !== 'valid') {
    throw new AcmeError(
      'ACME_ACCOUNT_DOES_NOT_EXIST',
      `acme: the account ${account.url} is ${plainText(String(status), 60)}`,
      {
        hint: 'register another one: quoin account register',
      },
    );
  }
  return directory.meta;
}

/** What `accounturi` has to be at a name (without `*.`). */
export const accountUriOf = ({ draft, accountUrl, thumbprint, hashPrefix = '' }: PersistCa, name: string): string =>
  draft === '01' ? accountUrl : `${hashPrefix}${accountHash({ name, thumbprint, accountUrl })}`;
