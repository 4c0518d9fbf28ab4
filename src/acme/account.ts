import { AcmeError, ConfigError } from '../errors.ts';
import { expectAddress } from './answer.ts';
import { type AcmeConnection, type AcmeOptions, connectAcme, type Directory } from './client.ts';
import { generateAccountKey, type KeyType } from './keys.ts';
import type { Store } from './storage.ts';

export interface AccountRequest {
  readonly directory: Directory;
  readonly id: string;
  readonly email?: string | undefined;
  readonly keyType: KeyType;
  readonly acceptTos: boolean;
  readonly eab?: { readonly kid: string; readonly hmacKey: string } | undefined;
}

/** The id of an account without an e-mail address, as lego 5 has it. */
export const NO_EMAIL = 'noemail@example.com';

/**
 * A connection of the stored account, which is registered first where it is not. The key is on disk before the CA hears
 * of it, so that a run that fails here can simply be repeated.
 */
export async function ensureAccount(
  request: AccountRequest,
  store: Store,
  options: AcmeOptions,
): Promise<AcmeConnection> {
  const { directory, id, email, eab } = request;
  const stored = await store.loadAccount(directory.url, id);
  const keyPem = stored?.keyPem ?? (await generateAccountKey(request.keyType));
  const account = { id, email, directoryUrl: directory.url, keyPem };
  const connection = await connectAcme({ ...options, directory, accountKeyPem: keyPem, accountUrl: stored?.url, eab });
  if (stored?.url) return connection;

  const { termsOfService, externalAccountRequired } = directory.meta;
  if (termsOfService && !request.acceptTos) {
    throw new ConfigError(`the CA's terms of service have to be agreed to: ${termsOfService}`, {
      hint: 'read them, then pass --accept-tos',
    });
  }
  if (externalAccountRequired && !eab && !stored) {
    throw new ConfigError('this CA binds accounts to a customer: a key id and an HMAC key are needed', {
      hint: 'get them from the CA, and pass --eab --kid and --hmac',
    });
  }
  await store.saveAccount(account);
  options.log.waiting(`registering an account at ${new URL(directory.url).host}`);
  const response = await connection.post(
    directory.newAccount,
    { termsOfServiceAgreed: true, ...(email ? { contact: [`mailto:${email}`] } : {}) },
    { doing: 'register the account', withJwk: true },
  );
  const { location } = response.headers;
  if (!location) throw new AcmeError('ACME_PROTOCOL', 'acme: the CA registered the account without telling its URL');
  connection.accountUrl = expectAddress(location, directory.newAccount, 'the account');
  await store.saveAccount({ ...account, url: connection.accountUrl });
  options.log.info(response.status === 201 ? `registered account ${id}` : `account ${id} was registered before`);
  return connection;
}

/** base64url, or base64 as some CAs print it. */
export function parseHmacKey(text: string): string {
  const plain = text.trim().replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/u, '');
  if (!/^[A-Za-z0-9_-]{16,}$/u.test(plain))
    throw new ConfigError('--hmac is not a base64url HMAC key', { hint: 'copy it from the CA anew' });
  return plain;
}
