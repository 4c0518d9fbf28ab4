import {
  allPages,
  asciiName,
  changeSets,
  defineProvider,
  pollUntil,
  quoteTxt,
  secret,
  text,
  unquoteTxt,
} from '../kit/index.ts';
import { onlyZone } from '../vendors/only-zone.ts';

/** Goes back as it came, so that an update changes nothing but records. */
interface ZoneConfig {
  id: string;
  name: string;
  status: string;
}
interface DnsRecord {
  id: string;
  zoneConfigId?: string;
  name: string;
  type: string;
  content: string;
}
interface Page<T> {
  response?: { data?: T[] | null; totalPages?: number } | null;
}
interface Failure {
  code?: number;
  text?: string;
  value?: string;
  contextPath?: string;
  details?: (string | { value?: string })[] | null;
}
interface Filter {
  field: string;
  value: string;
}

const INVALID_KEY = 10109;
const isAboutKey = ({ code, text = '', contextPath }: Failure) =>
  Number(code) === INVALID_KEY || contextPath === 'authToken' || /api.?key|auth.?token|authenticat/iu.test(text);

export default defineProvider({
  id: 'hostingde',
  name: 'hosting.de',
  website: 'https://www.hosting.de',
  apiDocs: 'https://www.hosting.de/api/#dns',
  notes:
    'Create an API key in the profile of your account, with the rights to list and to edit DNS zones. ' +
    'A zone takes one change at a time and is blocked meanwhile; quoin waits. ' +
    '`HOSTINGDE_ZONE_NAME` is not needed: zones are looked up.',
  env: {
    key: secret('HOSTINGDE_API_KEY', 'API key'),
    zone: text('HOSTINGDE_ZONE_NAME', 'Zone to use instead of the one that is found').optional(),
  },
  tuning: { prefix: 'HOSTINGDE', minTtl: 60, propagationTimeout: 120 },

  connect({ config, rest, signal }) {
    const api = rest({
      url: 'https://secure.hosting.de/api/dns/v1/json/',
      problem(body) {
        if (body?.status !== 'error') return undefined;
        const errors: Failure[] = body.errors ?? [];
        const message = errors.map(describe).join('; ') || 'no reason given';
        if (errors.some(isAboutKey)) return { message, fault: 'auth' };
        // Someone else's change is under way.
        return errors.some(({ value }) => value === 'blocked') ? { message, fault: 'rate' } : message;
      },
    });
    const call = <T>(method: string, params: object) => api.post<T>(method, { authToken: config.key, ...params });

    const find = <T>(method: string, filter: Filter): Promise<T[]> =>
      allPages(async ({ page }) => {
        const { response } = await call<Page<T>>(method, { filter, limit: 100, page });
        return { items: response?.data, pages: response?.totalPages };
      });
    const findConfig = async (name: string) =>
      (await find<ZoneConfig>('zoneConfigsFind', { field: 'zoneName', value: name })).find(
        (config) => asciiName(config.name) === name,
      );
    const findZone = async (name: string) => {
      const config = await findConfig(name);
      return config && { name, id: config.id };
    };
    /** An update is done in the background, and blocks the zone until then. */
    const activeConfig = ({ name }: { name: string }) =>
      pollUntil(
        async () => {
          const config = await findConfig(name);
          return config?.status === 'active' ? config : undefined;
        },
        { what: `hostingde: an earlier change of ${name}`, signal: signal(), intervalMs: 2000, timeoutMs: 300_000 },
      );

    return changeSets({
      ...onlyZone({ who: 'hostingde', variable: 'HOSTINGDE_ZONE_NAME', name: config.zone, lookup: { findZone } }),

      async read(zone, fqdns) {
        const found = await Promise.all(
          fqdns.map((fqdn) => find<DnsRecord>('recordsFind', { field: 'recordName', value: fqdn })),
        );
        // A zone below may have records of the same name.
        return found
          .flat()
          .filter(({ type, zoneConfigId = zone.id }) => type === 'TXT' && zoneConfigId === zone.id)
          .map((record) => ({ fqdn: asciiName(record.name), value: unquoteTxt(record.content), record }));
      },

      // One update for all names, because each makes the zone wait.
      async write(zone, { add, remove }) {
        await call('zoneUpdate', {
          zoneConfig: await activeConfig(zone),
          recordsToAdd: add.map(({ fqdn, value, ttl }) => ({ name: fqdn, type: 'TXT', content: quoteTxt(value), ttl })),
          recordsToDelete: remove.map(({ record: { id, name, type, content } }) => ({ id, name, type, content })),
        });
      },
    });
  },
});

const describe = ({ code, text, value, details }: Failure): string => {
  const more = (details ?? []).map((detail) => (typeof detail === 'string' ? detail : detail.value));
  return `${[text, value, ...more].filter(Boolean).join(': ')} (${code})`;
};
