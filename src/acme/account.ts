import { ConfigError } from '../errors.ts';
import { settleKey, unfinished } from './account-key.ts';
import { isOver, isRegistered, type KnownAccount, locateAccount, lookUp } from './account-lookup.ts';
import { type AcmeConnection, type AcmeOptions, connectAcme, type Directory } from './client.ts';
import { type EabServices, type ExternalAccount, eabByEmail } from './external-account.ts';
import { generateAccountKey, type KeyType } from './keys.ts';
import type { Store, StoredAccount } from './storage.ts';

export { parseHmacKey } from './external-account.ts';

export interface AccountRequest {
  readonly directory: Directory;
  readonly id: string;
  readonly email?: string | undefined;
  /** Of a key to be made. */
  readonly keyType: KeyType;
  /** The user's own key, as of `parseAccountKey`, instead of a new one. */
  readonly keyPem?: string | undefined;
  readonly acceptTos: boolean;
  /** Absent: got by e-mail, where the CA offers that. */
  readonly eab?: ExternalAccount | undefined;
  /** Whom to ask for such credentials, by the CA's host; for tests. */
  readonly eabServices?: EabServices | undefined;
}

export interface Ensured {
  readonly connection: AcmeConnection;
  readonly account: StoredAccount & { readonly url: string };
  /** `stored`: it was in the store; `found`: the CA had the account of this key; `registered`: it is new. */
  readonly how: 'stored' | 'found' | 'registered';
}

/** The id of an account without an e-mail address, as lego 5 has it. */
export const NO_EMAIL = 'noemail@example.com';

/** A connection of the stored account, which is registered first where it is not. The caller holds the account's lock. */
export async function ensureAccount(
  request: AccountRequest,
  store: Store,
  options: AcmeOptions,
): Promise<AcmeConnection> {
  const stored = await store.loadAccount(request.directory.url, request.id);
  return isRegistered(stored)
    ? (await resumeAccount(stored, request.directory, store, options)).connection
    : (await registerAccount(request, stored, store, options)).connection;
}

/** A connection of an account that is in the store. */
export async function resumeAccount(
  stored: StoredAccount & { readonly url: string },
  directory: Directory,
  store: Store,
  options: AcmeOptions,
): Promise<Ensured> {
  refuseOver(stored);
  const account = await settleKey(stored, directory, store, options);
  if (account.nextKeyPem !== undefined) options.log.warn(unfinished(account));
  const { keyPem: accountKeyPem, url: accountUrl } = account;
  return {
    connection: await connectAcme({ ...options, directory, accountKeyPem, accountUrl }),
    account,
    how: 'stored',
  };
}

function refuseOver({ id, directoryUrl, status }: StoredAccount): void {
  if (!isOver(status)) return;
  throw new ConfigError(`account ${id} at ${new URL(directoryUrl).host} is ${status}, which is for good`, {
    hint: 'register another one in its place with quoin account register, or name another one with --email',
  });
}

/**
 * Registers an account. The key is on disk before the CA hears of it, so that a run that fails here can simply be repeated: then,
 * and with the user's own key, the CA is asked first whether it has the account already, which takes neither terms nor binding.
 */
export async function registerAccount(
  request: AccountRequest,
  stored: StoredAccount | undefined,
  store: Pick<Store, 'saveAccount'>,
  options: AcmeOptions,
): Promise<Ensured> {
  const { directory, email } = request;
  const given = stored?.keyPem ?? request.keyPem;
  const id = stored?.id ?? request.id;
  const keyPem = given ?? (await generateAccountKey(request.keyType));
  const account: StoredAccount = { id, email, directoryUrl: directory.url, keyPem };
  const { connection, known, how } =
    (given === undefined ? undefined : await findExisting(directory, keyPem, options)) ??
    (await requestAccount(request, account, store, options));
  const { url, status, contact = email ? [`mailto:${email}`] : [] } = known;
  const registered = { ...account, url, contact, ...(status === undefined ? {} : { status }) };
  await store.saveAccount(registered);
  refuseOver(registered);
  options.log.info(how === 'registered' ? `registered account ${id}` : `account ${id} was registered before`);
  connection.accountUrl = url;
  return { connection, account: registered, how };
}

interface Answered {
  readonly connection: AcmeConnection;
  readonly known: KnownAccount;
  readonly how: 'found' | 'registered';
}

async function findExisting(
  directory: Directory,
  accountKeyPem: string,
  options: AcmeOptions,
): Promise<Answered | undefined> {
  const connection = await connectAcme({ ...options, directory, accountKeyPem });
  const known = await lookUp(connection);
  return known && { connection, known, how: 'found' };
}

/** RFC 8555 section 7.3. */
async function requestAccount(
  { directory, email, acceptTos, ...request }: AccountRequest,
  account: StoredAccount,
  store: Pick<Store, 'saveAccount'>,
  options: AcmeOptions,
): Promise<Answered> {
  const { termsOfService, externalAccountRequired } = directory.meta;
  if (termsOfService && !acceptTos) {
    throw new ConfigError(`the CA's terms of service have to be agreed to: ${termsOfService}`, {
      hint: 'read them, then pass --accept-tos',
    });
  }
  const eab = request.eab ?? (await eabByEmail(directory.url, email, options, request.eabServices));
  if (externalAccountRequired && !eab) {
    throw new ConfigError('this CA binds accounts to a customer: a key id and an HMAC key are needed', {
      hint: 'get them from the CA, and pass --eab --kid and --hmac',
    });
  }
  await store.saveAccount(account);
  options.log.waiting(`registering an account at ${new URL(directory.url).host}`);
  const connection = await connectAcme({ ...options, directory, accountKeyPem: account.keyPem, eab });
  const response = await connection.post(
    directory.newAccount,
    { termsOfServiceAgreed: true, ...(email ? { contact: [`mailto:${email}`] } : {}) },
    { doing: 'register the account', withJwk: true },
  );
  const known = locateAccount(response, directory);
  return { connection, known, how: response.status === 201 ? 'registered' : 'found' };
}
