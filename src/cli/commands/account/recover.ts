import { NO_EMAIL } from '../../../acme/account.ts';
import { isSameKey } from '../../../acme/account-key.ts';
import { findByKey, isOver, type KnownAccount, type RegisteredAccount } from '../../../acme/account-lookup.ts';
import type { Directory } from '../../../acme/client.ts';
import type { StoredAccount } from '../../../acme/storage.ts';
import { AcmeError, ConfigError } from '../../../errors.ts';
import type { CommandContext, Outcome } from '../../main.ts';
import { describe, viewOf } from './describe.ts';
import { type Desk, openDesk } from './desk.ts';
import { theOnly } from './find.ts';

/** Finds the account of a key at the CA (RFC 8555 section 7.3.1), and stores it: the user's key, or one that is in the store. */
export async function recover(context: CommandContext): Promise<Outcome> {
  const { accountId, email } = context.options;
  const name = accountId ?? (email || undefined);
  const desk = openDesk(context);
  const { store, server } = desk;
  await store.probe();
  const stored = desk.keyPem === undefined ? await withKey(desk, name) : undefined;
  const directory = await desk.directory();
  const { keyPem, known } = await search(desk, directory, stored);
  const id = stored?.id ?? name ?? (await idOf(known, keyPem, desk));
  return desk.locked(id, async () => {
    const there = await store.loadAccount(server, id);
    if (there) refuseOther(there, keyPem, known);
    const address = known.contact?.find((one) => one.startsWith('mailto:'))?.slice('mailto:'.length);
    const account: RegisteredAccount = {
      ...{ id: there?.id ?? id, directoryUrl: server, keyPem, url: known.url, status: known.status },
      email: there?.email ?? (email || address),
      contact: known.contact ?? there?.contact,
    };
    await store.saveAccount(account);
    if (there?.nextKeyPem !== undefined && isSameKey(there.nextKeyPem, keyPem))
      await store.accounts.saveNextKey(account, undefined);
    if (isOver(known.status)) desk.acme.log.warn(`account ${account.id} is ${known.status}`);
    const view = viewOf(account, await store.accounts.paths(account));
    return { json: { action: 'recovered', account: view }, text: `recovered account ${view.id}\n${describe(view)}` };
  });
}

/** An account of the store of which at least the key is there. */
async function withKey(desk: Desk, name: string | undefined): Promise<StoredAccount> {
  const account = name === undefined ? await theOnlyToRecover(desk) : await desk.store.loadAccount(desk.server, name);
  if (account) return account;
  throw new ConfigError(`there is no key of account ${name} at ${desk.server} in ${desk.store.root}`, {
    hint: 'name the file of its key with --account-key',
  });
}

/** Those without a URL come first: they are what there is to recover. */
const theOnlyToRecover = async (desk: Desk): Promise<StoredAccount> => {
  const { accounts } = await desk.store.accounts.at(desk.server);
  return accounts.some(({ url }) => url === undefined) ? theOnly(desk, ({ url }) => url === undefined) : theOnly(desk);
};

/** With the user's key, else those of the store: the one that an unfinished change would bring counts first. */
async function search(
  { keyPem, acme, server }: Desk,
  directory: Directory,
  stored: StoredAccount | undefined,
): Promise<{ readonly keyPem: string; readonly known: KnownAccount }> {
  const keys = [keyPem, stored?.nextKeyPem, stored?.keyPem].filter((pem) => pem !== undefined);
  acme.log.waiting(`asking ${new URL(server).host} for the account of the key`);
  for (const pem of keys) {
    const known = await findByKey(directory, pem, acme);
    if (known) return { keyPem: pem, known };
  }
  throw new AcmeError('ACME_ACCOUNT_DOES_NOT_EXIST', `acme: ${new URL(server).host} has no account with this key`, {
    hint: 'check --server; quoin account register registers one with it',
  });
}

/** What the store calls the account already, else its address. */
async function idOf({ url, contact = [] }: KnownAccount, keyPem: string, { store, server }: Desk): Promise<string> {
  const { accounts } = await store.accounts.at(server);
  const known = accounts.find((one) => one.url === url || isSameKey(one.keyPem, keyPem));
  const address = contact.find((one) => one.startsWith('mailto:'))?.slice('mailto:'.length);
  return known?.id ?? address ?? NO_EMAIL;
}

/** Another account must not be lost to the one that is recovered. */
function refuseOther({ id, url, keyPem, nextKeyPem }: StoredAccount, key: string, known: KnownAccount): void {
  const isIts = isSameKey(keyPem, key) || (nextKeyPem !== undefined && isSameKey(nextKeyPem, key));
  if (isIts || url === known.url) return;
  throw new ConfigError(`the store has another account ${id}${url ? ` (${url})` : ', which is a key only'}`, {
    hint: 'name the one that is recovered with --account-id',
  });
}
