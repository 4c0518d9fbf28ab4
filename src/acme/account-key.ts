import { createPrivateKey, createPublicKey } from 'node:crypto';
import { AcmeError, ConfigError } from '../errors.ts';
import { findByKey, type RegisteredAccount } from './account-lookup.ts';
import { type AcmeOptions, connectAcme, type Directory, signByKey } from './client.ts';
import { generateAccountKey, type KeyType, keyTypes } from './keys.ts';
import type { Store } from './storage.ts';
import { legoKeyType, olderPem } from './stored-keys.ts';

/*
 * A change of the key (RFC 8555 section 7.3.5) has one moment at which nobody here knows which key the CA has: while the request
 * is under way. So the new key is in a file of its own before that (`<id>.key.next`), and takes the place of the old one only
 * when the CA has it. Whoever finds such a file asks the CA, and goes on from there.
 */

type KeyStore = Pick<Store, 'saveAccount' | 'accounts'>;

/** SEC1 or PKCS#1 PEM, as lego 4 reads it, of an unencrypted key that CAs and both legos can work with. Throws `ConfigError`. */
export function parseAccountKey(pem: string, from: string): string {
  if (/ENCRYPTED/u.test(pem))
    throw new ConfigError(`the key in ${from} is encrypted`, { hint: 'decrypt it: openssl pkey -in FILE -out NEW' });
  let key: ReturnType<typeof createPrivateKey>;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new ConfigError(`${from} holds no private key in PEM`, { cause });
  }
  const type = legoKeyType(key).toLowerCase();
  const bits = Number(/^rsa(\d+)$/u.exec(type)?.[1] ?? 0);
  if (!keyTypes.some((known) => known === type) && !(bits >= 2048 && bits <= 8192)) {
    throw new ConfigError(`the key in ${from} is of a type that accounts cannot have: ${type || 'unknown'}`, {
      hint: `use one of ${keyTypes.join(', ')}`,
    });
  }
  return olderPem(key, pem);
}

const publicJwk = (keyPem: string): object => createPublicKey(keyPem).export({ format: 'jwk' });
export const isSameKey = (a: string, b: string): boolean =>
  createPublicKey(a)
    .export({ type: 'spki', format: 'der' })
    .equals(createPublicKey(b).export({ type: 'spki', format: 'der' }));

/** `ec256`, `rsa2048`: of an account's key. */
export const accountKeyType = (keyPem: string): string => legoKeyType(createPrivateKey(keyPem)).toLowerCase();

/** The new key takes the place of the old one. After a crash in between it is done again by whoever comes next. */
async function promote(account: RegisteredAccount, keyPem: string, store: KeyStore): Promise<RegisteredAccount> {
  const { nextKeyPem: _, ...rest } = account;
  const changed = { ...rest, keyPem };
  await store.saveAccount(changed);
  await store.accounts.saveNextKey(account, undefined);
  return changed;
}

/**
 * The account with the key that the CA has. Where a change of the key was begun the CA is asked; nothing else costs a request.
 * The caller holds the account's lock.
 */
export async function settleKey(
  account: RegisteredAccount,
  directory: Directory,
  store: KeyStore,
  options: AcmeOptions,
): Promise<RegisteredAccount> {
  const { nextKeyPem, keyPem } = account;
  if (nextKeyPem === undefined) return account;
  if (isSameKey(nextKeyPem, keyPem)) return promote(account, nextKeyPem, store);
  const known = await findByKey(directory, nextKeyPem, options);
  if (known?.url !== account.url) return account;
  options.log.info(`the CA has the new key of account ${account.id}: the change that was begun is complete`);
  return promote(account, nextKeyPem, store);
}

/** The same for who holds no lock yet. */
export async function settledAccount(
  account: RegisteredAccount,
  directory: Directory,
  store: KeyStore & Pick<Store, 'lockAccount'>,
  options: AcmeOptions,
): Promise<RegisteredAccount> {
  if (account.nextKeyPem === undefined) return account;
  const lock = await store.lockAccount(directory.url, account.id, options);
  try {
    return await settleKey(account, directory, store, options);
  } finally {
    await lock.release();
  }
}

