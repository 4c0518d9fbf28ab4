import { storeOf } from '../../compose.ts';
import type { CommandContext, Outcome } from '../../main.ts';
import { describe, viewOf } from './describe.ts';

/** All accounts in the store. Nobody is asked. */
export async function list(context: CommandContext): Promise<Outcome> {
  const store = storeOf(context);
  const { accounts, problems, paths } = await store.listAccounts();
  const views = accounts.flatMap((account) => {
    const found = paths.get(account);
    return found ? [viewOf(account, found)] : [];
  });
  for (const { message } of problems) context.log.warn(message);
  const isEmpty = views.length + problems.length === 0;
  return {
    json: { accounts: views, problems: problems.map(({ message, hint }) => ({ message, ...(hint ? { hint } : {}) })) },
    text: isEmpty ? `no accounts in ${store.root}\n` : views.map(describe).join(''),
    isAnswer: true,
    exitCode: problems[0]?.exitCode ?? 0,
  };
}
