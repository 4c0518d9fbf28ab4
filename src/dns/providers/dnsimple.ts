import {
  allPages,
  asciiName,
  defineProvider,
  isProviderError,
  ProviderError,
  perRecord,
  type Query,
  secret,
  unlessMissing,
  unquoteTxt,
  url,
} from '../kit/index.ts';
import { isNamed } from '../vendors/record-names.ts';

interface Account {
  id: number;
}
interface ZoneRecord {
  id: number;
  /** Relative to the zone; empty at the apex. */
  name: string;
  type: string;
  content: string;
}
interface Page<T> {
  data: T[] | null;
  pagination?: { total_pages?: number };
}

/** Largest page of https://developer.dnsimple.com/v2/#pagination. */
const PER_PAGE = 100;

export default defineProvider({
  id: 'dnsimple',
  name: 'DNSimple',
  website: 'https://dnsimple.com/',
  apiDocs: 'https://developer.dnsimple.com/v2/',
  notes:
    'Create an account token under *Account → Automation → API tokens*; a scoped one needs write access to the zone. A user ' +
    'token works too: the zone is then looked for in all accounts of the user. For the sandbox set `DNSIMPLE_BASE_URL` to ' +
    '`https://api.sandbox.dnsimple.com`; no name server shows its records.',
  env: {
    token: secret('DNSIMPLE_OAUTH_TOKEN', 'API token of an account or a user'),
    baseUrl: url('DNSIMPLE_BASE_URL', 'Address of the API').default('https://api.dnsimple.com'),
  },
  tuning: { prefix: 'DNSIMPLE' },

  async connect({ config, rest }) {
    const api = rest({
      url: `${config.baseUrl.replace(/(?:\/v2)?\/*$/u, '')}/v2/`,
      headers: { authorization: `Bearer ${config.token}` },
      problem(body, status, headers) {
        if (status < 400 || typeof body?.message !== 'string') return undefined;
        if (status === 429 && headers['retry-after'] === undefined)
          return { message: body.message, retryAfter: secondsUntil(headers['x-ratelimit-reset']) };
        const details = Object.entries(body.errors ?? {}).map(
          ([field, texts]) => `${field} ${[texts].flat().join(', ')}`,
        );
        return [body.message, ...details].join('; ');
      },
    });
    const accounts = await listAccounts();

    /** A token belongs to one account, or to a user who may work for several. */
    async function listAccounts(): Promise<readonly Account[]> {
      const { account } = (await api.get<{ data: { account?: Account | null } }>('whoami')).data;
      if (account) return [account];
      const { data } = await api.get<{ data: Account[] | null }>('accounts').catch((error: unknown) => {
        if (isProviderError(error, 'missing') || isProviderError(error, 'auth')) return { data: null };
        throw error;
      });
      if (!data?.length)
        throw new ProviderError(
          'auth',
          'dnsimple: this is the token of a user, and no account of that user can be seen',
          {
            hint: 'check DNSIMPLE_OAUTH_TOKEN: it should be the token of an account',
          },
        );
      return data;
    }

    const all = <T>(path: string, query: Query): Promise<T[]> =>
      allPages(async ({ page }) => {
        const { data: items, pagination } = await api.get<Page<T>>(path, { ...query, per_page: PER_PAGE, page });
        return { items, pages: pagination?.total_pages };
      });

    /** The list takes a part of the name. A token that is scoped to single zones may not list, but see those zones. */
    async function zonesLike(account: Account['id'], name: string): Promise<{ name: string }[]> {
      try {
        return await all(`${account}/zones`, { name_like: name });
      } catch (error) {
        if (!isProviderError(error, 'auth') && !isProviderError(error, 'missing')) throw error;
        const { data } = await api.get<{ data: { name: string } }>(`${account}/zones/${name}`);
        return [data];
      }
    }
    const path = (zone: { name: string; account: number }) => `${zone.account}/zones/${zone.name}/records`;

    return perRecord({
      async findZone(name) {
        for (const { id } of accounts) {
          const zones = await zonesLike(id, name).catch(unlessMissing);
          if (zones?.some((zone) => asciiName(zone.name) === name)) return { name, account: id };
        }
        return undefined;
      },
      async list(zone, at) {
        const found = await all<ZoneRecord>(path(zone), { name: at.name === '@' ? '' : at.name, type: 'TXT' });
        return found
          .filter(({ type, name }) => type === 'TXT' && isNamed(name, zone.name, at.fqdn))
          .map(({ id, content }) => ({ id, value: unquoteTxt(content) }));
      },
      create: (zone, { name, value, ttl }) =>
        api.post(path(zone), { name: name === '@' ? '' : name, type: 'TXT', content: value, ttl }),
      delete: (zone, { id }) => api.delete(`${path(zone)}/${id}`),
    });
  },
});

/** https://developer.dnsimple.com/v2/#rate-limiting: seconds since 1970. */
function secondsUntil(reset: string | undefined): number | undefined {
  const seconds = Math.ceil(Number(reset) - Date.now() / 1000);
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
