import { asciiName, defineProvider, ProviderError, perRecord, secret, unquoteTxt, url } from '../kit/index.ts';

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
interface RecordPage {
  data: ZoneRecord[] | null;
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
        if (status === 429) return { message: body.message, retryAfter: secondsUntil(headers['x-ratelimit-reset']) };
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
      const { data } = await api.get<{ data: Account[] | null }>('accounts');
      if (!data?.length)
        throw new ProviderError('auth', 'dnsimple: the user of the token belongs to no account', {
          hint: 'check DNSIMPLE_OAUTH_TOKEN: best take the token of an account',
        });
      return data;
    }
    const path = (zone: { name: string; account: number }) => `${zone.account}/zones/${zone.name}/records`;

    return perRecord({
      async findZone(name) {
        for (const { id } of accounts) {
          try {
            const { data } = await api.get<{ data: { name: string } }>(`${id}/zones/${name}`);
            if (asciiName(data.name) === name) return { name, account: id };
          } catch (error) {
            if (!(error instanceof ProviderError) || error.fault !== 'missing') throw error;
          }
        }
        return undefined;
      },
      async list(zone, at) {
        const found: ZoneRecord[] = [];
        const name = at.name === '@' ? '' : at.name;
        for (let page = 1; ; page += 1) {
          const query = { name, type: 'TXT', per_page: PER_PAGE, page };
          const { data, pagination } = await api.get<RecordPage>(path(zone), query);
          found.push(...(data ?? []));
          if (!data?.length || page >= (pagination?.total_pages ?? 1)) break;
        }
        return found
          .filter((record) => record.type === 'TXT' && record.name.toLowerCase() === name)
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
