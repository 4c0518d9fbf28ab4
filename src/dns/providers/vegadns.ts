import {
  allPages,
  asciiName,
  basicAuth,
  type CallOptions,
  ConfigError,
  defineProvider,
  type Problem,
  perRecord,
  type Query,
  secret,
  unquoteTxt,
  url,
} from '../kit/index.ts';
import { loggedIn } from '../vendors/logged-in.ts';

interface Domain {
  domain_id: number;
  domain: string;
}
interface DomainRecord {
  record_id: number;
  record_type: string;
  name?: string;
  value?: string;
}
type Page<T> = Partial<Record<'domains' | 'records', T[]> & Record<'total_domains' | 'total_records', number>>;

const PER_PAGE = 200;

export default defineProvider({
  id: 'vegadns',
  name: 'VegaDNS',
  website: 'https://github.com/shupp/VegaDNS-API',
  apiDocs: 'https://github.com/shupp/VegaDNS-API/blob/master/swagger/vegadns.swagger.json',
  notes:
    'Create an API key for an account that may read, write and delete records of the domain; key and secret may be left out ' +
    'where the server asks for neither. Most servers publish changes every few minutes, hence the long waits.',
  env: {
    url: url('VEGADNS_URL', 'Address of the API, such as http://localhost:5000'),
    key: secret('SECRET_VEGADNS_KEY', 'API key').optional(),
    secret: secret('SECRET_VEGADNS_SECRET', 'Secret of the API key').optional(),
  },
  tuning: { prefix: 'VEGADNS', ttl: 10, propagationTimeout: 720, pollingInterval: 60 },

  connect({ config, rest, hide }) {
    const { key, secret } = config;
    if ((key === undefined) !== (secret === undefined))
      throw new ConfigError('vegadns: SECRET_VEGADNS_KEY and SECRET_VEGADNS_SECRET go together: set both or none');
    const api = rest({
      url: `${config.url.replace(/(?:\/1\.0)?\/*$/u, '')}/1.0/`,
      problem(body): Problem | undefined {
        if (typeof body?.access_token === 'string') hide(body.access_token); // Before the answer is logged.
        if (typeof body?.message !== 'string') return undefined;
        return { message: body.message, fault: body.message === 'invalid_client' ? 'auth' : undefined };
      },
    });
    /** RFC 6749 section 4.4. A token works for at least ten minutes, propagation may take longer. */
    const session = loggedIn({
      async login(): Promise<Record<string, string>> {
        if (key === undefined || secret === undefined) return {};
        const { access_token } = await api.post<{ access_token: string }>(
          'token',
          new URLSearchParams({ grant_type: 'client_credentials' }),
          { headers: { authorization: basicAuth(key, secret) } },
        );
        return { authorization: `Bearer ${access_token}` };
      },
    });

    const send = <T>(method: string, path: string, options: CallOptions = {}) =>
      session.use(async (headers) => (await api.request<T>(method, path, { ...options, headers })).body);

    const all = <T>(what: 'domains' | 'records', query: Query): Promise<T[]> =>
      allPages(async ({ page }) => {
        const answer = await send<Page<T>>('GET', what, { query: { ...query, sort: 'name', page, perpage: PER_PAGE } });
        return { items: answer[what], total: answer[`total_${what}`] };
      });

    return perRecord({
      async findZone(name) {
        const domains = await all<Domain>('domains', { search: name }); // All that contain it.
        const found = domains.find(({ domain }) => asciiName(domain) === name);
        return found && { name, id: found.domain_id };
      },
      async list(zone, { fqdn }) {
        const query = { domain_id: zone.id, filter_record_type: 'TXT', search_name: fqdn };
        return (await all<DomainRecord>('records', query))
          .filter(({ record_type, name = '' }) => record_type === 'TXT' && asciiName(name) === fqdn)
          .map(({ record_id, value = '' }) => ({ id: record_id, value: unquoteTxt(value) }));
      },
      create(zone, { fqdn, value, ttl }) {
        const record = { record_type: 'TXT', domain_id: String(zone.id), name: fqdn, value, ttl: String(ttl) };
        return send('POST', 'records', { body: new URLSearchParams(record) });
      },
      delete: (_zone, { id }) => send('DELETE', `records/${id}`),
    });
  },
});
