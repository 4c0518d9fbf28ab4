import {
  defineProvider,
  oneOf,
  type Problem,
  perRecord,
  quoteTxt,
  secret,
  text,
  unquoteTxt,
  url,
} from '../kit/index.ts';

interface Page<T> {
  result: T[];
  result_info?: { page?: number; total_pages?: number };
}
interface Failure {
  success?: boolean;
  errors?: { code: number; message: string; error_chain?: { code: number; message: string }[] }[];
}

/** Largest page of https://developers.cloudflare.com/api/resources/zones/methods/list/; of records more would go. */
const PER_PAGE = 50;
/** An identical record is there already. */
const PRESENT = [81057, 81058];
/** Malformed headers, an unknown key, a token that is not valid: whatever the HTTP status says. */
const REFUSED = [6003, 6103, 6111, 9103, 9106, 9109, 10000, 10001];

export default defineProvider({
  id: 'cloudflare',
  name: 'Cloudflare',
  website: 'https://www.cloudflare.com/dns/',
  apiDocs: 'https://developers.cloudflare.com/api/resources/dns/',
  notes:
    'Create an API token under *My Profile → API Tokens* with *Zone → DNS → Edit*, and *Zone → Zone → Read* unless a separate ' +
    'zone token is given. A token is the better choice: the global API key opens the whole account.',
  env: {
    auth: oneOf({
      token: {
        dns: secret(['CLOUDFLARE_DNS_API_TOKEN', 'CF_DNS_API_TOKEN'], 'API token that may edit DNS'),
        zone: secret(
          ['CLOUDFLARE_ZONE_API_TOKEN', 'CF_ZONE_API_TOKEN'],
          'API token that may list zones; without it the DNS token must',
        ).optional(),
      },
      globalKey: {
        email: text(['CLOUDFLARE_EMAIL', 'CF_API_EMAIL'], 'E-mail address of the account'),
        key: secret(['CLOUDFLARE_API_KEY', 'CF_API_KEY'], 'Global API key'),
      },
    }),
    baseUrl: url('CLOUDFLARE_BASE_URL', 'Address of the API').default('https://api.cloudflare.com/client/v4'),
  },
  tuning: { prefix: ['CLOUDFLARE', 'CF'], minTtl: 120, propagationTimeout: 120 },

  connect({ config: { auth, baseUrl }, rest }) {
    const client = (headers: Record<string, string>) => {
      const api = rest({ url: baseUrl, headers, problem: (body) => problemOf(body, auth.via) });
      return {
        ...api,
        async all<T>(path: string, query: Record<string, string>): Promise<T[]> {
          const found: T[] = [];
          for (let page = 1; ; page += 1) {
            const { result, result_info } = await api.get<Page<T>>(path, { ...query, per_page: PER_PAGE, page });
            found.push(...result);
            if (result.length === 0 || page >= (result_info?.total_pages ?? 1)) return found;
          }
        },
      };
    };
    const dns = client(
      auth.via === 'token'
        ? { authorization: `Bearer ${auth.dns}` }
        : { 'x-auth-email': auth.email, 'x-auth-key': auth.key },
    );
    const zones = auth.via === 'token' && auth.zone ? client({ authorization: `Bearer ${auth.zone}` }) : dns;

    return perRecord({
      findZone: async (name) =>
        (await zones.all<{ id: string; name: string }>('zones', { name })).find((zone) => zone.name === name),
      list: async (zone, { fqdn }) => {
        const query = { type: 'TXT', 'name.exact': fqdn };
        const records = await dns.all<{ id: string; content: string }>(`zones/${zone.id}/dns_records`, query);
        return records.map(({ id, content }) => ({ id, value: unquoteTxt(content) }));
      },
      create: (zone, { fqdn, value, ttl }) =>
        dns.post(`zones/${zone.id}/dns_records`, { type: 'TXT', name: fqdn, content: quoteTxt(value), ttl }),
      delete: (zone, { id }) => dns.delete(`zones/${zone.id}/dns_records/${id}`),
    });
  },
});

function problemOf(body: Failure | undefined, via: 'token' | 'globalKey'): Problem | null | undefined {
  if (body?.success !== false) return undefined;
  const errors = (body.errors ?? []).flatMap((error) => [error, ...(error.error_chain ?? [])]);
  if (errors.some(({ code }) => PRESENT.includes(code))) return null;
  const message = errors.map(({ code, message }) => `${message} (${code})`).join(', ');
  if (!errors.some(({ code }) => REFUSED.includes(code))) return { message };
  return {
    message,
    fault: 'auth',
    hint:
      via === 'token'
        ? 'check CLOUDFLARE_DNS_API_TOKEN: it takes an API token, not the global API key'
        : 'check CLOUDFLARE_EMAIL and CLOUDFLARE_API_KEY: it takes the global API key; a token goes to CLOUDFLARE_DNS_API_TOKEN',
  };
}
