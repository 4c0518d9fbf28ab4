import { findLeftovers } from '../../dns/journal.ts';
import { resolveProvider } from '../../dns/resolve.ts';
import { removeLeftovers } from '../../dns/solver.ts';
import { isAppError } from '../../errors.ts';
import { lookupOf, sessionOf, storeOf } from '../compose.ts';
import type { CommandContext, Outcome } from '../main.ts';

const LEFT = 4;

/** Removes what killed runs left in DNS, with each provider's credentials from the environment. */
export async function cleanup(context: CommandContext): Promise<Outcome> {
  const { io, log } = context;
  const leftovers = await findLeftovers(storeOf(context).journalFolder, log);
  try {
    const entries = leftovers.flatMap((journal) => journal.entries);
    let left = 0;
    for (const spec of new Set(entries.map(({ provider }) => provider))) {
      try {
        const session = await sessionOf(await resolveProvider(spec, io.cwd), lookupOf(context), context);
        try {
          left += await removeLeftovers(leftovers, spec, session, log);
        } finally {
          await session.close();
        }
      } catch (error) {
        if (!isAppError(error) || io.signal.aborted) throw error;
        log.warn(error.message);
        left += entries.filter(({ provider }) => provider === spec).length;
      }
    }
    const removed = entries.length - left;
    const text = entries.length === 0 ? 'no run left anything behind' : `${removed} TXT records removed, ${left} left`;
    return { json: { removed, left }, text: `${text}\n`, exitCode: left > 0 ? LEFT : 0 };
  } finally {
    for (const journal of leftovers) await journal.close();
  }
}
