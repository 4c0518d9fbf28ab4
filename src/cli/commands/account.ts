import type { AccountAction } from '../account-options.ts';
import type { CommandContext, Outcome } from '../main.ts';

type Action = (context: CommandContext) => Promise<Outcome>;

/** Loaded when it is run: the list needs no ACME client. */
const actions: Readonly<Record<AccountAction, () => Promise<Action>>> = {
  register: async () => (await import('./account/register.ts')).register,
  list: async () => (await import('./account/list.ts')).list,
  show: async () => (await import('./account/show.ts')).show,
  update: async () => (await import('./account/update.ts')).update,
  rollover: async () => (await import('./account/rollover.ts')).rollover,
  recover: async () => (await import('./account/recover.ts')).recover,
  deactivate: async () => (await import('./account/deactivate.ts')).deactivate,
};

/** The ACME account: one of several commands, of which commander has made sure that it is one. */
export async function account(context: CommandContext): Promise<Outcome> {
  const [word] = context.words ?? [];
  return (await actions[word as AccountAction]())(context);
}
