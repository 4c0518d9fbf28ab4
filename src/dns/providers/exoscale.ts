import {
  asciiName,
  defineProvider,
  hmac,
  type Problem,
  ProviderError,
  type ProviderFault,
  perRecord,
  pollUntil,
  type SignableRequest,
  secret,
  unquoteTxt,
  url,
} from '../kit/index.ts';

interface Operation {
  id: string;
  state: 'pending' | 'success' | 'failure' | 'timeout';
  reason?: string;
  message?: string;
}
interface DomainRecord {
  id: string;
  /** Relative to the domain; empty at the apex. */
  name: string;
  type: string;
  content: string;
}

const API = 'https://api-ch-gva-2.exoscale.com/v2';
/** As in the vendor's own clients: room for a clock that is off by a few minutes. */
const LIFETIME_SECONDS = 600;
/** Reasons why an operation failed. */
const faults: Readonly<Record<string, ProviderFault>> = { 'not-found': 'missing', forbidden: 'auth', busy: 'rate' };

export default defineProvider({
  id: 'exoscale',
  name: 'Exoscale',
  website: 'https://www.exoscale.com/',
  apiDocs: 'https://openapi-v2.exoscale.com/group/endpoint-dns',
  notes:
    'Create an API key under *IAM → Keys* with a role that allows the service *DNS*. Requests are signed for ten minutes, so the ' +
    'clock of this machine must be right. DNS is the same in all zones of Exoscale: `EXOSCALE_ENDPOINT` need not be set.',
  env: {
    key: secret('EXOSCALE_API_KEY', 'API key'),
    secret: secret('EXOSCALE_API_SECRET', 'API secret'),
    endpoint: url('EXOSCALE_ENDPOINT', 'Address of the API').default(API),
  },
  tuning: { prefix: 'EXOSCALE', httpTimeout: 60 },

  connect({ config, rest, log, signal }) {
    const isVersion1 = /\/(?:dns|v1)\/*$/u.test(config.endpoint);
    if (isVersion1)
      log.warn(
        `exoscale: EXOSCALE_ENDPOINT names the API version 1, which was closed on 2024-05-01; ${API} is used instead`,
      );
    const api = rest({
      url: isVersion1 ? API : config.endpoint,
      sign: (request) => ({ authorization: authorization(config, request) }),
      problem: problemOf,
    });

    /** Changes are made in the background, usually within a second. */
    async function finish(what: string, begun: Operation): Promise<void> {
      const operation =
        begun.state === 'pending'
          ? await pollUntil(
              async () => {
                const now = await api.get<Operation>(`operation/${begun.id}`);
                return now.state === 'pending' ? undefined : now;
              },
              { what: `exoscale: ${what}`, signal: signal() },
            )
          : begun;
      if (operation.state === 'success') return;
      const { state, reason = 'no reason given', message } = operation;
      throw new ProviderError(faults[reason] ?? 'api', `exoscale: ${what} ended as ${state}: ${message ?? reason}`);
    }

    return perRecord({
      async listZones() {
        const { 'dns-domains': domains } = await api.get<{ 'dns-domains'?: { id: string; 'unicode-name': string }[] }>(
          'dns-domain',
        );
        return (domains ?? []).map(({ id, 'unicode-name': name }) => ({ id, name: asciiName(name) }));
      },
      async list({ id }, at) {
        const { 'dns-domain-records': records } = await api.get<{ 'dns-domain-records'?: DomainRecord[] }>(
          `dns-domain/${id}/record`,
        );
        return (records ?? [])
          .filter(({ type, name }) => type === 'TXT' && asciiName(name || '@') === at.name)
          .map((record) => ({ id: record.id, value: unquoteTxt(record.content) }));
      },
      async create({ id }, { name, fqdn, value, ttl }) {
        const record = { name: name === '@' ? '' : name, type: 'TXT', content: value, ttl };
        await finish(`adding a TXT record at ${fqdn}`, await api.post(`dns-domain/${id}/record`, record));
      },
      async delete(zone, { id }) {
        await finish(`deleting a TXT record of ${zone.name}`, await api.delete(`dns-domain/${zone.id}/record/${id}`));
      },
    });
  },
});

/** https://openapi-v2.exoscale.com/topic/topic-api-request-signature; the line for headers stays empty, there are none. */
function authorization(account: { key: string; secret: string }, { method, url, body }: SignableRequest): string {
  const { pathname, searchParams } = new URL(url);
  const names = [...new Set(searchParams.keys())].sort();
  const values = names.map((name) => searchParams.get(name)).join('');
  const expires = Math.floor(Date.now() / 1000) + LIFETIME_SECONDS;
  const signature = hmac('sha256', account.secret, [`${method} ${pathname}`, body, values, '', expires].join('\n'));
  return [
    `EXO2-HMAC-SHA256 credential=${account.key}`,
    ...(names.length > 0 ? [`signed-query-args=${names.join(';')}`] : []),
    ...[`expires=${expires}`, `signature=${signature}`],
  ].join(',');
}

function problemOf(body: { message?: unknown } | undefined, status: number): Problem | undefined {
  if (status < 400 || typeof body?.message !== 'string') return undefined;
  const { message } = body;
  if (status !== 401 && status !== 403) return { message };
  return { message, fault: 'auth', hint: hintFor(message) };
}

function hintFor(message: string): string {
  const clock = `the clock of this machine says ${new Date().toISOString()}`;
  if (/expir|too old|clock|skew/iu.test(message)) return `${clock}: set it right`;
  if (/signature|credential/iu.test(message))
    return `check EXOSCALE_API_KEY and EXOSCALE_API_SECRET, and whether ${clock} rightly`;
  return 'check EXOSCALE_API_KEY and EXOSCALE_API_SECRET: the role of the key must allow the service DNS';
}
