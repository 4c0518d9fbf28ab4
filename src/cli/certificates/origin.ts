import { NO_EMAIL } from '../../acme/account.ts';
import { directoryUrl } from '../../acme/directories.ts';
import type { ListedCertificate, Store, StoredAccount } from '../../acme/storage.ts';
import { ConfigError, isAppError } from '../../errors.ts';
import type { CommandContext } from '../main.ts';

export interface Origin {
  /** The directory of the CA. */
  readonly server: string;
  readonly accountId: string;
  /** Undefined where it is not in the store, or cannot be read. */
  readonly account: StoredAccount | undefined;
}

/**
 * The CA that a certificate came from, and the account there: as its record says. Of what lego wrote the certificate's URL
 * tells the CA's host; where it does not help, --server and --email count.
 */
export async function originOf(
  { settings, url }: Pick<ListedCertificate, 'settings' | 'url'>,
  store: Store,
  { options, log }: CommandContext,
): Promise<Origin> {
  const host = hostOf(url);
  if (!settings && host !== undefined) {
    const { accounts } = await store.listAccounts();
    const there = accounts.filter((account) =>
      [account.directoryUrl, account.url ?? ''].some((at) => hostOf(at) === host),
    );
    const account = there.find(({ id }) => id === options.email) ?? there[0];
    // lego 4 does not note the directory, and only those of known CAs can be told from the host.
    const asked = directoryUrl(options.server);
    const server = account?.directoryUrl || (hostOf(asked) === host ? asked : '');
    if (account && server) return { server: directoryUrl(server), accountId: account.id, account };
    if (account) {
      throw new ConfigError(`lego did not note the directory of the CA at ${host}`, { hint: 'name it with --server' });
    }
  }
  const server = directoryUrl(settings?.directoryUrl ?? options.server);
  const accountId = settings?.accountId ?? options.accountId ?? options.email ?? NO_EMAIL;
  const account = await store.loadAccount(server, accountId).catch((error: unknown) => {
    if (!isAppError(error)) throw error;
    log.warn(error.message);
    return undefined;
  });
  return { server, accountId, account };
}

const hostOf = (url: string): string | undefined => (URL.canParse(url) ? new URL(url).host : undefined);
