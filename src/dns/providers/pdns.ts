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

interface PdnsZone {
  id: string;
  kind: string;
  soa_edit_api?: string;
  rrsets?: { name: string; type: string; ttl: number; records: { content: string; disabled?: boolean }[] }[];
  /** API version 0 (PowerDNS 3.x). */
  records?: { name: string; type: string; ttl: number; content: string; disabled?: boolean }[];
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
    'The server needs `api=yes` and a webserver that you can reach. Secondaries see the record only when the serial grows: ' +
    'set `SOA-EDIT-API` of the zone, for instance to `INCEPTION-INCREMENT`.',
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
        return body.error.startsWith('Could not find domain') ? { message, fault: 'missing' } : message;
      },
    });
    const version = Number(config.version ?? inPath) || (await askVersion());
    const zones = `${version ? `api/v${version}/` : ''}servers/${encodeURIComponent(config.server)}/zones/`;

    /** PowerDNS 3.x knows no `/api`; a proxy may hide it as well. */
    async function askVersion(): Promise<number> {
      try {
        return Math.max(...(await api.get<{ version: number }[]>('api')).map((known) => known.version));
      } catch (error) {
        if (!(error instanceof ProviderError) || error.fault !== 'missing') throw error;
        log.warn(
          'pdns: the server names no API version, so it is taken for PowerDNS 3.x; if it is newer, set PDNS_API_VERSION=1',
        );
        return 0;
      }
    }

    return recordSets({
      async findZone(name) {
        // The sets are not wanted here; servers before 4.3 send them all the same.
        const zone = await api.get<PdnsZone>(`${zones}${name}.`, version ? { rrsets: false } : {});
        if (secondary.test(zone.kind))
          log.warn(`pdns: ${name} is a secondary zone here; its primary may undo the change`);
        if (primary.test(zone.kind) && zone.soa_edit_api === '')
          log.warn(
            `pdns: SOA-EDIT-API of ${name} is not set, so its serial stays and secondaries may not fetch the record`,
          );
        return { name, id: zone.id, kind: zone.kind };
      },

      // The whole zone: asked for one set (`rrset_name`), 4.7 leaves out disabled records, and a write would delete them.
      async read({ id }) {
        const { rrsets = [], records = [] } = await api.get<PdnsZone>(`${zones}${id}`);
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
            if (rows.length === 0) return { name, type: 'TXT', changetype: 'DELETE' };
            const ttl = rows.find((row) => row.ttl !== undefined)?.ttl ?? wanted; // A set has one TTL: that of the others stays.
            const shown = new Set(rows.filter((row) => !row.disabled).map((row) => row.content));
            const once = rows.filter((row) => !row.disabled || !shown.has(row.content)); // Both would be a duplicate.
            const records = once.map(({ content, disabled }) =>
              version ? { content, disabled } : { name, type: 'TXT', ttl, content, disabled },
            );
            return { name, type: 'TXT', changetype: 'REPLACE', ...(version ? { ttl } : {}), records };
          }),
        }),

      async commit({ id, name, kind }) {
        if (!version || !primary.test(kind)) return;
        try {
          await api.put(`${zones}${id}/notify`);
        } catch (error) {
          if (!(error instanceof ProviderError) || error.passing) throw error;
          log.warn(`pdns: the secondaries of ${name} were not told: ${error.message}`);
        }
      },
    });
  },
});
