import { randomBytes } from 'node:crypto';
import { type AppError, isAppError, isProviderError, ProviderError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Provider, TxtEditor } from './kit/contract.ts';
import type { Lookup } from './lookup.ts';
import type { Look } from './propagation.ts';
import type { DnsSession } from './session.ts';
import type { Sessions } from './sessions.ts';
import { createSolver, type SolverOptions } from './solver.ts';

/** Who writes for a name, and by what means. */
export interface Writer extends Pick<SolverOptions, 'journal' | 'propagation'> {
  readonly session: DnsSession;
  readonly locks: Sessions['locks'];
  /** By name, from `withZonesSeen`. */
  readonly zones: ReadonlyMap<string, string>;
}

export interface Written {
  readonly problems: readonly AppError[];
  readonly values: readonly string[];
  /** How long the provider took, where it took them. */
  readonly writtenMs: number | undefined;
  /** Undefined: nothing was written. */
  readonly removed: boolean | undefined;
}

const MARK = 'quoin-check-';
/** As long as what a CA wants to see, of the same characters: some providers accept nothing else. */
const LENGTH = 43;

export const harmlessValue = (): string => `${MARK}${randomBytes(LENGTH).toString('base64url')}`.slice(0, LENGTH);

/** The provider, telling which zone it was about to change for a name. */
export function withZonesSeen(provider: Provider, zones: Map<string, string>): Provider {
  const watch = (editor: TxtEditor): TxtEditor => ({
    ...(editor.oneValueAtATime === undefined ? {} : { oneValueAtATime: editor.oneValueAtATime }),
    ...(editor.valuesPerName === undefined ? {} : { valuesPerName: editor.valuesPerName }),
    ...(editor.findZone ? { findZone: async (name) => editor.findZone?.(name) } : {}),
    ...(editor.zoneOf ? { zoneOf: async (name) => editor.zoneOf?.(name) } : {}),
    ...(editor.listZones ? { listZones: async () => editor.listZones?.() ?? [] } : {}),
    apply(zone, changes) {
      for (const { fqdn } of changes.add) zones.set(fqdn, zone.name);
      return editor.apply(zone, changes);
    },
    close: async () => editor.close?.(),
  });
  return { ...provider, connect: async (context) => watch(await provider.connect(context)) };
}

/** Publishes, watches and removes harmless values by the way that a run takes, and tells how it went. */
export async function writeHarmless(
  identifiers: readonly string[],
  fqdn: string,
  { session, locks, journal, propagation }: Writer,
  looks: Map<string, Look>,
  { lookup, log, signal }: { readonly lookup: Lookup; readonly log: Log; readonly signal: AbortSignal },
): Promise<Written> {
  // A provider with a limit can be asked for no more at a time; a run takes turns, too.
  const most = session.oneValueAtATime ? 1 : session.valuesPerName;
  const challenges = identifiers.slice(0, most).map((identifier) => ({ identifier, fqdn, value: harmlessValue() }));
  const problems: AppError[] = [];
  let writtenMs: number | undefined;
  let left: unknown;
  const watched: DnsSession = {
    ...session,
    async add(values) {
      const started = performance.now();
      await session.add(values);
      writtenMs = performance.now() - started;
    },
    async remove(values) {
      try {
        await session.remove(values);
      } catch (error) {
        left = error;
        throw error;
      }
    },
  };
  const onLook = (look: Look) => {
    // That it still shows everything at a later look does not change since when.
    if (!(look.complete && looks.get(look.server)?.complete)) looks.set(look.server, look);
  };
  const solver = createSolver({
    // Who writes is known; of all that a run asks the sessions for it is the answer.
    assignments: [{ code: session.provider.id, label: session.label }],
    env: {},
    sessions: { open: async () => watched, locks },
    lookup,
    journal,
    propagation: { ...propagation, onLook },
    log,
    signal,
  });
  try {
    await solver.solve(challenges, async () => {});
  } catch (error) {
    signal.throwIfAborted();
    if (!isAppError(error)) throw error;
    problems.push(error);
  }
  // Where it could not even be written, that is the problem; the warning has been given.
  if (left !== undefined && writtenMs !== undefined) problems.push(leftBehind(fqdn, session.label, left));
  const values = challenges.map(({ value }) => value);
  return { problems, values, writtenMs, removed: writtenMs === undefined ? undefined : left === undefined };
}

function leftBehind(fqdn: string, provider: string, cause: unknown): ProviderError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ProviderError(
    isProviderError(cause) ? cause.fault : 'api',
    `${provider}: the TXT value for ${fqdn} is still there: ${why}`,
    {
      cause,
      hint: 'quoin cleanup tries again to remove it',
    },
  );
}
