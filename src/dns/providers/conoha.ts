import {
  allPages,
  asciiName,
  defineProvider,
  ProviderError,
  perRecord,
  secret,
  text,
  unquoteTxt,
} from '../kit/index.ts';
import { loginV2, loginV3, serviceClient, type Token } from '../vendors/keystone.ts';

/** VPS v3 says `uuid` where VPS v2 says `id`. */
interface Identified {
  id?: string;
  uuid?: string;
}
interface Domain extends Identified {
  name: string;
}
interface DnsRecord extends Identified {
  name: string;
  type: string;
  data: string;
}
interface Page {
  domains?: Domain[] | null;
  records?: DnsRecord[] | null;
  total_count?: number;
}
const idOf = ({ id, uuid }: Identified): string => uuid ?? id ?? '';

export default defineProvider({
  id: 'conoha',
  name: 'ConoHa',
  website: 'https://www.conoha.jp/',
  apiDocs: 'https://doc.conoha.jp/reference/api-vps3/api-dns-vps3/',
  notes:
    'Create an API user under *API* in the control panel, which shows the tenant ID, too. ' +
    'Set `CONOHA_REGION=c3j1` for an account of VPS v3, which all newer ones are, and give its API user *ID* as ' +
    '`CONOHA_API_USERNAME`; the regions `tyo1`, `sin1` and `sjc1` are those of VPS v2, where it is the user name.',
  env: {
    tenant: text('CONOHA_TENANT_ID', 'Tenant ID'),
    user: text('CONOHA_API_USERNAME', 'Name of the API user; its ID in region c3j1'),
    password: secret('CONOHA_API_PASSWORD', 'Password of the API user'),
    region: text('CONOHA_REGION', 'Region').default('tyo1'),
  },
  tuning: { prefix: 'CONOHA', ttl: 60, minTtl: 60 },

  connect({ config: { tenant, user, password, region }, rest, hide }) {
    const identity = `https://identity.${region}.conoha.io`;
    const isV3 = region.startsWith('c3');
    const login = (): Promise<Token> =>
      isV3
        ? loginV3({ who: 'conoha', rest, hide }, identity, {
            identity: { methods: ['password'], password: { user: { id: user, password } } },
            scope: { project: { id: tenant } },
          })
        : loginV2({ who: 'conoha', rest, hide }, identity, {
            tenantId: tenant,
            passwordCredentials: { username: user, password },
          });
    const api = serviceClient(
      { rest },
      {
        login: () => login().catch((error: unknown) => refused(error, isV3)),
        url: () => `https://dns-service.${region}.conoha.io/v1/`,
        problem(body, status) {
          if (status < 400) return undefined;
          if (body?.type === 'duplicate_record') return null;
          return body?.message ?? body?.error?.message ?? body?.unauthorized?.message;
        },
      },
    );

    /** VPS v2 gives everything at once and does not count. */
    const all = <T extends Identified>(path: string, itemsOf: (page: Page) => T[] | null | undefined): Promise<T[]> =>
      allPages(async ({ offset }) => {
        const page = await api.get<Page>(path, offset > 0 ? { offset } : {});
        return { items: itemsOf(page), total: page.total_count };
      }, idOf);

    return perRecord({
      listZones: async () =>
        (await all('domains', (page) => page.domains)).map((domain) => ({
          name: asciiName(domain.name),
          id: idOf(domain),
        })),
      list: async (zone, { fqdn }) =>
        (await all(`domains/${zone.id}/records`, (page) => page.records))
          .filter(({ type, name }) => type === 'TXT' && asciiName(name) === fqdn)
          .map((record) => ({ id: idOf(record), value: unquoteTxt(record.data) })),
      create: (zone, { fqdn, value, ttl }) =>
        api.post(`domains/${zone.id}/records`, { name: `${fqdn}.`, type: 'TXT', data: value, ttl }),
      delete: (zone, { id }) => api.delete(`domains/${zone.id}/records/${id}`),
    });
  },
});

/** Which account and which name of the user belong to which region is easily mixed up. */
function refused(error: unknown, isV3: boolean): never {
  if (!(error instanceof ProviderError) || error.fault !== 'auth') throw error;
  throw new ProviderError('auth', error.message, {
    status: error.status,
    cause: error,
    hint: isV3
      ? 'check CONOHA_API_PASSWORD, and that CONOHA_API_USERNAME is the ID of the API user, not its name'
      : 'check CONOHA_API_PASSWORD; an account of VPS v3 needs CONOHA_REGION=c3j1',
  });
}
