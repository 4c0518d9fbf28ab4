import { accountKeyType } from '../../../acme/account-key.ts';
import type { AccountPaths } from '../../../acme/account-store.ts';
import { accountThumbprint } from '../../../acme/persist-hash.ts';
import type { StoredAccount } from '../../../acme/storage.ts';
import { plainText } from '../../../plain-text.ts';

/** An account for machines (docs/reference/json.md). */
export interface AccountView {
  readonly id: string;
  readonly email?: string | undefined;
  /** The CA's directory; absent where lego 4 did not note it. */
  readonly server?: string | undefined;
  readonly url?: string | undefined;
  readonly status: string;
  readonly contact: readonly string[];
  readonly keyType: string;
  /** RFC 7638. */
  readonly thumbprint: string;
  /** A change of the key was begun, and is not known to be complete. */
  readonly keyChange?: true;
  readonly paths: { readonly account: string; readonly key: string };
}

export function viewOf(account: StoredAccount, { account: file, key }: AccountPaths): AccountView {
  const { id, email, directoryUrl, url, status, contact = [], keyPem, nextKeyPem } = account;
  return {
    ...{ id, email, server: directoryUrl || undefined, url },
    status: url === undefined ? 'unregistered' : (status ?? 'valid'),
    contact: Array.isArray(contact) ? contact.map((one) => plainText(String(one), 300)) : [],
    ...{ keyType: accountKeyType(keyPem), thumbprint: accountThumbprint(keyPem) },
    ...(nextKeyPem === undefined ? {} : { keyChange: true as const }),
    paths: { account: file, key },
  };
}

/** The same for people. */
export function describe({ id, email, server, url, status, contact, keyType, keyChange, paths }: AccountView): string {
  const hosts = server ?? (url === undefined ? 'unknown' : `at ${new URL(url).host}; lego did not note the directory`);
  const shown = contact.map((one) => one.replace(/^mailto:/u, ''));
  const lines: readonly (readonly [string, string | undefined])[] = [
    ['CA', hosts],
    ['e-mail', email === id && shown.length === 0 ? undefined : email],
    ['contact', shown.join(', ') === (email ?? '') ? undefined : shown.join(', ') || undefined],
    ['URL', url],
    ['status', status === 'unregistered' ? 'not registered: there is a key only' : status],
    ['key', `${paths.key} (${keyType}${keyChange ? '; a change of it was begun: quoin account rollover' : ''})`],
    ['account', url === undefined ? undefined : paths.account],
  ];
  return [
    id,
    ...lines.flatMap(([label, value]) => (value === undefined ? [] : [`  ${label.padEnd(8)}  ${value}`])),
    '',
  ].join('\n');
}
