import {
  choice,
  defineProvider,
  ProviderError,
  quoteTxt,
  recordSets,
  secret,
  text,
  unquoteTxt,
  url,
} from '../kit/index.ts';

interface Comment {
  content: string;
  account?: string | undefined;
  modified_at?: number | undefined;
}
interface Named {
  name: string;
  type: string;
}
interface PdnsZone {
  id?: string;
  kind: string;
  soa_edit_api?: string;
  rrsets?: (Named & { ttl: number; records: { content: string; disabled?: boolean }[]; comments?: Comment[] })[];
  /** API version 0 (PowerDNS 3.x). */
  records?: (Named & { ttl: number; content: string; disabled?: boolean })[];
  comments?: (Named & Comment)[];
}
interface SearchResult extends Named {
  object_type: string;
  zone_id: string;
  content: string;
  ttl: number;
  disabled?: boolean;
}
interface Row {
  value: string;
  content: string;
  disabled: boolean;
  ttl?: number;
}

const primary = /^(?:master|primary|producer)$/iu;
const secondary = /^(?:slave|secondary|consumer)$/iu;
const bare = (name: string) => name.toLowerCase().replace(/\.$/u, '');

export default defineProvider({
  id: 'pdns',
  name: 'PowerDNS',
  website: 'https://www.powerdns.com/',
  apiDocs: 'https://doc.powerdns.com/authoritative/http-api/',
  notes:
    'The server needs `api=yes` and a webserver that you can reach (`webserver-address`, `webserver-allow-from`). Secondaries ' +
    'see the record only when the serial grows: set `SOA-EDIT-API` of the zone, for instance to `INCEPTION-INCREMENT`. ' +
    'Zones whose contents take more than 4 MiB need PowerDNS 4.6 or newer.',
  env: {
    key: secret('PDNS_API_KEY', 'API key'),
    url: url('PDNS_API_URL', 'Address of the API, http://127.0.0.1:8081'),
    server: text('PDNS_SERVER_NAME', 'Server id in the API paths').default('localhost'),
    version: choice('PDNS_API_VERSION', 'API version; 0 or not set: ask the server', ['0', '1']).optional(),
  },
  tuning: { prefix: 'PDNS', propagationTimeout: 120 },

  async connect({ config, log, rest }) {
    const [, base = '', inPath] = /^(.*?)(?:\/api\/v([01]))?\/*$/u.exec(config.url) ?? [];
    const api = rest({
      url: `${base}/`,
      headers: { 'x-api-key': config.key },
      problem(body) {
        if (typeof body?.error !== 'string') return undefined;
        const message = [body.error, ...(body.errors ?? [])].join('; ');
        // Before 4.2 an unknown zone was answered with 422 instead of 404.
        if (body.error.startsWith('Could not find domain')) return { message, fault: 'missing' };
        return { message, hint: nextSteps.find(([said]) => said.test(message))?.[1] };
      },
    });
    const version = Number(config.version ?? inPath) || (await askVersion());
    const server = `${version ? `api/v${version}/` : ''}servers/${encodeURIComponent(config.server)}`;
    const zones = `${server}/zones/`;
    /** The comments at the names of a change, between reading and writing: they would go with the last record. */
    const noted = new Map<string, Comment[]>();
    let serverIsKnown: Promise<void> | undefined;

    /** PowerDNS 3.x knows no `/api`; a proxy may hide it as well. */
    async function askVersion(): Promise<number> {
      try {
        return Math.max(0, ...(await api.get<{ version: number }[]>('api')).map((known) => known.version));
      } catch (error) {
        if (!isAbsent(error)) throw error;
        log.warn(
          'pdns: the server names no API version, so it is taken for PowerDNS 3.x; a newer one needs api=yes, the right path ' +
            'in PDNS_API_URL, and PDNS_API_VERSION=1 where a proxy hides /api',
        );
        return 0;
      }
    }

    /** A server name that is wrong looks like a zone that is not there. */
    async function checkServerName(): Promise<void> {
      if (config.server === 'localhost') return;
      await api.get(server).catch((error: unknown) => {
        if (!isAbsent(error)) throw error;
        log.warn(
          `pdns: no server ${config.server} is known there: check PDNS_SERVER_NAME, PowerDNS itself says localhost`,
        );
      });
    }

    const wholeZone = (id: string) => api.get<PdnsZone>(`${zones}${id}`);

    /**
     * For zones too large to be read at once. Sets can be asked for since 4.6, but before 5.0 without their disabled records,
     * which a write would delete (https://github.com/PowerDNS/pdns/issues/11473); the search finds those in SQL backends.
     */
    async function partsOf(id: string, fqdns: readonly string[]): Promise<PdnsZone> {
      const [major = 0, minor = 0] = ((await api.get<{ version?: string }>(server)).version ?? '')
        .split('.')
        .map(Number);
      if (!(major > 4 || (major === 4 && minor >= 6)))
        throw new ProviderError('api', `pdns: ${id} is too large to be read at once`, {
          hint: 'PowerDNS 4.6 and newer show single names; or point the challenge name into a small zone by a CNAME',
        });
      const shown = await Promise.all(
        fqdns.map(async (fqdn) => {
          const query = { rrset_name: `${fqdn}.`, rrset_type: 'TXT' };
          const { rrsets = [] } = await api.get<PdnsZone>(`${zones}${id}`, query);
          return rrsets.filter(({ name }) => bare(name) === fqdn); // Before 4.9 the comments of all others come along.
        }),
      );
      const found = await Promise.all(
        (major < 5 ? fqdns : []).map((fqdn) =>
          api.get<SearchResult[]>(`${server}/search-data`, { q: fqdn, object_type: 'record', max: 1000 }),
        ),
      );
      return {
        kind: '',
        rrsets: shown.flat(),
        records: found.flat().filter(({ zone_id, disabled }) => zone_id === id && disabled === true),
      };
    }

    return recordSets({
      async findZone(name) {
        // The sets are not wanted here; servers before 4.3 send them all the same.
        const zone = await api
          .get<PdnsZone>(`${zones}${name}.`, version ? { rrsets: false } : {})
          .catch((error: unknown) => {
            if (!isAbsent(error)) throw error;
          });
        if (!zone) {
          serverIsKnown ??= checkServerName();
          await serverIsKnown;
          return undefined;
        }
        if (secondary.test(zone.kind))
          log.warn(
            `pdns: ${name} is a secondary zone here; its primary may undo the change: let PDNS_API_URL name the primary`,
          );
        if (primary.test(zone.kind) && zone.soa_edit_api === '')
          log.warn(
            `pdns: SOA-EDIT-API of ${name} is not set, so its serial stays and secondaries may not fetch the record; ` +
              `try: pdnsutil set-meta ${name} SOA-EDIT-API DEFAULT`,
          );
        return { name, id: zone.id ?? `${name}.`, kind: zone.kind };
      },

      async read({ id }, fqdns) {
        const {
          rrsets = [],
          records = [],
          comments = [],
        } = await wholeZone(id).catch((error: unknown) => {
          if (!isTooLarge(error)) throw error;
          return partsOf(id, fqdns);
        });
        for (const fqdn of fqdns) {
          const here = ({ name, type }: Named) => type === 'TXT' && bare(name) === fqdn;
          const all = [...rrsets.filter(here).flatMap((set) => set.comments ?? []), ...comments.filter(here)];
          noted.set(
            fqdn,
            all.map(({ content, account, modified_at }) => ({ content, account, modified_at })),
          );
        }
        return [...rrsets.flatMap((set) => set.records.map((record) => ({ ...set, ...record }))), ...records]
          .filter(({ type }) => type === 'TXT')
          .map(({ name, content, disabled = false, ttl }) => ({
            fqdn: bare(name),
            value: disabled ? '' : unquoteTxt(content), // A record that is switched off shows nothing to the CA.
            content,
            disabled,
            ttl,
          }));
      },
      toRow: ({ value }): Row => ({ value, content: quoteTxt(value), disabled: false }),

      write: ({ id }, sets) =>
        api.patch(`${zones}${id}`, {
          rrsets: sets.map(({ fqdn, ttl: wanted, rows }) => {
            const name = version ? `${fqdn}.` : fqdn;
            const set = { name, type: 'TXT', changetype: 'REPLACE', ...(version ? { ttl: wanted } : {}) };
            const comments = noted.get(fqdn) ?? [];
            if (rows.length === 0 && comments.length > 0) return { ...set, records: [], comments };
            if (rows.length === 0) return { name, type: 'TXT', changetype: 'DELETE' };
            const ttl = rows.find((row) => row.ttl !== undefined)?.ttl ?? wanted; // A set has one TTL: that of the others stays.
            const shown = new Set(rows.filter((row) => !row.disabled).map((row) => row.content));
            const once = rows.filter((row) => !row.disabled || !shown.has(row.content)); // Both would be a duplicate.
            const records = once.map(({ content, disabled }) =>
              version ? { content, disabled } : { name, type: 'TXT', ttl, content, disabled },
            );
            return { ...set, ...(version ? { ttl } : {}), records };
          }),
        }),

      async commit({ id, name, kind }) {
        if (!version || !primary.test(kind)) return;
        // The record is there, and a primary looks for grown serials by itself, every minute: no reason to fail.
        await api.put(`${zones}${id}/notify`).catch((error: unknown) => {
          if (!(error instanceof ProviderError)) throw error;
          log.warn(`pdns: the secondaries of ${name} were not told: ${error.message}`);
        });
      },
    });
  },
});

/** Parts of PowerDNS's messages, and what to do. */
const nextSteps: readonly [RegExp, string][] = [
  [
    /Conflicts with (?:pre-existing|another) RRset/u,
    'a CNAME at this name excludes TXT records: remove one of the two',
  ],
  [/does not support editing records/u, 'the zone is in a backend that cannot be changed, such as bind or pipe'],
  [/Consumer zones/u, 'a consumer zone is filled from its catalog: change the record on the producer'],
];

/** Since 4.9 paths that do not exist may be answered with 405: https://github.com/PowerDNS/pdns/issues/14572 */
const isAbsent = (error: unknown): boolean =>
  error instanceof ProviderError && (error.fault === 'missing' || error.status === 405);

const isTooLarge = (error: unknown): boolean =>
  error instanceof ProviderError && (error.cause as { fault?: unknown } | undefined)?.fault === 'too-large';
