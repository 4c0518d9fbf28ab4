import { bindingOf } from './external-accounts.ts';
import { statusOf } from './orders.ts';
import { problem, Refusal, refuse } from './problem.ts';
import type { Reply } from './reply.ts';
import { accountUrl, expectEmpty, expectPayload, type Json, type SignedRequest } from './requests.ts';
import type { Account } from './resources.ts';
import { accountWith, type Ca, newId } from './state.ts';

const MOST_CONTACTS = 10;
const ORDERS_PER_PAGE = 100;
/** One address (RFC 6068, of which header fields and lists are forbidden here); whether mail arrives is not for us to say. */
const ADDRESS = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9-]+$/u;

export const accountView = (ca: Ca, account: Account): Json => ({
  status: account.status,
  contact: account.contact,
  termsOfServiceAgreed: true,
  ...(account.externalAccountBinding ? { externalAccountBinding: account.externalAccountBinding } : {}),
  orders: `${accountUrl(ca, account)}/orders`,
});

/** RFC 8555 section 7.3. A key that has an account gets that account, whatever else is asked. */
export async function newAccount(ca: Ca, request: SignedRequest): Promise<Reply> {
  const payload = expectPayload(request);
  const { jwk, thumbprint } = request.key;
  const known = accountWith(ca, thumbprint);
  if (known) {
    if (known.status !== 'valid') refuse('unauthorized', 'the account of this key is deactivated', { status: 401 });
    return { status: 200, headers: { location: accountUrl(ca, known) }, body: accountView(ca, known) };
  }
  if (payload.onlyReturnExisting === true) refuse('accountDoesNotExist', 'there is no account with this key');
  if (payload.termsOfServiceAgreed !== true) refuseUntilAgreed(ca);
  const contact = readContacts(payload.contact);
  const externalAccountBinding = await bindingOf(ca, payload.externalAccountBinding, request);
  // Somebody may have registered this key while its binding was verified.
  if (accountWith(ca, thumbprint)) return newAccount(ca, request);
  const account: Account = {
    id: newId(),
    createdAt: ca.now(),
    status: 'valid',
    contact,
    jwk,
    thumbprint,
    externalAccountBinding,
  };
  await ca.accounts.save(account);
  ca.log.debug(`sandbox CA: account ${account.id} registered`);
  return { status: 201, headers: { location: accountUrl(ca, account) }, body: accountView(ca, account) };
}

/** RFC 8555 section 7.3.3. */
function refuseUntilAgreed({ origin }: Ca): never {
  const terms = `${origin}/terms`;
  throw new Refusal(problem('userActionRequired', `agree to the terms of service: ${terms}`, { instance: terms }), {
    link: `<${terms}>;rel="terms-of-service"`,
  });
}

function readContacts(contact: unknown): readonly string[] {
  if (contact === undefined || contact === null) return [];
  if (!Array.isArray(contact) || !contact.every((url) => typeof url === 'string')) {
    return refuse('malformed', 'contact is not a list of URLs');
  }
  if (contact.length > MOST_CONTACTS) refuse('malformed', `there are more than ${MOST_CONTACTS} contacts`);
  for (const url of contact as string[]) {
    const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/iu.exec(url) ?? [];
    if (scheme === '') refuse('invalidContact', `the contact ${url} is not a URL`);
    if (scheme.toLowerCase() !== 'mailto') refuse('unsupportedContact', `contacts by ${scheme} are not supported`);
    if (rest.includes('?')) refuse('invalidContact', 'a contact must not have header fields');
    if (rest.includes(',')) refuse('invalidContact', 'a contact must be one address');
    if (!ADDRESS.test(rest)) refuse('invalidContact', `${rest || 'nothing'} is not an e-mail address`);
  }
  return contact as string[];
}

/** Reading, updating (RFC 8555 section 7.3.2) and deactivating (section 7.3.6). */
export async function account(ca: Ca, request: SignedRequest, id: string): Promise<Reply> {
  const own = ownAccount(request, id);
  const { contact, status } = request.payload ?? {};
  if (status !== undefined && status !== 'valid' && status !== 'deactivated') {
    refuse('malformed', 'an account can be deactivated, and nothing else done to its status');
  }
  if (status === 'deactivated') own.status = status;
  else if (contact !== undefined) own.contact = readContacts(contact);
  if (status === 'deactivated' || contact !== undefined) await ca.accounts.save(own);
  return { status: 200, headers: { location: accountUrl(ca, own) }, body: accountView(ca, own) };
}

/** RFC 8555 section 7.1.2.1, in pages. */
export function accountOrders(ca: Ca, request: SignedRequest, id: string, cursor: string | undefined): Reply {
  expectEmpty(request);
  const own = ownAccount(request, id);
  const from = cursor === undefined ? 0 : Number(cursor);
  if (!Number.isSafeInteger(from) || from < 0) refuse('malformed', 'there is no such page');
  const all = [...ca.orders.values()].filter(
    (order) => order.accountId === own.id && statusOf(ca, order) !== 'invalid',
  );
  const page = all.slice(from, from + ORDERS_PER_PAGE);
  const next = from + page.length;
  const more = next < all.length ? { link: `<${accountUrl(ca, own)}/orders?cursor=${next}>;rel="next"` } : {};
  return { status: 200, headers: more, body: { orders: page.map((order) => `${ca.origin}/order/${order.id}`) } };
}

function ownAccount({ account }: SignedRequest, id: string): Account {
  if (account?.id !== id) return refuse('unauthorized', 'this is another account');
  return account;
}
