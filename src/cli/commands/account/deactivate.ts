import { resumeAccount } from '../../../acme/account.ts';
import { factsOf, isOver, REFUSALS, type RegisteredAccount } from '../../../acme/account-lookup.ts';
import { problemError } from '../../../acme/problem.ts';
import type { StoredAccount } from '../../../acme/storage.ts';
import { ConfigError } from '../../../errors.ts';
import type { CommandContext, Outcome } from '../../main.ts';
import { describe, viewOf } from './describe.ts';
import { type Desk, openDesk } from './desk.ts';
import { findRegistered } from './find.ts';

/**
 * Deactivates an account (RFC 8555 section 7.3.6). The store keeps it with that status, so that a run with it can say what is
 * the matter instead of registering another one unasked.
 */
export async function deactivate(context: CommandContext): Promise<Outcome> {
  const { accountId, email } = context.options;
  const desk = openDesk(context);
  const found = await findRegistered(desk, accountId ?? email);
  if (isOver(found.status)) return outcome(desk, found, 'alreadyDeactivated');
  await confirm(found, desk, context);
  const directory = await desk.directory();
  return desk.locked(found.id, async () => {
    const stored = await findRegistered(desk, found.id);
    const { connection, account } = await resumeAccount(stored, directory, desk.store, desk.acme);
    const doing = `deactivate account ${account.id}`;
    const response = await connection.post(account.url, { status: 'deactivated' }, { doing, tolerate: REFUSALS });
    const { status = 'deactivated' } = factsOf(response, doing);
    if (status === 'unknown')
      throw problemError({ kind: 'accountDoesNotExist', detail: 'the CA has no such account', subproblems: [] }, doing);
    if (!isOver(status))
      throw problemError(
        { kind: 'serverInternal', detail: `the CA says that it is ${status}`, subproblems: [] },
        doing,
      );
    const ended = { ...account, status };
    await desk.store.saveAccount(ended);
    return outcome(desk, ended, response.status >= 400 ? 'alreadyDeactivated' : 'deactivated');
  });
}

async function confirm({ id, url }: RegisteredAccount, desk: Desk, { io, log }: CommandContext): Promise<void> {
  if (desk.yes) return;
  if (!io.enter) {
    throw new ConfigError(`deactivating account ${id} is for good, and there is nobody to ask`, {
      hint: 'pass --yes to do it',
    });
  }
  log.warn(`account ${id} (${url}) will be deactivated for good: press Enter to go on, Ctrl-C to leave it as it is`);
  await io.enter(io.signal);
}

async function outcome(
  { store }: Desk,
  account: StoredAccount,
  action: 'deactivated' | 'alreadyDeactivated',
): Promise<Outcome> {
  const view = viewOf(account, await store.accounts.paths(account));
  const said =
    action === 'deactivated' ? `deactivated account ${account.id}` : `account ${account.id} was deactivated before`;
  return { json: { action, account: view }, text: `${said}\n${describe(view)}` };
}