/** Told by commands that go on with the old key. */
export const unfinished = ({ id }: RegisteredAccount): string =>
  `a change of the key of account ${id} was begun, and the CA has the old key still; quoin account rollover goes on with it`;

export interface Rollover {
  readonly directory: Directory;
  readonly account: RegisteredAccount;
  /** The user's own key, as of `parseAccountKey`. */
  readonly newKeyPem?: string | undefined;
  /** Of a key to be made. Not given: ec256, and a change that was begun ends with its own key. */
  readonly keyType?: KeyType | undefined;
}

/** The account with its new key, which the CA has. The caller holds the account's lock. */
export async function rolloverKey(
  { directory, account, newKeyPem, keyType }: Rollover,
  store: KeyStore,
  options: AcmeOptions,
): Promise<RegisteredAccount> {
  const { nextKeyPem } = account;
  if (newKeyPem !== undefined && isSameKey(newKeyPem, account.keyPem))
    throw new ConfigError(`account ${account.id} has that key already`, { hint: 'name another one' });
  let current = account;
  if (nextKeyPem !== undefined) {
    current = await settleKey(account, directory, store, options);
    if (current.nextKeyPem !== undefined) {
      // It is not dropped: a request that got lost might still arrive, and then it is the only key of the account.
      options.log.info(`going on with the change of the key of account ${account.id} that was begun`);
      current = await change(current, nextKeyPem, directory, store, options);
    }
    const isWanted =
      newKeyPem === undefined
        ? keyType === undefined || accountKeyType(nextKeyPem) === keyType
        : isSameKey(nextKeyPem, newKeyPem);
    if (isWanted) return current;
  }
  const keyPem = newKeyPem ?? (await generateAccountKey(keyType ?? 'ec256'));
  await store.accounts.saveNextKey(current, keyPem);
  return change({ ...current, nextKeyPem: keyPem }, keyPem, directory, store, options);
}

/** Asks the CA to take the next key, which is on disk. Whatever it answers, which key it has is what counts. */
async function change(
  account: RegisteredAccount,
  nextKeyPem: string,
  directory: Directory,
  store: KeyStore,
  options: AcmeOptions,
): Promise<RegisteredAccount> {
  const { keyChange, url } = directory;
  if (!keyChange) {
    await store.accounts.saveNextKey(account, undefined);
    throw new AcmeError('ACME_PROTOCOL', `acme: ${url} offers no change of keys`);
  }
  // Whether a request may have reached the CA, or may yet, without our hearing what became of it.
  let isUncertain = false;
  const transport: AcmeOptions['transport'] = async (request) => {
    try {
      const answer = await options.transport(request);
      if (answer.status >= 500) isUncertain = true;
      return answer;
    } catch (error) {
      isUncertain = true;
      throw error;
    }
  };
  const doing = `change the key of account ${account.id}`;
  options.log.waiting(`asking the CA to ${doing}`);
  const connection = await connectAcme({
    ...{ ...options, transport, directory },
    ...{ accountKeyPem: account.keyPem, accountUrl: account.url },
  });
  const inner = await signByKey(nextKeyPem, keyChange, { account: account.url, oldKey: publicJwk(account.keyPem) });
  try {
    await connection.post(keyChange, inner, { doing });
  } catch (error) {
    options.signal.throwIfAborted();
    const known = await findByKey(directory, nextKeyPem, options).catch(() => {
      throw withHint(error, 'the new key is kept: run it again, and quoin finds out which of the two keys the CA has');
    });
    if (known?.url !== account.url) {
      if (isUncertain) throw withHint(error, 'the CA has the old key still, and the new one is kept: run it again');
      await store.accounts.saveNextKey(account, undefined);
      throw error;
    }
  }
  return promote(account, nextKeyPem, store);
}

function withHint(error: unknown, hint: string): unknown {
  if (!(error instanceof AcmeError)) return error;
  return new AcmeError(error.code as `ACME_${string}`, error.message, { hint, facts: error.facts, cause: error });
}
