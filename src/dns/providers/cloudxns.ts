import {
  allPages,
  asciiName,
  defineProvider,
  hash,
  type Problem,
  perRecord,
  secret,
  unquoteTxt,
} from '../kit/index.ts';

interface Domain {
  id: string | number;
  domain: string;
}
interface DomainRecord {
  record_id: string | number;
  host: string;
  type: string;
  value: string;
}
interface Reply<T> {
  data?: T[] | null;
  total?: string | number;
}

/** More are refused. */
const ROWS = 2000;
const MAX_TTL = 3600;
/** The line that answers where no other does. */
const DEFAULT_LINE = 1;

export default defineProvider({
  id: 'cloudxns',
  name: 'CloudXNS',
  website: 'https://www.cloudxns.net/',
  apiDocs: 'https://github.com/CloudXNS/CloudXNS-API-SDK-Python',
  notes:
    'CloudXNS closed in 2021 and has no successor: move the zone to another provider. Its domain is parked, and whoever owns ' +
    'it receives the requests, so use no keys here that are valid elsewhere.',
  env: {
    key: secret('CLOUDXNS_API_KEY', 'API key'),
    secret: secret('CLOUDXNS_SECRET_KEY', 'Secret key'),
  },
  tuning: { prefix: 'CLOUDXNS', minTtl: 60 },

  connect({ config, rest, log }) {
    log.warn(
      'cloudxns: CloudXNS closed in 2021 without a successor, and its domain is parked: move the zone to another provider',
    );
    const api = rest({
      url: 'https://www.cloudxns.net/api2/',
      headers: { 'api-key': config.key, 'api-format': 'json' },
      // https://github.com/CloudXNS/CloudXNS-API-SDK-PHP/blob/master/src/Api.php (doHash)
      sign({ url, body }) {
        const date = new Date().toUTCString().replace('GMT', '+0000');
        return {
          'api-request-date': date,
          'api-hmac': hash('md5', `${config.key}${url}${body}${date}${config.secret}`),
        };
      },
      problem: problemOf,
    });

    return perRecord({
      async listZones() {
        const { data } = await api.get<Reply<Domain>>('domain');
        return (data ?? []).map(({ id, domain }) => ({ name: asciiName(domain), id }));
      },
      async list(zone, { name, fqdn }) {
        const found = await allPages(async ({ offset }) => {
          const query = { host_id: 0, offset, row_num: ROWS };
          const { data: items, total } = await api.get<Reply<DomainRecord>>(`record/${zone.id}`, query);
          return { items, total };
        });
        return found
          .filter(({ type, host }) => type === 'TXT' && [name, fqdn].includes(asciiName(host)))
          .map(({ record_id, value }) => ({ id: record_id, value: unquoteTxt(value) }));
      },
      create: (zone, { name, value, ttl }) =>
        api.post('record', {
          domain_id: Number(zone.id),
          host: name,
          value,
          type: 'TXT',
          ttl: Math.min(ttl, MAX_TTL),
          line_id: DEFAULT_LINE,
        }),
      delete: (zone, { id }) => api.delete(`record/${id}/${zone.id}`),
    });
  },
});

/** Errors come with any HTTP status, and the list of their codes is lost with the service: the words have to tell. */
function problemOf(body?: { code?: number | string; message?: string; error?: string }): Problem | null | undefined {
  if (body?.error) return { message: body.error };
  if (body?.code === undefined || Number(body.code) === 1) return undefined;
  const said = body.message ?? 'no reason given';
  const message = `${said} (${body.code})`;
  if (/already exist|已存在|重复/iu.test(said)) return null;
  if (/\b(?:date|time|expired)\b|时间|过期/iu.test(said)) {
    const hint = `the clock of this machine, which shows ${new Date().toISOString()}, must be right: set it`;
    return { message, fault: 'auth', hint };
  }
  if (
    /API[-_ ]?KEY|HMAC|secret|signature|\bauth|unauthori[sz]ed|credential|permission|denied|密钥|签名|认证|权限/iu.test(
      said,
    )
  )
    return { message, fault: 'auth' };
  return /not exist|not found|no record|不存在|没有/iu.test(said) ? { message, fault: 'missing' } : { message };
}
