import { isProviderError } from '../errors.ts';
import type { Log } from '../log.ts';
import { parseAssignments } from './assignments.ts';
import type { Journal, JournalEntry, Leftovers } from './journal.ts';
import type { DnsSession } from './session.ts';

const NAMES_TOLD = 5;

export const count = (values: number): string => `${values} TXT record${values === 1 ? '' : 's'}`;

/**
 * Removes what was published, and tells how many values are left. Zone by zone, so that the journal keeps only what could
 * not be removed. A failure is a warning: it must not hide why the run ended.
 */
export async function withdraw(
  session: DnsSession,
  entries: readonly JournalEntry[],
  journal: Pick<Journal, 'remove'>,
  log: Log,
  published = true,
): Promise<number> {
  const zones = new Map<string, JournalEntry[]>();
  for (const entry of entries) zones.set(entry.zone ?? '', [...(zones.get(entry.zone ?? '') ?? []), entry]);
  let removed = 0;
  // The values are gone; that the journal still names them does no harm.
  const forget = (values: readonly JournalEntry[]) =>
    journal.remove(values).catch((error: Error) => log.warn(error.message));
  const left = await Promise.all(
    [...zones.values()].map(async (values) => {
      try {
        await session.remove(values);
      } catch (error) {
        if (!published && isProviderError(error, 'zone')) {
          // The account has no such zone, and had none a moment ago: nothing can be left there.
          await forget(values);
          return 0;
        }
        const names = [...new Set(values.map(({ fqdn }) => fqdn))];
        const some = names.slice(0, NAMES_TOLD).join(', ');
        const others = names.length > NAMES_TOLD ? ` and ${names.length - NAMES_TOLD} more names` : '';
        const why = `could not remove the TXT records of ${some}${others}: ${(error as Error).message}`;
        log.warn(`${why}; the next run or quoin cleanup tries again`);
        return values.length;
      }
      removed += values.length;
      await forget(values);
      return 0;
    }),
  );
  if (removed > 0) log.info(`removed ${count(removed)}`);
  return left.reduce((sum, values) => sum + values, 0);
}

/** The provider of a journal entry as it is called today; earlier versions wrote what was typed. */
export function labelOfEntry({ provider }: Pick<JournalEntry, 'provider'>): string {
  try {
    return parseAssignments([provider])[0]?.label ?? provider;
  } catch {
    return provider; // Whoever wants to use it is told.
  }
}

/** Removes what dead runs left behind with one provider. Tells how many values are still there. */
export async function removeLeftovers(leftovers: readonly Leftovers[], session: DnsSession, log: Log): Promise<number> {
  let left = 0;
  for (const journal of leftovers) {
    const mine = journal.entries.filter((entry) => labelOfEntry(entry) === session.label);
    if (mine.length === 0) continue;
    log.info(`an earlier run left ${count(mine.length)} behind`);
    left += await withdraw(session, mine, journal, log);
  }
  return left;
}
