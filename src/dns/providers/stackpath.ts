import {
  allPages,
  asciiName,
  type CallOptions,
  defineProvider,
  type Problem,
  perRecord,
  secret,
  text,
  unquoteTxt,
} from '../kit/index.ts';
import { loggedIn } from '../vendors/logged-in.ts';

interface DnsZone {
  id: string;
  domain: string;
}
interface DnsRecord {
  id: string;
  name: string;
  type: string;
  data: string;
}
interface Page {
  zones?: DnsZone[] | null;
  records?: DnsRecord[] | null;
  pageInfo?: { hasNextPage?: boolean; endCursor?: string } | null;
}

/** Of google.rpc.Code. */
const faults = { 5: 'missing', 7: 'auth', 8: 'rate', 16: 'auth' } as const;
const ALREADY_EXISTS = 6;

export default defineProvider({
  id: 'stackpath',
  name: 'StackPath',
  website: 'https://en.wikipedia.org/wiki/StackPath',
  apiDocs: 'https://github.com/kraney/stackpath/blob/74b3bbc52539/pkg/dns/README.md',
  notes:
    'StackPath closed in 2024 and has no successor: move the zone to another provider. Its domains are for sale, and whoever ' +
    'buys them receives the requests.',
  env: {
    clientId: text('STACKPATH_CLIENT_ID', 'Client id of the API credentials'),
    clientSecret: secret('STACKPATH_CLIENT_SECRET', 'Client secret of the API credentials'),
    stack: text('STACKPATH_STACK_ID', 'Id or slug of the stack that holds the zones'),
  },
  tuning: { prefix: 'STACKPATH' },

  connect({ config, rest, hide, log }) {
    log.warn(
      'stackpath: StackPath closed in 2024 without a successor, and its domains are for sale: move the zone to another provider',
    );
    const api = rest({
      url: 'https://gateway.stackpath.com/',
      problem(body): Problem | null | undefined {
        if (typeof body?.access_token === 'string') hide(body.access_token); // Before the answer is logged.
        const message = body?.message ?? body?.error;
        if (typeof message !== 'string') return undefined;
        if (body.code === ALREADY_EXISTS) return null;
        const fault = message === 'invalid_client' ? 'auth' : faults[body.code as keyof typeof faults];
        return { message, fault };
      },
    });
    const session = loggedIn({
      async login(): Promise<Record<string, string>> {
        const { access_token } = await api.post<{ access_token: string }>('identity/v1/oauth2/token', {
          client_id: config.clientId,
          client_secret: config.clientSecret,
          grant_type: 'client_credentials',
        });
        return { authorization: `Bearer ${access_token}` };
      },
    });
    const send = <T>(method: string, path: string, options: CallOptions = {}): Promise<T> =>
      session.use(async (headers) => {
        const address = `dns/v1/stacks/${encodeURIComponent(config.stack)}/${path}`;
        return (await api.request<T>(method, address, { ...options, headers })).body;
      });

    const all = <T>(path: string, filter: string, rows: (page: Page) => T[] | null | undefined): Promise<T[]> =>
      allPages(async ({ cursor: after }) => {
        const query = { 'page_request.filter': filter, 'page_request.first': 100, 'page_request.after': after };
        const page = await send<Page>('GET', path, { query });
        return { items: rows(page), next: page.pageInfo?.hasNextPage ? page.pageInfo.endCursor : undefined };
      });

    return perRecord({
      async findZone(name) {
        const zones = await all('zones', `domain='${name}'`, (page) => page.zones);
        const zone = zones.find(({ domain }) => asciiName(domain) === name);
        return zone && { name, id: zone.id };
      },
      async list(zone, { name }) {
        const records = await all(`zones/${zone.id}/records`, `name='${name}' and type='TXT'`, (page) => page.records);
        return records
          .filter((record) => record.type === 'TXT' && asciiName(record.name) === name)
          .map(({ id, data }) => ({ id, value: unquoteTxt(data) }));
      },
      create: (zone, { name, value, ttl }) =>
        send('POST', `zones/${zone.id}/records`, { body: { name, type: 'TXT', ttl, data: value } }),
      delete: (zone, { id }) => send('DELETE', `zones/${zone.id}/records/${id}`),
    });
  },
});
