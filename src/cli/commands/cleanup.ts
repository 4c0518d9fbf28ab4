import { parseAssignments } from '../../dns/assignments.ts';
import { findLeftovers } from '../../dns/journal.ts';
import { labelOfEntry, removeLeftovers } from '../../dns/withdraw.ts';
import { isAppError } from '../../errors.ts';
import { lookupOf, storeOf } from '../compose.ts';
import type { CommandContext, Outcome } from '../main.ts';
import { sessionsOf } from '../shared-dns.ts';

const LEFT = 4;

/** Removes what killed runs left in DNS, with the credentials of each account from the environment. */
export async function cleanup(context: CommandContext): Promise<Outcome> {
  const { io, log } = context;
  const { signal, env } = io;
  const leftovers = await findLeftovers(storeOf(context).journalFolder, log);
  const lookup = lookupOf(context);
  const sessions = sessionsOf(context);
  try {
    const entries = leftovers.flatMap((journal) => journal.entries);
    let left = 0;
    for (const label of new Set(entries.map(labelOfEntry))) {
      try {
        for (const assignment of parseAssignments([label])) {
          const session = await sessions.open({ assignment, env, lookup });
          left += await removeLeftovers(leftovers, session, log);
        }
      } catch (error) {
        if (!isAppError(error) || signal.aborted) throw error;
        log.warn(error.message);
        left += entries.filter((entry) => labelOfEntry(entry) === label).length;
      }
    }
    const removed = entries.length - left;
    const text = entries.length === 0 ? 'no run left anything behind' : `${removed} TXT records removed, ${left} left`;
    return { json: { removed, left }, text: `${text}\n`, exitCode: left > 0 ? LEFT : 0 };
  } finally {
    await sessions.close();
    for (const journal of leftovers) await journal.close();
  }
}
