import {
  allPages,
  asciiName,
  type Problem,
  ProviderError,
  perRecordSet,
  pollUntil,
  type Query,
  quoteTxt,
  type Rest,
  type TxtEditor,
  unlessMissing,
  unquoteTxt,
  type Zone,
} from '../kit/index.ts';

interface Links {
  links?: { next?: string | null } | null;
}
interface RecordSet {
  id: string;
  name: string;
  type: string;
  ttl?: number | null;
  description?: string | null;
  records?: string[] | null;
  /** `ACTIVE`, `ERROR`, or `PENDING` with an action; Open Telekom Cloud says `PENDING_DELETE` instead, and no action. */
  status?: string;
  action?: string;
}
interface DesignateZone extends Zone {
  readonly id: string;
}

export interface DesignateOptions {
  /** Whose API it is, for messages: the provider's id. */
  readonly who: string;
  /** Of version 2, logged in. */
  readonly api: Rest;
  readonly signal: () => AbortSignal;
  /** What zones are asked for besides their name. */
  readonly zoneFilter?: Query;
  /** An update must say again which name and type it is about. */
  readonly namesUpdates?: boolean;
}

/** Designate's errors have a `type`, those of Open Telekom Cloud a `code` such as `DNS.0302`. */
export function designateProblem(
  body: { code?: unknown; type?: unknown; message?: string; error?: { message?: string } } | undefined,
  status: number,
): Problem | undefined {
  if (status < 400 || typeof body !== 'object') return undefined;
  const code = [body.code, body.type].find((found) => typeof found === 'string');
  const message = `${body.message ?? body.error?.message ?? 'no reason given'}${code ? ` (${code})` : ''}`;
  if (status === 409 || CONFLICTS.includes(String(code))) return { message, fault: 'rate' };
  return code === 'DNS.0302' ? { message, fault: 'missing' } : { message };
}

/**
 * What comes with status 409 or 400: the zone is locked, or not in a steady state; the set exists meanwhile, or is not steady.
 * https://docs.otc.t-systems.com/domain-name-service/api-ref/appendix/error_code.html
 */
const CONFLICTS = ['DNS.0021', 'DNS.0209', 'DNS.0312', 'DNS.0314'];
const isConflict = (error: unknown) => error instanceof ProviderError && error.fault === 'rate' && error.status !== 429;

const POSITION = ['marker', 'offset', 'limit'];
const pairOf = (params: URLSearchParams, key: string): [string, string][] => {
  const value = params.get(key);
  return value ? [[key, value]] : [];
};

const isPending = ({ status = '' }: Pick<RecordSet, 'status'>) => status.startsWith('PENDING');
const isGoing = ({ status, action }: RecordSet) =>
  status === 'PENDING_DELETE' || (status === 'PENDING' && action === 'DELETE');

/** DNS as OpenStack's Designate offers it, version 2: https://docs.openstack.org/api-ref/dns/ */
export function designateZones({
  who,
  api,
  signal,
  zoneFilter = {},
  namesUpdates = false,
}: DesignateOptions): TxtEditor<DesignateZone> {
  /** The sets at the names of a change, between reading and writing. */
  const known = new Map<string, RecordSet | undefined>();
  /** The sets that have got a value and are not published yet, by zone id. */
  const unpublished = new Map<string, Set<string>>();
  const waitingIn = ({ id }: DesignateZone): Set<string> => {
    const ids = unpublished.get(id) ?? new Set();
    unpublished.set(id, ids);
    return ids;
  };

  /** Links lead to whatever address the operator configured, and repeat filters at will: only the position counts. */
  const all = <T>(path: string, filter: Query, itemsOf: (page: Links & Record<string, unknown>) => unknown) =>
    allPages(async ({ cursor }) => {
      const { searchParams } = new URL(cursor ?? '', 'https://link.invalid');
      const position = Object.fromEntries(POSITION.flatMap((key) => pairOf(searchParams, key)));
      const page = await api.get<Links & Record<string, unknown>>(path, { ...filter, ...position });
      return { items: itemsOf(page) as T[] | null | undefined, next: page.links?.next };
    });

  async function setAt({ id }: DesignateZone, fqdn: string): Promise<RecordSet | undefined> {
    const query = { name: `${fqdn}.`, type: 'TXT' };
    const sets = await all<RecordSet>(`zones/${id}/recordsets`, query, (page) => page.recordsets);
    return sets.find(({ name, type }) => type === 'TXT' && asciiName(name) === fqdn);
  }

  /** Until a change of a zone or a record set is done. What is gone by then is done, too. */
  const settled = (path: string, what: string) =>
    pollUntil(
      async () => {
        const now = (await api.get<Pick<RecordSet, 'status'>>(path).catch(unlessMissing)) ?? {};
        if (now.status === 'ERROR') throw new ProviderError('api', `${who}: ${what} is in status ERROR`);
        return isPending(now) ? undefined : true;
      },
      { what: `${who}: a change of ${what}`, signal: signal(), intervalMs: 2000, timeoutMs: 300_000 },
    );
  const setPath = (zone: DesignateZone, id: string) => `zones/${zone.id}/recordsets/${id}`;

  async function send(zone: DesignateZone, fqdn: string, ttl: number, values: readonly string[]): Promise<void> {
    const set = known.get(fqdn);
    const before = set?.records ?? [];
    // What others wrote goes back as it came.
    const records = values.map((value) => before.find((record) => unquoteTxt(record) === value) ?? quoteTxt(value));
    const name = `${fqdn}.`;
    if (set && records.length === 0) {
      await api.delete(setPath(zone, set.id)).catch(unlessMissing);
      waitingIn(zone).delete(set.id);
      return;
    }
    const changed = set
      ? await api.put<RecordSet>(setPath(zone, set.id), {
          ...(namesUpdates ? { name, type: 'TXT' } : {}),
          ...(typeof set.description === 'string' ? { description: set.description } : {}),
          ...(typeof set.ttl === 'number' ? { ttl: set.ttl } : {}),
          records,
        })
      : await api.post<RecordSet>(`zones/${zone.id}/recordsets`, { name, type: 'TXT', ttl, records });
    const gained = records.some((record) => !before.includes(record));
    if (gained && isPending(changed ?? {})) waitingIn(zone).add(changed.id);
  }

  return perRecordSet({
    async findZone(name) {
      const zones = await all<DesignateZone>('zones', { ...zoneFilter, name: `${name}.` }, (page) => page.zones);
      const zone = zones.find((found) => asciiName(found.name) === name);
      return zone && { name, id: zone.id };
    },

    async read(zone, { fqdn }) {
      let set = await setAt(zone, fqdn);
      if (set && isGoing(set)) {
        await settled(setPath(zone, set.id), fqdn);
        set = await setAt(zone, fqdn);
      }
      known.set(fqdn, set);
      if (set && isPending(set)) waitingIn(zone).add(set.id);
      return (set?.records ?? []).map(unquoteTxt);
    },

    async write(zone, { fqdn, ttl }, values) {
      try {
        await send(zone, fqdn, ttl, values);
      } catch (error) {
        if (!isConflict(error)) throw error;
        // The engine reads the set anew before it repeats the change, which helps only when the other change is done.
        const set = known.get(fqdn);
        if (set) await settled(setPath(zone, set.id), fqdn);
        await settled(`zones/${zone.id}`, zone.name);
        throw error;
      }
    },

    async commit(zone) {
      const ids = [...waitingIn(zone)];
      unpublished.delete(zone.id);
      for (const id of ids) await settled(setPath(zone, id), `a record set in ${zone.name}`);
    },
  });
}
