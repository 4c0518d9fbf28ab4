import {
  asciiName,
  defineProvider,
  oneOf,
  type ProviderContext,
  perRecord,
  type Query,
  secret,
  unquoteTxt,
} from '../kit/index.ts';
import { apiV4, tuning } from '../vendors/linode.ts';
import { isNamed } from '../vendors/record-names.ts';

export default defineProvider({
  id: 'linode',
  name: 'Linode',
  website: 'https://www.linode.com',
  apiDocs: 'https://techdocs.akamai.com/linode-api/reference/get-domain-records',
  notes:
    'Create a personal access token under *API Tokens* of your profile, with *Domains: Read/Write*, and set `LINODE_TOKEN`. ' +
    '`LINODE_API_KEY` belongs to version 3 of the API, which Linode closed on 31 July 2023.',
  env: {
    auth: oneOf({
      v4: { token: secret('LINODE_TOKEN', 'Personal access token that may read and write domains') },
      v3: { key: secret('LINODE_API_KEY', 'API key for version 3 of the API, which is closed') },
    }),
  },
  tuning,

  connect({ config: { auth }, rest, log }) {
    if (auth.via === 'v4') return apiV4(rest, auth.token);
    log.warn(
      'linode: LINODE_API_KEY is for version 3 of the API, which Linode closed on 2023-07-31; ' +
        'create a personal access token and set LINODE_TOKEN',
    );
    return apiV3(rest, auth.key);
  },
});

/** Error codes of API version 3: authentication failed, object not found, permission denied. */
const faults: Readonly<Record<number, 'auth' | 'missing'>> = { 4: 'auth', 5: 'missing', 13: 'auth' };

/** All is a GET with an action, and answered with status 200. https://www.linode.com/api/dns is gone; see the fake. */
function apiV3(rest: ProviderContext<unknown>['rest'], key: string) {
  const api = rest({
    url: 'https://api.linode.com/',
    problem(body) {
      const error = body?.ERRORARRAY?.[0];
      return error && { message: `${error.ERRORMESSAGE} (${error.ERRORCODE})`, fault: faults[error.ERRORCODE] };
    },
  });
  const call = async <T>(action: string, parameters: Query = {}): Promise<T[]> =>
    (await api.get<{ DATA?: T[] | null }>('', { api_key: key, api_action: action, ...parameters })).DATA ?? [];

  return perRecord({
    async listZones() {
      const zones = await call<{ DOMAINID: number; DOMAIN: string }>('domain.list');
      return zones.map(({ DOMAINID, DOMAIN }) => ({ name: asciiName(DOMAIN), id: DOMAINID }));
    },
    async list(zone, { fqdn }) {
      const resources = await call<{ RESOURCEID: number; TYPE: string; NAME: string; TARGET: string }>(
        'domain.resource.list',
        { DomainID: zone.id },
      );
      return resources
        .filter(({ TYPE, NAME }) => TYPE.toUpperCase() === 'TXT' && isNamed(NAME, zone.name, fqdn))
        .map(({ RESOURCEID, TARGET }) => ({ id: RESOURCEID, value: unquoteTxt(TARGET) }));
    },
    create: (zone, { name, value, ttl }) =>
      call('domain.resource.create', {
        DomainID: zone.id,
        Type: 'TXT',
        Name: name === '@' ? '' : name,
        Target: value,
        TTL_sec: ttl,
      }),
    delete: (zone, { id }) => call('domain.resource.delete', { DomainID: zone.id, ResourceID: id }),
  });
}
