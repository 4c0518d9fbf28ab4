import {
  allPages,
  asciiName,
  defineProvider,
  flag,
  hmac,
  type Problem,
  perRecord,
  quoteTxt,
  secret,
  unquoteTxt,
} from '../kit/index.ts';

interface ZoneRecord {
  id: number;
  /** Relative to the zone; empty at the apex. */
  name: string;
  type: string;
  value: string;
}
interface RecordPage {
  data?: ZoneRecord[] | null;
  page?: number;
  totalPages?: number;
}

export default defineProvider({
  id: 'dnsmadeeasy',
  name: 'DNS Made Easy',
  website: 'https://dnsmadeeasy.com/',
  apiDocs: 'https://api-docs.dnsmadeeasy.com/',
  notes:
    'API key and secret key are under *Config → Account Information*. Requests carry the time, and one that is off by more than ' +
    'half a minute is refused. The API takes 150 requests in five minutes. The sandbox has accounts and keys of its own.',
  env: {
    key: secret('DNSMADEEASY_API_KEY', 'API key'),
    secret: secret('DNSMADEEASY_API_SECRET', 'Secret key'),
    sandbox: flag('DNSMADEEASY_SANDBOX', 'Use the sandbox').default(false),
  },
  tuning: { prefix: 'DNSMADEEASY', httpTimeout: 10 },

  connect({ config, rest }) {
    const api = rest({
      url: `https://api.${config.sandbox ? 'sandbox.' : ''}dnsmadeeasy.com/V2.0/dns/managed/`,
      headers: { accept: 'application/json', 'x-dnsme-apikey': config.key },
      sign() {
        const date = new Date(Date.now()).toUTCString();
        return { 'x-dnsme-requestdate': date, 'x-dnsme-hmac': hmac('sha1', config.secret, date, 'hex') };
      },
      // Refusals come as `{error: ["..."]}`, which is no JSON, and a few answers are bare text.
      parse: (body) => (/^\s*[[{<]/u.test(body) ? JSON.parse(body.replace(/^\s*\{\s*error\s*:/u, '{"error":')) : body),
      problem: problemOf,
    });

    return perRecord({
      async findZone(name) {
        const zone = await api.get<{ id: number; name?: string }>('name', { domainname: name });
        return asciiName(zone?.name ?? '') === name ? { name, id: zone.id } : undefined;
      },
      async list({ id }, at) {
        const name = at.name === '@' ? '' : at.name;
        const found = await allPages(async ({ page }) => {
          const { data: items, totalPages: pages } = await api.get<RecordPage>(`${id}/records`, {
            recordName: name || undefined, // No name is no filter, and so is an empty one.
            type: 'TXT',
            page: page > 1 ? page - 1 : undefined, // Pages count from 0.
          });
          return { items, pages };
        });
        return found
          .filter((record) => record.type === 'TXT' && asciiName(record.name) === name)
          .map((record) => ({ id: record.id, value: unquoteTxt(record.value) }));
      },
      create: (zone, { name, value, ttl }) =>
        api.post(`${zone.id}/records`, { name: name === '@' ? '' : name, type: 'TXT', value: quoteTxt(value), ttl }),
      delete: (zone, { id }) => api.delete(`${zone.id}/records/${id}`),
    });
  },
});

function problemOf(body: { error?: unknown } | undefined, status: number): Problem | null | undefined {
  if (body?.error === undefined) return undefined;
  const message = [body.error].flat().join('; ');
  if (/already exists/iu.test(message)) return null;
  if (/rate limit/iu.test(message))
    return { message, fault: 'rate', hint: 'DNS Made Easy takes 150 requests in five minutes: try again later' };
  const clock = `the clock of this machine says ${new Date(Date.now()).toUTCString()}`;
  if (/\bdate header\b|out of sync/iu.test(message)) return { message, fault: 'auth', hint: `${clock}: set it right` };
  if (status !== 401 && status !== 403 && !/API key|HMAC/iu.test(message)) return { message };
  return {
    message,
    fault: 'auth',
    hint: `check DNSMADEEASY_API_KEY and DNSMADEEASY_API_SECRET, and whether ${clock} rightly`,
  };
}
