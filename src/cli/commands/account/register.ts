import { type AccountRequest, NO_EMAIL, registerAccount, resumeAccount } from '../../../acme/account.ts';
import { isSameKey } from '../../../acme/account-key.ts';
import { askAccount, isOver, isRegistered, type RegisteredAccount } from '../../../acme/account-lookup.ts';
import { type ExternalAccount, parseHmacKey } from '../../../acme/external-account.ts';
import type { Store, StoredAccount } from '../../../acme/storage.ts';
import { ConfigError } from '../../../errors.ts';
import type { CommandContext, Outcome } from '../../main.ts';
import type { Options } from '../../options.ts';
import { describe, viewOf } from './describe.ts';
import { type Desk, openDesk } from './desk.ts';

interface Result {
  readonly account: StoredAccount;
  readonly action: 'registered' | 'found' | 'unchanged';
  /** Where the account is now that was over. */
  readonly archived?: string | undefined;
}

/**
 * Registers an account. One that the CA still knows stays as it is; one that it does not know any more is registered again with
 * its key; one that is over makes room for a new one.
 */
export async function register(context: CommandContext): Promise<Outcome> {
  const { options } = context;
  const desk = openDesk(context);
  const id = options.accountId ?? (options.email || NO_EMAIL);
  const eab = externalAccount(options);
  await desk.store.probe();
  const directory = await desk.directory();
  const request: AccountRequest = {
    ...{ directory, id, email: options.email || undefined, acceptTos: options.acceptTos, eab },
    ...{ keyType: desk.keyType ?? 'ec256', keyPem: desk.keyPem },
  };
  return desk.locked(id, async () => {
    const stored = await desk.store.loadAccount(directory.url, id);
    if (stored && desk.keyPem !== undefined && !isSameKey(stored.keyPem, desk.keyPem)) {
      throw new ConfigError(`account ${stored.id} is in the store with another key`, {
        hint: 'change its key with quoin account rollover, or name the new account with --account-id',
      });
    }
    const result = isRegistered(stored) ? await again(stored, request, desk) : await anew(stored, request, desk);
    const view = viewOf(result.account, await desk.store.accounts.paths(result.account));
    const said = { registered: 'registered', found: 'the CA had', unchanged: 'already registered:' }[result.action];
    return {
      json: {
        action: result.action,
        account: view,
        ...(result.archived === undefined ? {} : { archived: result.archived }),
      },
      text: `${said} account ${view.id}\n${describe(view)}`,
    };
  });
}

async function anew(
  stored: StoredAccount | undefined,
  request: AccountRequest,
  { store, acme }: Pick<Desk, 'acme'> & { readonly store: Pick<Store, 'saveAccount'> },
): Promise<Result> {
  const { account, how } = await registerAccount(request, stored, store, acme);
  return { account, action: how === 'found' ? 'found' : 'registered' };
}

/** For an account that is in the store with its URL. */
async function again(stored: RegisteredAccount, request: AccountRequest, desk: Desk): Promise<Result> {
  const { store, acme } = desk;
  let { status } = stored;
  let account = stored;
  if (!isOver(status)) {
    const resumed = await resumeAccount(stored, request.directory, store, acme);
    account = resumed.account;
    ({ status } = await askAccount(resumed.connection, account));
  }
  if (isOver(status)) {
    acme.log.warn(`account ${stored.id} is ${status}: registering another one in its place`);
    let archived: string | undefined;
    const makingRoom: Pick<Store, 'saveAccount'> = {
      async saveAccount(changed) {
        // Not before the first write: until then something may be missing for the new one.
        archived ??= await store.accounts.archive(stored, new Date());
        await store.saveAccount(changed);
      },
    };
    return { ...(await anew(undefined, { ...request, id: stored.id }, { acme, store: makingRoom })), archived };
  }
  if (status !== 'unknown') return { account, action: 'unchanged' };
  acme.log.warn(`the CA does not know account ${stored.id} (any more): registering it again, with its key`);
  return anew(account, { ...request, email: request.email ?? account.email }, desk);
}

function externalAccount({ eab, kid, hmac }: Pick<Options, 'eab' | 'kid' | 'hmac'>): ExternalAccount | undefined {
  if (!eab && !kid && !hmac) return undefined;
  if (!kid || !hmac)
    throw new ConfigError(`--eab needs ${kid ? '--hmac' : hmac ? '--kid' : '--kid and --hmac'}`, {
      hint: 'both come from the CA',
    });
  return { kid, hmacKey: parseHmacKey(hmac) };
}
