import {
  allPages,
  asciiName,
  basicAuth,
  defineProvider,
  type Problem,
  perRecord,
  quoteTxt,
  secret,
  text,
  unquoteTxt,
  url,
} from '../kit/index.ts';
import { onlyZone } from '../vendors/only-zone.ts';

interface Page<T> {
  items?: T[] | null;
  page_total?: number | string;
}
interface DnsRecord {
  id: number | string;
  name: string;
  type: string;
  rdata: string;
}

/** https://cart.liquidweb.com/storm/api/docs/tutorials/exceptions.html: the class tells, the status is always 200. */
const faults: Readonly<Record<string, Problem['fault']>> = {
  Authorization: 'auth',
  Forbidden: 'auth',
  Permission: 'auth',
  RecordNotFound: 'missing',
  'API::RateLimit': 'rate',
};

export default defineProvider({
  id: 'liquidweb',
  name: 'Liquid Web',
  website: 'https://www.liquidweb.com',
  apiDocs: 'https://api.liquidweb.com/docs/',
  notes:
    'Create an API user in the control panel that may list zones and edit DNS records, and give its name and password; ' +
    'the login of the account itself does not work where it has two-factor authentication. ' +
    'The zone is looked up; `LIQUID_WEB_ZONE` is needed only by users who may not list zones.',
  env: {
    username: text(['LIQUID_WEB_USERNAME', 'LWAPI_USERNAME'], 'Name of the API user'),
    password: secret(['LIQUID_WEB_PASSWORD', 'LWAPI_PASSWORD'], 'Password of the API user'),
    zone: text(['LIQUID_WEB_ZONE', 'LWAPI_ZONE'], 'Zone to use instead of the one that is found').optional(),
    url: url(['LIQUID_WEB_URL', 'LWAPI_URL'], 'Address of the API').default('https://api.liquidweb.com'),
  },
  tuning: { prefix: ['LIQUID_WEB', 'LWAPI'], ttl: 300, propagationTimeout: 120, httpTimeout: 60 },

  connect({ config, rest, log }) {
    if (/stormondemand\.com/iu.test(config.url))
      log.warn(
        `liquidweb: LIQUID_WEB_URL names ${new URL(config.url).host}, which the API has left: use https://api.liquidweb.com`,
      );
    const api = rest({
      url: config.url.replace(/\/(?:v\d+|bleed)\/*$/iu, ''),
      headers: { authorization: basicAuth(config.username, config.password) },
      problem(body) {
        if (typeof body?.error_class !== 'string' || body.error_class === '') return undefined;
        const kind = body.error_class.replace(/^LW::Exception::/u, '');
        if (kind === 'DuplicateRecord') return null;
        const message = `${body.full_message || body.error || 'no reason given'} (${kind})`;
        const isZone = kind === 'RecordNotFound' && body.field === 'network_dns_zone';
        return { message, fault: isZone ? 'zone' : faults[kind] };
      },
    });
    const call = <T>(method: string, params: object) => api.post<T>(method, { params });

    const all = <T>(method: string, params: object): Promise<T[]> =>
      allPages(async ({ page }) => {
        const { items, page_total: pages } = await call<Page<T>>(method, { ...params, page_num: page });
        return { items, pages };
      });
    // The vendor's own client, too, lists zones by the `bleed` version of the API and edits records by `v1`.
    const listZones = async () =>
      (await all<{ name: string }>('bleed/Network/DNS/Zone/list', {})).map(({ name }) => ({ name: asciiName(name) }));

    return perRecord({
      ...onlyZone({
        ...{ who: 'liquidweb', variable: 'LIQUID_WEB_ZONE', name: config.zone, lookup: { listZones } },
        find: async (name) => ({ name }), // Without asking: the user need not be allowed to list zones.
      }),

      async list(zone, { fqdn }) {
        const records = await all<DnsRecord>('v1/Network/DNS/Record/list', { zone: zone.name });
        return records
          .filter(({ type, name }) => type === 'TXT' && asciiName(name) === fqdn)
          .map(({ id, rdata }) => ({ id: Number(id), value: unquoteTxt(rdata) }));
      },
      create: (zone, { fqdn, value, ttl }) =>
        call('v1/Network/DNS/Record/create', {
          name: fqdn,
          rdata: quoteTxt(value),
          ttl,
          type: 'TXT',
          zone: zone.name,
        }),
      delete: (_, { id }) => call('v1/Network/DNS/Record/delete', { id }),
    });
  },
});
