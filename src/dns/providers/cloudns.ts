import {
  allPages,
  asciiName,
  defineProvider,
  oneOf,
  type Problem,
  perRecord,
  type Query,
  secret,
  text,
  unlessMissing,
  unquoteTxt,
} from '../kit/index.ts';

interface ClouRecord {
  id: string | number;
  type: string;
  host: string;
  record: string;
}
interface Failure {
  status?: string;
  statusDescription?: string;
}

/** https://www.cloudns.net/wiki/article/58/: no other TTL is accepted. */
const TTLS = [60, 300, 900, 1800, 3600, 21600, 43200, 86400, 172800, 259200, 604800, 1209600, 2592000];

export default defineProvider({
  id: 'cloudns',
  name: 'ClouDNS',
  website: 'https://www.cloudns.net',
  apiDocs: 'https://www.cloudns.net/wiki/article/42/',
  notes:
    'Create an API user, or an API sub-user with the zone delegated to it, under *API & Resellers*. Paid plans have the API. ' +
    'Where an API user is limited to IP addresses, that of this machine must be among them. ' +
    'TTLs are rounded up to the next one that ClouDNS knows.',
  env: {
    who: oneOf({
      subUser: { id: text('CLOUDNS_SUB_AUTH_ID', 'ID of the API sub-user, instead of CLOUDNS_AUTH_ID') },
      user: { id: text('CLOUDNS_AUTH_ID', 'ID of the API user') },
    }),
    password: secret('CLOUDNS_AUTH_PASSWORD', 'Password of that user'),
  },
  tuning: { prefix: 'CLOUDNS', ttl: 60, propagationTimeout: 180, pollingInterval: 10 },

  connect({ config: { who, password }, rest }) {
    const api = rest({ url: 'https://api.cloudns.net/dns/', problem: problemOf });
    // Parameters go into the query whatever the method, as lego has sent them for years; a form would do, too.
    const credentials = { [who.via === 'user' ? 'auth-id' : 'sub-auth-id']: who.id, 'auth-password': password };
    const ask = <T>(action: string, params: Query) => api.get<T>(`${action}.json`, { ...credentials, ...params });
    const change = (action: string, params: Query) =>
      api.post(`${action}.json`, undefined, { query: { ...credentials, ...params } });

    return perRecord({
      async findZone(name) {
        const zone = await ask<{ name: string }>('get-zone-info', { 'domain-name': name });
        return asciiName(zone.name) === name ? { name } : undefined;
      },
      async list(zone, { name }) {
        const found = await allPages<ClouRecord>(
          async ({ page }) => {
            const answer = await ask<Record<string, ClouRecord> | ClouRecord[] | null>('records', {
              ...{ 'domain-name': zone.name, type: 'TXT', host: name === '@' ? undefined : name },
              ...{ page, 'rows-per-page': 100 },
            }).catch((error: unknown) => {
              if (page === 1) throw error;
              return unlessMissing(error); // Beyond the last page: no answer tells how many there are.
            });
            return { items: Object.values(answer ?? {}), total: Number.POSITIVE_INFINITY };
          },
          ({ id }) => String(id),
        );
        return found
          .filter(({ type, host }) => type === 'TXT' && (host || '@').toLowerCase() === name)
          .map(({ id, record }) => ({ id: String(id), value: unquoteTxt(record) }));
      },
      create: (zone, { name, value, ttl }) =>
        change('add-record', {
          'domain-name': zone.name,
          'record-type': 'TXT',
          host: name === '@' ? '' : name,
          record: value,
          ttl: TTLS.find((known) => known >= ttl) ?? TTLS.at(-1),
        }),
      delete: (zone, { id }) => change('delete-record', { 'domain-name': zone.name, 'record-id': id }),
    });
  },
});

/** Everything comes with status 200. */
function problemOf(body: Failure | undefined, status: number): Problem | undefined {
  if (typeof body !== 'object') return status === 200 ? { message: 'an answer that cannot be read' } : undefined;
  if (body?.status !== 'Failed') return undefined;
  const message = body.statusDescription ?? 'no reason given';
  if (/authentication/iu.test(message)) return { message, fault: 'auth' };
  // How it says that a zone or a record does not exist, or belongs to somebody else.
  if (/^(?:missing domain-name|invalid domain-name|invalid record-id)|not found|not exist/iu.test(message))
    return { message, fault: 'missing' };
  return { message };
}
