import type { DnsSession } from './session.ts';

/** Whose values, and how many of them can be shown at a time. */
export type Showing = Pick<DnsSession, 'label' | 'oneValueAtATime' | 'valuesPerName'>;

/** A challenge and where its record is written: at the end of CNAMEs. */
export interface InPlace<C> {
  readonly challenge: C;
  readonly fqdn: string;
  readonly session: Showing;
}

/** Whether the provider cannot show all values at one time; else nobody need know where the names lead. */
export const hasLimit = ({ oneValueAtATime, valuesPerName }: Showing): boolean =>
  oneValueAtATime || valuesPerName !== undefined;

/** What the limit is about: the provider as a whole, or one name there. Undefined where there is no limit. */
export function limitKey({ label, oneValueAtATime, valuesPerName }: Showing, fqdn: string): string | undefined {
  if (oneValueAtATime) return label;
  return valuesPerName === undefined ? undefined : `${label} ${fqdn}`;
}

/**
 * Puts each challenge into the first turn that has room for it. Values of one name beyond what the provider shows there have to
 * wait for the next turn; names do not wait for each other, unless the provider shows a single value at all.
 */
export function takeTurns<C extends { readonly value: string }>(places: readonly InPlace<C>[]): C[][] {
  const turns: { challenges: C[]; shown: Map<string, Set<string>> }[] = [];
  for (const { challenge, fqdn, session } of places) {
    const key = limitKey(session, fqdn);
    const most = session.oneValueAtATime ? 1 : (session.valuesPerName ?? Number.POSITIVE_INFINITY);
    // A value that several challenges share takes the room of one.
    const item = `${fqdn} ${challenge.value}`;
    const hasRoom = (there: Set<string> | undefined) => !there || there.size < most || there.has(item);
    let turn = turns.find(({ shown }) => key === undefined || hasRoom(shown.get(key)));
    if (!turn) {
      turn = { challenges: [], shown: new Map() };
      turns.push(turn);
    }
    turn.challenges.push(challenge);
    if (key !== undefined) turn.shown.set(key, (turn.shown.get(key) ?? new Set()).add(item));
  }
  return turns.map(({ challenges }) => challenges);
}
