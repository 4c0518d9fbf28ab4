import { allPages, asciiName, defineProvider, perRecord, secret, unquoteTxt, url } from '../kit/index.ts';
import { isNamed } from '../vendors/record-names.ts';

interface DoRecord {
  id: number;
  type: string;
  /** Relative to the domain; `@` at its apex. */
  name: string;
  data: string;
}
interface RecordPage {
  domain_records?: DoRecord[] | null;
  links?: { pages?: { next?: string } };
}

export default defineProvider({
  id: 'digitalocean',
  name: 'DigitalOcean',
  website: 'https://www.digitalocean.com',
  apiDocs: 'https://docs.digitalocean.com/reference/api/digitalocean/#tag/Domain-Records',
  notes:
    'Create a personal access token under *API → Tokens*, with the scopes `domain:read`, `domain:create` and `domain:delete`.',
  env: {
    token: secret('DO_AUTH_TOKEN', 'Personal access token that may read and write domains'),
    baseUrl: url('DO_API_URL', 'Address of the API').default('https://api.digitalocean.com'),
  },
  tuning: { prefix: 'DO', ttl: 30, minTtl: 30, pollingInterval: 5 },

  connect({ config, rest }) {
    const api = rest({
      url: `${config.baseUrl.replace(/(?:\/v2)?\/*$/u, '')}/v2/`,
      headers: { authorization: `Bearer ${config.token}` },
      problem: (body) => (body?.id && typeof body.message === 'string' ? body.message : undefined),
    });

    return perRecord({
      async findZone(name) {
        const { domain } = await api.get<{ domain: { name: string } }>(`domains/${name}`);
        return asciiName(domain.name) === name ? { name } : undefined;
      },

      async list(zone, { fqdn }) {
        const found = await allPages(async ({ page }) => {
          const query = { type: 'TXT', name: fqdn, per_page: 200, page };
          const { domain_records: items, links } = await api.get<RecordPage>(`domains/${zone.name}/records`, query);
          return { items, pages: links?.pages?.next ? page + 1 : page };
        });
        return found
          .filter(({ type, name }) => type === 'TXT' && isNamed(name, zone.name, fqdn))
          .map(({ id, data }) => ({ id, value: unquoteTxt(data) }));
      },
      create: (zone, { name, value, ttl }) =>
        api.post(`domains/${zone.name}/records`, { type: 'TXT', name, data: value, ttl }),
      delete: (zone, { id }) => api.delete(`domains/${zone.name}/records/${id}`),
    });
  },
});
