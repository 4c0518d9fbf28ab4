import { resumeAccount } from '../../../acme/account.ts';
import { factsOf, REFUSALS, readAccount } from '../../../acme/account-lookup.ts';
import { problemError } from '../../../acme/problem.ts';
import { ConfigError } from '../../../errors.ts';
import type { CommandContext, Outcome } from '../../main.ts';
import { describe, viewOf } from './describe.ts';
import { openDesk } from './desk.ts';
import { findRegistered } from './find.ts';

/**
 * Gives an account another e-mail address (RFC 8555 section 7.3.2). Its id, which names its folder, stays: cron jobs, records of
 * certificates and lego go on finding it, and it is found by the new address too.
 */
export async function update(context: CommandContext): Promise<Outcome> {
  const { accountId, email } = context.options;
  if (email === undefined)
    throw new ConfigError('no new e-mail address was given', { hint: "pass it with --email; --email '' removes it" });
  const desk = openDesk(context);
  const { store, acme } = desk;
  const { id } = await findRegistered(desk, accountId);
  const directory = await desk.directory();
  return desk.locked(id, async () => {
    const { connection, account } = await resumeAccount(await findRegistered(desk, id), directory, store, acme);
    const wanted = email === '' ? [] : [`mailto:${email}`];
    const doing = `change the address of account ${id}`;
    const response = await connection.post(account.url, { contact: wanted }, { doing, tolerate: REFUSALS });
    if (response.status >= 400) {
      const { status } = factsOf(response, doing);
      if (status !== 'unknown') await store.saveAccount({ ...account, status });
      const kind = status === 'unknown' ? 'accountDoesNotExist' : 'unauthorized';
      throw problemError({ kind, detail: `the account is ${status} to the CA`, subproblems: [] }, doing);
    }
    const { contact = wanted } = readAccount(response.body);
    // Some CAs do not show addresses, or have given up on keeping them.
    if (contact.length > 0 && !contact.some((one) => wanted.includes(one)))
      acme.log.warn(`the CA goes on with ${contact.join(', ')}`);
    const changed = { ...account, email: email || undefined, contact };
    await store.saveAccount(changed);
    const view = viewOf(changed, await store.accounts.paths(account));
    return {
      json: { action: 'updated', account: view },
      text: `${email ? `the address of account ${id} is ${email}` : `account ${id} has no address`} now\n${describe(view)}`,
    };
  });
}
