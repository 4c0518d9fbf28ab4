import {
  allPages,
  asciiName,
  type ProviderContext,
  perRecord,
  type TxtEditor,
  unquoteTxt,
  type Zone,
} from '../kit/index.ts';

interface DomainRecord {
  id: number;
  /** In full, without a trailing dot. */
  name: string;
  type: string;
  content?: string;
}
interface Domain extends Zone {
  readonly id: number;
}

/** Longest list that one answer of https://docs.selectel.ru/api/dns-legacy holds. */
const LIMIT = 1000;

/** The domains of Selectel's legacy DNS hosting, which Vscale has at an address of its own. */
export function legacyDomains(
  { rest }: Pick<ProviderContext<unknown>, 'rest'>,
  { url, token }: { readonly url: string; readonly token: string },
): TxtEditor<Domain> {
  const api = rest({
    url,
    headers: { 'x-token': token },
    problem(body, status) {
      if (status < 400 || typeof body?.error !== 'string') return undefined;
      if (body.error.includes('already_exists')) return null;
      return body.field ? `${body.error} (${body.field})` : body.error;
    },
  });

  return perRecord({
    async findZone(name) {
      const domain = await api.get<Domain>(name);
      return asciiName(domain.name) === name ? { name, id: domain.id } : undefined;
    },
    async list({ id }, { fqdn }) {
      const found = await allPages<DomainRecord>(
        async ({ offset }) => {
          const query = { limit: LIMIT, offset };
          const { headers, body } = await api.request<DomainRecord[] | null>('GET', `${id}/records/`, { query });
          return { items: body, total: headers['x-total-count'] ?? Number.POSITIVE_INFINITY };
        },
        (record) => record.id,
      );
      return found
        .filter(({ type, name }) => type === 'TXT' && asciiName(name) === fqdn)
        .map((record) => ({ id: record.id, value: unquoteTxt(record.content ?? '') }));
    },
    create: ({ id }, { fqdn, value, ttl }) =>
      api.post(`${id}/records/`, { name: fqdn, type: 'TXT', ttl, content: value }),
    delete: (zone, { id }) => api.delete(`${zone.id}/records/${id}`),
  });
}
