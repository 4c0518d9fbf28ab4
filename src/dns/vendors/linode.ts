import {
  allPages,
  asciiName,
  type ProviderContext,
  perRecord,
  type Query,
  type Tuning,
  unquoteTxt,
} from '../kit/index.ts';
import { isNamed } from './record-names.ts';

interface Page<T> {
  data?: T[] | null;
  pages?: number;
}

/**
 * The name servers fetch changes at each quarter of an hour. lego waits until the next one and another 420 seconds; this is
 * that for whoever comes right after one. Polling ends earlier where the change shows earlier.
 */
export const tuning: Tuning = {
  prefix: 'LINODE',
  ttl: 300,
  minTtl: 300,
  propagationTimeout: 15 * 60 + 420,
  pollingInterval: 15,
};

/** API version 4: https://techdocs.akamai.com/linode-api/reference/get-domain-records */
export function apiV4(rest: ProviderContext<unknown>['rest'], token: string) {
  const api = rest({
    url: 'https://api.linode.com/v4/',
    headers: { authorization: `Bearer ${token}` },
    problem: (body: { errors?: { reason: string; field?: string }[] } | undefined) =>
      body?.errors?.map(({ field, reason }) => (field ? `${field}: ${reason}` : reason)).join(', '),
  });

  /** https://techdocs.akamai.com/linode-api/reference/filtering-and-sorting: the filter is a header. */
  function all<T>(path: string, filter: Query): Promise<T[]> {
    const headers = { 'x-filter': JSON.stringify(filter) };
    return allPages(async ({ page }) => {
      const { data: items, pages } = await api.get<Page<T>>(path, { page, page_size: 500 }, { headers });
      return { items, pages };
    });
  }

  return perRecord({
    async findZone(name) {
      const zones = await all<{ id: number; domain: string }>('domains', { domain: name });
      const zone = zones.find(({ domain }) => asciiName(domain) === name);
      return zone && { name, id: zone.id };
    },
    async list(zone, { fqdn }) {
      const records = await all<{ id: number; type: string; name?: string | null; target: string }>(
        `domains/${zone.id}/records`,
        { type: 'TXT' },
      );
      return records
        .filter(({ type, name }) => type === 'TXT' && isNamed(name, zone.name, fqdn)) // The API keeps the name it is given.
        .map(({ id, target }) => ({ id, value: unquoteTxt(target) }));
    },
    create: (zone, { name, value, ttl }) =>
      api.post(`domains/${zone.id}/records`, {
        type: 'TXT',
        name: name === '@' ? '' : name,
        target: value,
        ttl_sec: ttl,
      }),
    delete: (zone, { id }) => api.delete(`domains/${zone.id}/records/${id}`),
  });
}
