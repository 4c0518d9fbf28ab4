import {
  ConfigError,
  defineProvider,
  direct,
  oneOf,
  ProviderError,
  perRecord,
  type Rest,
  type RestOptions,
  secret,
  text,
} from '../kit/index.ts';
import { loggedIn } from '../vendors/logged-in.ts';

const apiKey = secret('NETCUP_API_KEY', 'API key: 64 characters for CloudDNS, 50 for the older CCP API');
type Client = (options: RestOptions) => Rest;

export default defineProvider({
  id: 'netcup',
  name: 'Netcup',
  website: 'https://www.netcup.eu/',
  apiDocs: 'https://helpcenter.netcup.com/en/wiki/general/our-api/',
  notes:
    'Domains in CloudDNS, which newer ones are, need a key from *API Keys* in the customer control panel and nothing else; ' +
    'the others need a *Legacy API Key*, the API password and the customer number. The length of the key tells which.',
  env: {
    auth: oneOf({
      ccp: {
        customer: text('NETCUP_CUSTOMER_NUMBER', 'Customer number, for the CCP API'),
        key: apiKey,
        password: secret('NETCUP_API_PASSWORD', 'API password, for the CCP API'),
      },
      cloud: { key: apiKey },
    }),
  },
  // Netcup has no TTL per record, and its name servers take minutes.
  tuning: { prefix: 'NETCUP', ignored: ['ttl'], propagationTimeout: 900, pollingInterval: 30, httpTimeout: 10 },

  connect({ config: { auth }, rest, hide }) {
    if (auth.key.length === 64) return cloudDns(rest, auth.key);
    if (auth.via === 'ccp') return controlPanel(rest, hide, auth);
    throw new ConfigError(
      `netcup: NETCUP_API_KEY has ${auth.key.length} characters, not the 64 of a CloudDNS key: ` +
        'the CCP API needs NETCUP_CUSTOMER_NUMBER and NETCUP_API_PASSWORD too',
    );
  },
});

/** https://api.netcup.com/v1/openapi.json; errors are told by code, a wrong key comes with status 400. */
function cloudDns(rest: Client, key: string) {
  const faults = { authenticationError: 'auth', resourceDoesNotExist: 'missing' } as const;
  const api = rest({
    url: 'https://api.netcup.com/v1/',
    headers: { authorization: `Bearer ${key}` },
    problem(body) {
      if (body?.success !== false) return undefined;
      const { code, message = 'no reason given' } = body.errors?.[0] ?? {};
      const fault = faults[code as keyof typeof faults];
      return fault ? { message, fault } : message;
    },
  });
  const path = (zone: { id: number }) => `domain/${zone.id}/acme/challenge`;
  /** The API puts `_acme-challenge.` in front of the scope itself. */
  const scopeOf = (fqdn: string, zone: string): string => {
    const rest = /^_acme-challenge\.(.+)$/u.exec(fqdn)?.[1];
    if (rest === undefined)
      throw new ProviderError('api', `netcup: ${fqdn}: CloudDNS accepts only names that begin with _acme-challenge`, {
        hint: 'let the CNAME point to a name that begins so',
      });
    return rest === zone ? '@' : rest.slice(0, -zone.length - 1);
  };

  return direct({
    async findZone(name) {
      const { result } = await api.get<{ result?: { id: number; fqdn: string; isDnsManaged: boolean }[] }>('domain', {
        fqdn: name,
      });
      const found = result?.find(({ fqdn }) => fqdn.toLowerCase() === name);
      if (found?.isDnsManaged === false)
        throw new ProviderError('zone', `netcup: ${name} is not in CloudDNS`, {
          hint: 'use a legacy API key with NETCUP_CUSTOMER_NUMBER and NETCUP_API_PASSWORD',
        });
      return found && { name, id: found.id };
    },
    add: async (zone, { fqdn, value }) => api.post(path(zone), { scope: scopeOf(fqdn, zone.name), value }),
    remove: async (zone, { fqdn, value }) =>
      api.delete(`${path(zone)}/${encodeURIComponent(scopeOf(fqdn, zone.name))}/${encodeURIComponent(value)}`),
  });
}

