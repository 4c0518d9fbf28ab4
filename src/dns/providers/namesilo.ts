import {
  asciiName,
  defineProvider,
  type Problem,
  type ProviderFault,
  perRecord,
  secret,
  unquoteTxt,
} from '../kit/index.ts';

interface NsRecord {
  record_id: string;
  type: string;
  host: string;
  value: string;
}
interface Answer {
  /** `code` comes as a number or as a string; a list of one may come as the thing itself. */
  reply?: { code: number | string; detail?: string; resource_record?: NsRecord | NsRecord[] | null };
}

/** Response codes of https://www.namesilo.com/api-reference */
const SUCCESS = 300;
const DNS_ERROR = 280;
const faults: Readonly<{ [code: number]: ProviderFault }> = {
  ...{ 109: 'auth', 110: 'auth', 111: 'auth', 112: 'auth', 113: 'auth' },
  ...{ 114: 'missing', 200: 'missing', 267: 'missing' }, // No name that could be, or is, a domain of this account.
  400: 'rate', // "Existing API request is still processing - request will need to be re-submitted"
};
const MAX_TTL = 2_592_000;

export default defineProvider({
  id: 'namesilo',
  name: 'NameSilo',
  website: 'https://www.namesilo.com/',
  apiDocs: 'https://www.namesilo.com/api-reference#dns/dns-list-records',
  notes:
    'Generate a key on the *API Manager* page of the account, not a read-only one; if you name addresses there, name that of ' +
    'this machine. NameSilo publishes changes about every 15 minutes, so a certificate takes that long.',
  env: { key: secret('NAMESILO_API_KEY', 'API key') },
  tuning: { prefix: 'NAMESILO', ttl: 3600, minTtl: 3600, propagationTimeout: 1800, pollingInterval: 15 },

  connect({ config: { key }, rest }) {
    const api = rest({ url: 'https://www.namesilo.com/api/', problem: problemOf });
    const call = async (operation: string, query: { domain: string; [parameter: string]: string | number }) =>
      (await api.get<Answer>(operation, { version: 1, type: 'json', key, ...query })).reply;
    const recordsOf = async (domain: string) =>
      [(await call('dnsListRecords', { domain }))?.resource_record ?? []].flat();

    return perRecord({
      async findZone(name) {
        await recordsOf(name);
        return { name };
      },
      async list(zone, { name, fqdn }) {
        // Hosts were full names until December 2025: https://github.com/jeessy2/ddns-go/pull/1601
        return (await recordsOf(zone.name))
          .filter(({ type, host }) => type === 'TXT' && [name, fqdn].includes(asciiName(host || '@')))
          .map(({ record_id, value }) => ({ id: record_id, value: unquoteTxt(value) }));
      },
      create: (zone, { name, value, ttl }) =>
        call('dnsAddRecord', {
          ...{ domain: zone.name, rrtype: 'TXT', rrhost: name, rrvalue: value, rrttl: Math.min(ttl, MAX_TTL) },
        }),
      delete: (zone, { id }) => call('dnsDeleteRecord', { domain: zone.name, rrid: id }),
    });
  },
});

/** Errors come with status 200. */
function problemOf(body: Answer | undefined, status: number): Problem | null | undefined {
  const { code, detail = 'no reason given' } = body?.reply ?? {};
  if (code === undefined) return status === 200 ? { message: 'an answer without a code' } : undefined;
  const number = Number(code);
  if (number >= SUCCESS && number < 400) return undefined;
  if (number === DNS_ERROR && /already exists/iu.test(detail)) return null;
  const fault = faults[number];
  return {
    message: `${detail} (${code})`,
    fault,
    hint:
      fault === 'auth'
        ? 'check NAMESILO_API_KEY, that the key is not read-only, and that the API manager allows the address of this machine'
        : undefined,
  };
}
