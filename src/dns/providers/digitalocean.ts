import { defineProvider, perRecord, secret } from '../kit/index.ts';

interface DoRecord {
  id: number;
  data: string;
}

export default defineProvider({
  id: 'digitalocean',
  name: 'DigitalOcean',
  website: 'https://www.digitalocean.com',
  apiDocs: 'https://docs.digitalocean.com/reference/api/digitalocean/#tag/Domain-Records',
  env: {
    token: secret('DO_AUTH_TOKEN', 'Personal access token with read and write scope for domains'),
  },
  tuning: { prefix: 'DO', ttl: 30, pollingInterval: 5 },

  connect({ config, rest }) {
    const api = rest({
      url: 'https://api.digitalocean.com/v2/',
      headers: { authorization: `Bearer ${config.token}` },
      problem: (body) => (body?.id && body.message ? String(body.message) : undefined),
    });

    return perRecord({
      findZone: async (name) => (await api.get<{ domain: { name: string } }>(`domains/${name}`)).domain,

      list: async (zone, { fqdn }) => {
        const found = await api.get<{ domain_records: DoRecord[] }>(`domains/${zone.name}/records`, {
          type: 'TXT',
          name: fqdn,
          per_page: 200,
        });
        return found.domain_records.map(({ id, data }) => ({ id, value: data }));
      },
      create: (zone, { name, value, ttl }) =>
        api.post(`domains/${zone.name}/records`, { type: 'TXT', name, data: value, ttl }),
      delete: (zone, { id }) => api.delete(`domains/${zone.name}/records/${id}`),
    });
  },
});