interface Reply<T> {
  status: string;
  statuscode: number;
  shortmessage: string;
  longmessage: string;
  responsedata: T;
}
interface CcpRecord {
  id: string;
  hostname: string;
  type: string;
  priority: string;
  destination: string;
  state: string;
}
const SESSION_GONE = 4001;
const INVALID = 4013;
const NO_ZONE = 5028;
const NO_RECORDS = 5029;

/** https://ccp.netcup.net/run/webservice/servers/endpoint.php: all answers are 200, sessions last 15 minutes. */
function controlPanel(
  rest: Client,
  hide: (secret: string) => void,
  auth: { customer: string; key: string; password: string },
) {
  const api = rest({
    url: 'https://ccp.netcup.net/run/webservice/servers/',
    problem(body) {
      const id: unknown = body?.responsedata?.apisessionid;
      if (typeof id === 'string') hide(id);
      return undefined;
    },
  });
  const account = { customernumber: auth.customer, apikey: auth.key };

  /** Sends one action; the status codes in `accepted` are answers, every other one but success is an error. */
  async function send<T>(action: string, param: object, accepted: readonly number[] = []): Promise<Reply<T>> {
    const reply = await api.post<Reply<T>>('endpoint.php?JSON', { action, param: { ...account, ...param } });
    const said = reply?.longmessage || reply?.shortmessage || 'an answer that cannot be read';
    const tooMany = /requests per minute/iu.test(said); // Told with 4013, as so much is.
    if (reply?.status === 'success' || (accepted.includes(reply?.statuscode) && !tooMany)) return reply;
    const refused = action === 'login' || reply?.statuscode === SESSION_GONE;
    throw new ProviderError(
      tooMany ? 'rate' : refused ? 'auth' : 'api',
      `netcup: ${action} failed: ${said} (${reply?.statuscode})`,
      { hint: refused ? 'check NETCUP_CUSTOMER_NUMBER, NETCUP_API_KEY and NETCUP_API_PASSWORD' : undefined },
    );
  }
  const session = loggedIn({
    login: async () =>
      (await send<{ apisessionid: string }>('login', { apipassword: auth.password })).responsedata.apisessionid,
    logout: (apisessionid) => send('logout', { apisessionid }),
  });
  const call = <T>(action: string, param: object, accepted: readonly number[] = []): Promise<Reply<T>> =>
    session.use((apisessionid) => send(action, { apisessionid, ...param }, accepted));

  return perRecord({
    async findZone(name) {
      // A name that cannot be a domain of its own is "invalid" (4013) rather than unknown (5028).
      const { statuscode } = await call('infoDnsRecords', { domainname: name }, [NO_RECORDS, NO_ZONE, INVALID]);
      return statuscode === NO_ZONE || statuscode === INVALID ? undefined : { name };
    },
    async list(zone, { name }) {
      const { responsedata } = await call<{ dnsrecords?: CcpRecord[] }>('infoDnsRecords', { domainname: zone.name }, [
        NO_RECORDS,
      ]);
      return (responsedata?.dnsrecords ?? [])
        .filter(({ type, hostname }) => type === 'TXT' && hostname.toLowerCase() === name)
        .map((record) => ({ value: record.destination, record }));
    },
    // The records that are not named stay as they are.
    create: (zone, { name, value }) =>
      call('updateDnsRecords', {
        domainname: zone.name,
        dnsrecordset: { dnsrecords: [{ hostname: name, type: 'TXT', destination: value }] },
      }),
    delete: (zone, { record }) =>
      call('updateDnsRecords', {
        domainname: zone.name,
        dnsrecordset: {
          dnsrecords: [
            {
              id: record.id,
              hostname: record.hostname,
              type: 'TXT',
              destination: record.destination,
              deleterecord: true,
            },
          ],
        },
      }),
    close: () => session.close(),
  });
}
