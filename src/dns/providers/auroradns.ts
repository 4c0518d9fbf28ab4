import {
  asciiName,
  defineProvider,
  hmac,
  type Problem,
  perRecord,
  type SignableRequest,
  secret,
  unquoteTxt,
  url,
} from '../kit/index.ts';

interface ZoneRecord {
  id: string;
  type: string;
  /** Relative to the zone; empty at the apex. */
  name: string;
  content: string;
}

export default defineProvider({
  id: 'auroradns',
  name: 'Aurora DNS',
  website: 'https://www.pcextreme.com/dns-health-checks',
  apiDocs: 'https://libcloud.readthedocs.io/en/latest/dns/drivers/auroradns.html',
  notes:
    'Create an API user in the control panel of AuroraDNS (*DNS → Users*); it gets a key and a secret. Requests carry the time, ' +
    'so the clock of this machine must be right. `AURORA_USER_ID` and `AURORA_KEY` are older names of the same two.',
  env: {
    key: secret(['AURORA_API_KEY', 'AURORA_USER_ID'], 'API key'),
    secret: secret(['AURORA_SECRET', 'AURORA_KEY'], 'Secret of the API key'),
    endpoint: url('AURORA_ENDPOINT', 'Address of the API').default('https://api.auroradns.eu'),
  },
  tuning: { prefix: 'AURORA', ttl: 300 },

  connect({ config, rest }) {
    const api = rest({
      url: config.endpoint,
      headers: { accept: 'application/json' },
      sign: (request) => sign(config, request),
      problem: problemOf,
    });

    return perRecord({
      async listZones() {
        const zones = (await api.get<{ id: string; name: string }[] | null>('zones')) ?? [];
        return zones.map(({ id, name }) => ({ id, name: asciiName(name) }));
      },
      async list(zone, at) {
        const records = (await api.get<ZoneRecord[] | null>(`zones/${zone.id}/records`)) ?? [];
        return records
          .filter(({ type, name }) => type === 'TXT' && asciiName(name || '@') === at.name)
          .map(({ id, content }) => ({ id, value: unquoteTxt(content) }));
      },
      // The API takes full names as well, but name servers never show those (https://github.com/go-acme/lego/pull/1669).
      create: (zone, { name, value, ttl }) =>
        api.post(`zones/${zone.id}/records`, { type: 'TXT', name: name === '@' ? '' : name, content: value, ttl }),
      delete: (zone, { id }) => api.delete(`zones/${zone.id}/records/${id}`),
    });
  },
});

/** As the vendor's driver does: https://github.com/apache/libcloud/blob/trunk/libcloud/dns/drivers/auroradns.py. */
function sign(account: { key: string; secret: string }, { method, url }: SignableRequest): Record<string, string> {
  const date = new Date(Date.now()).toISOString().replace(/[-:]|\.\d+/gu, ''); // 20260131T235959Z
  const signature = hmac('sha256', account.secret, method + new URL(url).pathname + date);
  const token = Buffer.from(`${account.key}:${signature}`).toString('base64');
  return { 'x-auroradns-date': date, authorization: `AuroraDNSv1 ${token}` };
}

function problemOf(
  body: { error?: unknown; errormsg?: unknown } | undefined,
  status: number,
): Problem | null | undefined {
  if (status < 400 || typeof body?.error !== 'string') return undefined;
  if (body.error === 'RecordExistsError') return null; // Name and value are the same.
  const message = typeof body.errormsg === 'string' ? `${body.errormsg} (${body.error})` : body.error;
  if (status !== 401 && status !== 403 && !/^Auth/u.test(body.error)) return { message };
  const clock = `the clock of this machine says ${new Date(Date.now()).toISOString()}`;
  const hint = /\bdate\b|\btime|expired|clock/iu.test(message)
    ? `${clock}: set it right`
    : `check AURORA_API_KEY and AURORA_SECRET, and whether ${clock} rightly`;
  return { message, fault: 'auth', hint };
}
