import {
  allPages,
  asciiName,
  defineProvider,
  ProviderError,
  perRecord,
  secret,
  unquoteTxt,
  type Zone,
} from '../kit/index.ts';

interface DnspodZone extends Zone {
  id: string;
}
interface Answer {
  status: { code: string | number; message: string };
  info?: { domain_total?: string | number; record_total?: string | number };
  domains?: { id: string | number; name: string; punycode?: string }[] | null;
  records?: { id: string | number; name: string; type: string; value: string }[] | null;
}

const OK = '1';
const NO_DOMAINS = '9';
const NO_RECORDS = '10';
const NO_SUCH_RECORD = '8';
const PRESENT = '104';
/** https://docs.dnspod.cn/api/5f561f9ee75cf42d25bf6720/: login failed, not allowed, failed too often, from a strange place. */
const REFUSED = ['-1', '-7', '-8', '85'];
const TOO_MANY = '-2';
/** More are sent in pages, whatever is asked for: the Chinese documentation says 3000, the English one 500. */
const LENGTH = 500;
const MAX_TTL = 604_800;

export default defineProvider({
  id: 'dnspod',
  name: 'DNSPod',
  website: 'https://www.dnspod.cn',
  apiDocs: 'https://docs.dnspod.cn/api/',
  notes:
    'Create a token in the console of dnspod.cn, under *DNSPod Token*, and join its ID and the token with a comma: `13490,6b5976c6…`. ' +
    'Tokens of the international dnspod.com and keys of Tencent Cloud do not open this API. Free domains take no TTL below 600.',
  env: { token: secret('DNSPOD_API_KEY', 'ID and token with a comma between them') },
  tuning: { prefix: 'DNSPOD', ttl: 600 },

  connect({ config: { token }, rest }) {
    const api = rest({
      url: 'https://dnsapi.cn/',
      // Programs that do not send a name, a version and a mail address in this very form get banned.
      headers: { 'user-agent': 'quoin/1 (maintainers@quoin.invalid)' },
    });

    /** The codes in `accepted` are answers, every other one but success is an error. All of them come with status 200. */
    async function call(action: string, params: Record<string, string>, accepted: readonly string[] = []) {
      const form = { login_token: token, format: 'json', error_on_empty: 'no', ...params };
      const answer = await api.post<Answer>(action, new URLSearchParams(form));
      const code = String(answer?.status?.code);
      if (code === OK || accepted.includes(code)) return answer;
      const message = `dnspod: ${action} failed: ${answer?.status?.message ?? 'an answer that cannot be read'} (${code})`;
      if (REFUSED.includes(code))
        throw new ProviderError('auth', message, {
          hint: 'check DNSPOD_API_KEY: it takes "ID,token" of dnspod.cn; dnspod.com and Tencent Cloud have others',
        });
      throw new ProviderError(code === TOO_MANY ? 'rate' : 'api', message);
    }

    return perRecord<DnspodZone, { id: string; value: string }>({
      // Not one name after another: asking in vain counts as abuse, and gets the account banned for an hour.
      async listZones() {
        const domains = await allPages(async ({ offset }) => {
          const page = { offset: String(offset), length: String(LENGTH) };
          const { domains: items, info } = await call('Domain.List', page, [NO_DOMAINS]);
          return { items, total: info?.domain_total };
        });
        return domains.map(({ id, name, punycode }) => ({ id: String(id), name: asciiName(punycode || name) }));
      },
      async list(zone, { name }) {
        const records = await allPages(async ({ offset }) => {
          const page = { offset: String(offset), length: String(LENGTH) };
          const at = { domain_id: zone.id, sub_domain: name, ...page };
          const { records: items, info } = await call('Record.List', at, [NO_RECORDS]);
          return { items, total: info?.record_total };
        });
        return records
          .filter((record) => record.type === 'TXT' && asciiName(record.name) === name)
          .map(({ id, value }) => ({ id: String(id), value: unquoteTxt(value) }));
      },
      create: (zone, { name, value, ttl }) =>
        call(
          'Record.Create',
          {
            ...{ domain_id: zone.id, sub_domain: name, record_type: 'TXT', record_line: '默认' },
            ...{ value, ttl: String(Math.min(ttl, MAX_TTL)) },
          },
          [PRESENT],
        ),
      delete: (zone, { id }) => call('Record.Remove', { domain_id: zone.id, record_id: id }, [NO_SUCH_RECORD]),
    });
  },
});
