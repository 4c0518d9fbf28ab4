import {
  allPages,
  asciiName,
  basicAuth,
  ConfigError,
  defineProvider,
  perRecord,
  secret,
  text,
  unlessStatus,
  unquoteTxt,
} from '../kit/index.ts';

interface NameRecord {
  id: number;
  type: string;
  /** Relative to the domain; empty or missing at the apex. */
  host?: string | null;
  /** With a trailing dot. */
  fqdn?: string | null;
  answer: string;
}
interface RecordPage {
  records?: NameRecord[] | null;
  nextPage?: number | null;
}

/** The Core API and, for servers that do not have it, its predecessor: https://docs.name.com/docs/migration-guide */
const VERSIONS = ['core/v1', 'v4'];

export default defineProvider({
  id: 'namedotcom',
  name: 'Name.com',
  website: 'https://www.name.com',
  apiDocs: 'https://docs.name.com/',
  notes:
    'Create a token under *Account → Settings → API*; if you restrict it to addresses, those of this machine must be among them. ' +
    'For the test environment set `NAMECOM_SERVER` to `api.dev.name.com`, append `-test` to the user name, and use its own token. ' +
    'New records take up to 15 minutes to appear.',
  env: {
    user: text('NAMECOM_USERNAME', 'User name of the account'),
    token: secret('NAMECOM_API_TOKEN', 'API token'),
    server: text('NAMECOM_SERVER', 'Host or address of the API').default('https://api.name.com'),
  },
  tuning: { prefix: 'NAMECOM', ttl: 300, minTtl: 300, propagationTimeout: 900, pollingInterval: 20, httpTimeout: 10 },

  connect({ config, rest }) {
    const api = rest({
      url: serverAddress(config.server),
      headers: { authorization: basicAuth(config.user, config.token) },
      problem(body, status) {
        if (typeof body?.message !== 'string' || status < 400) return undefined;
        const message = [body.message, body.details].filter(Boolean).join(': ');
        if (/duplicate record/iu.test(message)) return null;
        // Version 4 refuses credentials with 403; the Core API keeps that for domains that cannot be changed.
        if (status === 403) return { message, hint: FORBIDDEN };
        return message;
      },
    });

    return perRecord({
      async findZone(name) {
        for (const version of VERSIONS) {
          const path = `${version}/domains/${name}`;
          const domain = await api.get<{ domainName?: string }>(path).catch(unlessUnknown);
          if (domain && asciiName(domain.domainName ?? name) === name) return { name, path };
        }
        return undefined;
      },

      async list(zone, { name, fqdn }) {
        const found = await allPages(async ({ cursor: page = 1 }) => {
          const { records, nextPage } = await api.get<RecordPage>(`${zone.path}/records`, { page });
          return { items: records, next: nextPage ? String(nextPage) : undefined };
        });
        return found
          .filter((record) => record.type === 'TXT')
          .filter((record) => (record.fqdn ? asciiName(record.fqdn) === fqdn : (record.host || '@') === name))
          .map(({ id, answer }) => ({ id, value: unquoteTxt(answer) }));
      },
      create: (zone, { name, value, ttl }) =>
        api.post(`${zone.path}/records`, { host: name, type: 'TXT', answer: value, ttl }),
      delete: (zone, { id }) => api.delete(`${zone.path}/records/${id}`),
    });
  },
});

const FORBIDDEN =
  'check NAMECOM_USERNAME and NAMECOM_API_TOKEN, and that the domain is neither expired nor on other name servers';

/** lego took a host name in older versions and an address in newer ones. */
function serverAddress(given: string): string {
  const address = (/^https?:\/\//iu.test(given) ? given : `https://${given}`).replace(/\/*(?:core\/v1|v4)?\/*$/u, '');
  if (!URL.canParse(address))
    throw new ConfigError(`namedotcom: NAMECOM_SERVER must be a host name or an http:// or https:// address`);
  return `${address}/`;
}

/** A name that cannot be a domain is refused as an invalid argument; a version that has been switched off is gone. */
const unlessUnknown = unlessStatus(400, 404, 410);
