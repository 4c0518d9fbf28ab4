import { allPages, defineProvider, perRecord, quoteTxt, secret, unquoteTxt } from '../kit/index.ts';
import { isNamed } from '../vendors/record-names.ts';

interface Page {
  domains?: { domain: string }[] | null;
  records?: { id: string; type: string; name: string; data: string }[] | null;
  meta?: { links?: { next?: string } };
}

export default defineProvider({
  id: 'vultr',
  name: 'Vultr',
  website: 'https://www.vultr.com',
  apiDocs: 'https://www.vultr.com/api/#tag/dns',
  notes:
    'Enable the API and copy the key under *Account → API*. The key works only from addresses on the *Access Control* list ' +
    'of that page: add the address of this machine.',
  env: { key: secret('VULTR_API_KEY', 'API key') },
  tuning: { prefix: 'VULTR' },

  connect({ config, rest }) {
    const api = rest({
      url: 'https://api.vultr.com/v2/',
      headers: { authorization: `Bearer ${config.key}` },
      problem(body, status) {
        const message: unknown = body?.error;
        if (typeof message !== 'string') return undefined;
        if (/duplicate record/iu.test(message)) return null;
        // Told with 401, as a wrong key is.
        if (status !== 401 || !/\bIP\b/u.test(message)) return message;
        return { message, hint: 'add the address of this machine to the access control list, under Account → API' };
      },
    });

    /** https://www.vultr.com/api/#section/Introduction/Meta-and-pagination: `next` is empty on the last page. */
    const all = <T>(path: string, itemsOf: (page: Page) => readonly T[] | null | undefined): Promise<T[]> =>
      allPages(async ({ cursor }) => {
        const page = await api.get<Page>(path, { per_page: 500, cursor });
        return { items: itemsOf(page), next: page.meta?.links?.next };
      });

    return perRecord({
      // What `GET domains/{domain}` answers for a domain of somebody else is documented nowhere; clients list.
      listZones: async () => (await all('domains', ({ domains }) => domains)).map(({ domain }) => ({ name: domain })),
      async list(zone, { fqdn }) {
        return (await all(`domains/${zone.name}/records`, ({ records }) => records))
          .filter(({ type, name }) => type === 'TXT' && isNamed(name, zone.name, fqdn))
          .map(({ id, data }) => ({ id, value: unquoteTxt(data) }));
      },
      create: (zone, { name, value, ttl }) =>
        api.post(`domains/${zone.name}/records`, {
          type: 'TXT',
          name: name === '@' ? '' : name,
          data: quoteTxt(value),
          ttl,
        }),
      delete: (zone, { id }) => api.delete(`domains/${zone.name}/records/${id}`),
    });
  },
});
