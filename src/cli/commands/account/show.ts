import { settleKey, unfinished } from '../../../acme/account-key.ts';
import { askAccount, isOver } from '../../../acme/account-lookup.ts';
import { connectAcme } from '../../../acme/client.ts';
import { problemError } from '../../../acme/problem.ts';
import type { CommandContext, Outcome } from '../../main.ts';
import { describe, viewOf } from './describe.ts';
import { openDesk } from './desk.ts';
import { findRegistered } from './find.ts';

/** What the CA says of an account, and what the store knows. That an account is over is noted, so that runs can say so. */
export async function show(context: CommandContext): Promise<Outcome> {
  const { accountId, email } = context.options;
  const desk = openDesk(context);
  const { store, acme } = desk;
  const { id } = await findRegistered(desk, accountId ?? email);
  const directory = await desk.directory();
  return desk.locked(id, async () => {
    const account = await settleKey(await findRegistered(desk, id), directory, store, acme);
    if (account.nextKeyPem !== undefined) acme.log.warn(unfinished(account));
    const { keyPem: accountKeyPem, url: accountUrl } = account;
    const facts = await askAccount(await connectAcme({ ...acme, directory, accountKeyPem, accountUrl }), account);
    if (facts.status === 'unknown') {
      const detail = `the CA has no account ${account.url}`;
      throw problemError({ kind: 'accountDoesNotExist', detail, subproblems: [] }, `show account ${id}`);
    }
    if (isOver(facts.status) && facts.status !== account.status)
      await store.saveAccount({ ...account, status: facts.status });
    const shown = { ...account, status: facts.status ?? account.status, contact: facts.contact ?? account.contact };
    const view = viewOf(shown, await store.accounts.paths(account));
    return { json: { account: view }, text: describe(view), isAnswer: true };
  });
}
