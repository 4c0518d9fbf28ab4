import { rolloverKey } from '../../../acme/account-key.ts';
import { isOver } from '../../../acme/account-lookup.ts';
import { ConfigError } from '../../../errors.ts';
import type { CommandContext, Outcome } from '../../main.ts';
import { describe, viewOf } from './describe.ts';
import { openDesk } from './desk.ts';
import { findRegistered } from './find.ts';

/** Gives an account a new key. What was begun before, and cut off, is finished. */
export async function rollover(context: CommandContext): Promise<Outcome> {
  const { accountId, email } = context.options;
  const desk = openDesk(context);
  const { store, acme, keyPem: newKeyPem, keyType } = desk;
  const { id } = await findRegistered(desk, accountId ?? email);
  const directory = await desk.directory();
  return desk.locked(id, async () => {
    const account = await findRegistered(desk, id);
    if (isOver(account.status))
      throw new ConfigError(`account ${id} is ${account.status}: it needs no new key`, {
        hint: 'register another one with quoin account register',
      });
    const changed = await rolloverKey({ directory, account, newKeyPem, keyType }, store, acme);
    const view = viewOf(changed, await store.accounts.paths(changed));
    return {
      json: { action: 'keyChanged', account: view },
      text: `account ${id} has a new key\n${describe(view)}`,
    };
  });
}
