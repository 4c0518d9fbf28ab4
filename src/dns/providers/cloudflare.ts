import {
  allPages,
  asciiName,
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
  result?: T[] | null;
  /** Only the number of records is documented for every list. */
  result_info?: { total_pages?: number; total_count?: number };
}
interface CfZone {
  id: string;
  name: string;
  status?: string;
}
interface CfRecord {
  id: string;
  type: string;
  name: string;
  content: string;
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
        all: <T>(path: string, query: Record<string, string>): Promise<T[]> =>
          allPages(async ({ page }) => {
            const { result: items, result_info } = await api.get<Page<T>>(path, { ...query, per_page: PER_PAGE, page });
            const { total_pages: pages, total_count: total } = result_info ?? {};
            return { items, ...(pages === undefined ? { total } : { pages }) };
          }),
      };
    };
    const dns = client(
      auth.via === 'token'
        ? { authorization: `Bearer ${auth.dns}` }
        : { 'x-auth-email': auth.email, 'x-auth-key': auth.key },
    );
    const zones = auth.via === 'token' && auth.zone ? client({ authorization: `Bearer ${auth.zone}` }) : dns;

    return perRecord({
      async findZone(name) {
        const found = (await zones.all<CfZone>('zones', { name })).filter((zone) => asciiName(zone.name) === name);
        // Of two zones with one name, in two accounts, only the active one is served.
        const zone = found.find(({ status }) => status === 'active') ?? found[0];
        return zone && { name, id: zone.id };
      },
      // `name` is the older spelling of `name.exact`, as in cloudflare-go (v0) and acme.sh.
      async list(zone, { fqdn }) {
        const records = await dns.all<CfRecord>(`zones/${zone.id}/dns_records`, { type: 'TXT', name: fqdn });
        return records
          .filter(({ type, name }) => type === 'TXT' && asciiName(name) === fqdn)
          .map(({ id, content }) => ({ id, value: unquoteTxt(content) }));
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
        ? 'check CLOUDFLARE_DNS_API_TOKEN (CF_DNS_API_TOKEN) and, where it is set, CLOUDFLARE_ZONE_API_TOKEN ' +
          '(CF_ZONE_API_TOKEN): they take API tokens, not the global API key'
        : 'check CLOUDFLARE_EMAIL (CF_API_EMAIL) and CLOUDFLARE_API_KEY (CF_API_KEY): it takes the global API key; ' +
          'a token goes to CLOUDFLARE_DNS_API_TOKEN',
  };
}
