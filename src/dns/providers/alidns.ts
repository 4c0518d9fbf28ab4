import { randomUUID } from 'node:crypto';
import {
  allPages,
  asciiName,
  canonicalQuery,
  defineProvider,
  hmac,
  oneOf,
  type Problem,
  type ProviderContext,
  ProviderError,
  percentEncode,
  perRecord,
  secret,
  text,
  unquoteTxt,
} from '../kit/index.ts';

interface Key {
  readonly id: string;
  readonly secret: string;
  readonly token?: string | undefined;
}
interface Domain {
  /** An internationalised domain goes by its Unicode name. */
  DomainName: string;
  PunyCode?: string;
}
interface DomainRecord {
  RecordId: string;
  RR: string;
  Type: string;
  Value: string;
}
type Parameters = Readonly<Record<string, string | number>>;
interface Page {
  TotalCount?: number;
  Domains?: { Domain?: Domain[] };
  DomainRecords?: { Record?: DomainRecord[] };
}

export default defineProvider({
  id: 'alidns',
  name: 'Alibaba Cloud DNS',
  website: 'https://www.alibabacloud.com/product/dns',
  apiDocs: 'https://www.alibabacloud.com/help/en/dns/api-alidns-2015-01-09-overview',
  notes:
    'Create an AccessKey for a RAM user that may call `alidns:DescribeDomains`, `alidns:DescribeDomainRecords`, ' +
    '`alidns:AddDomainRecord` and `alidns:DeleteDomainRecord`; the system policy `AliyunDNSFullAccess` is enough. On an ECS ' +
    'instance, `ALICLOUD_RAM_ROLE` names the role attached to it instead. The free edition takes no TTL below 600.',
  env: {
    auth: oneOf({
      role: { name: text('ALICLOUD_RAM_ROLE', 'RAM role of the ECS instance that this runs on') },
      key: {
        id: text('ALICLOUD_ACCESS_KEY', 'AccessKey ID'),
        secret: secret('ALICLOUD_SECRET_KEY', 'AccessKey secret'),
        token: secret('ALICLOUD_SECURITY_TOKEN', 'STS token, where the AccessKey is a temporary one').optional(),
      },
    }),
    region: text('ALICLOUD_REGION_ID', 'Region whose endpoint is called').default('cn-hangzhou'),
    line: text('ALICLOUD_LINE', 'Resolution line of the TXT record, for instance: telecom').optional(),
  },
  tuning: { prefix: 'ALICLOUD', ttl: 600, httpTimeout: 10 },

  async connect(context) {
    const { auth, region, line } = context.config;
    const key = auth.via === 'key' ? async () => auth : roleKey(context, auth.name);
    await key(); // A role that the instance does not have is told at once.

    // The main endpoint is the only one documented; the vendor's SDK goes to that of the region for any other.
    const host = /^(?:cn-hangzhou|public)$/u.test(region) ? 'alidns.aliyuncs.com' : `alidns.${region}.aliyuncs.com`;
    const api = context.rest({ url: `https://${host}/`, problem: problemOf });
    const call = async <T>(Action: string, parameters: Parameters): Promise<T> =>
      api.get<T>(`?${signed(await key(), 'GET', { Action, ...parameters })}`);

    const all = <T>(action: string, query: Parameters, PageSize: number, rows: (page: Page) => T[] | undefined) =>
      allPages(async ({ page: PageNumber }) => {
        const page = await call<Page>(action, { ...query, PageNumber, PageSize });
        return { items: rows(page), total: page.TotalCount };
      });

    return perRecord({
      async findZone(name) {
        // Which name of an internationalised domain `EXACT` compares is not documented, so all are read for one.
        const search = name.includes('xn--') ? {} : { KeyWord: name, SearchMode: 'EXACT' };
        const domains = await all('DescribeDomains', search, 100, ({ Domains }) => Domains?.Domain);
        const domain = domains.find((found) => asciiName(found.DomainName) === name || found.PunyCode === name);
        return domain && { name, DomainName: domain.DomainName };
      },
      async list({ DomainName }, { name }) {
        // RRKeyWord finds every name that contains it.
        const search = { DomainName, RRKeyWord: name, TypeKeyWord: 'TXT' };
        const records = await all('DescribeDomainRecords', search, 500, ({ DomainRecords }) => DomainRecords?.Record);
        return records
          .filter(({ RR, Type }) => Type === 'TXT' && asciiName(RR) === name)
          .map(({ RecordId, Value }) => ({ RecordId, value: unquoteTxt(Value) }));
      },
      create: ({ DomainName }, { name, value, ttl }) =>
        call('AddDomainRecord', {
          ...{ DomainName, RR: name, Type: 'TXT', Value: value, TTL: ttl },
          ...(line === undefined ? {} : { Line: line }),
        }),
      delete: (_, { RecordId }) => call('DeleteDomainRecord', { RecordId }),
    });
  },
});

/**
 * A query with its signature, SignatureVersion 1.0: https://www.alibabacloud.com/help/en/sdk/product-overview/rpc-mechanism.
 * That page recommends the newer ACS3-HMAC-SHA256; this one is what acme.sh signs with.
 */
function signed(key: Key, method: string, parameters: Parameters): string {
  const query = canonicalQuery({
    ...parameters,
    Version: '2015-01-09',
    Format: 'JSON',
    AccessKeyId: key.id,
    ...(key.token === undefined ? {} : { SecurityToken: key.token }),
    Timestamp: now(),
    SignatureMethod: 'HMAC-SHA1',
    SignatureVersion: '1.0',
    SignatureNonce: randomUUID(),
  });
  const signature = hmac('sha1', `${key.secret}&`, [method, '/', query].map(percentEncode).join('&'));
  return `${query}&Signature=${percentEncode(signature)}`;
}

/** UTC without fractions of a second. */
const now = () => new Date().toISOString().replace(/\.\d+/u, '');

/** https://help.aliyun.com/en/dns/error-code; wrong keys come with 400, 403 or 404. */
function problemOf(body?: { Code?: string; Message?: string }): Problem | null | undefined {
  const code = body?.Code;
  if (typeof code !== 'string') return undefined;
  const message = `${body?.Message ?? 'no reason given'} (${code})`;
  if (code === 'DomainRecordDuplicate') return null;
  if (/^(?:InvalidTimeStamp|IllegalTimestamp)/u.test(code)) {
    const hint = `the clock of this machine, which shows ${now()}, must be right to 15 minutes: set it`;
    return { message, fault: 'auth', hint };
  }
  if (/^InvalidAccessKeyId/u.test(code)) return { message, fault: 'auth', hint: 'check ALICLOUD_ACCESS_KEY' };
  if (/^(?:SignatureDoesNotMatch|IncompleteSignature)|SecurityToken/u.test(code)) return { message, fault: 'auth' };
  if (/^(?:Forbidden|NoPermission)/u.test(code)) {
    const hint =
      'grant the RAM user or role the policy AliyunDNSFullAccess, or the four actions of quoin dnshelp -c alidns';
    return { message, fault: 'auth', hint };
  }
  if (/^(?:Throttling|LastOperationNotFinished)/u.test(code)) return { message, fault: 'rate' };
  if (/^(?:DomainRecordNotBelongToUser|InvalidDomainName\.NoExist)$/u.test(code)) return { message, fault: 'missing' };
  return { message };
}

/** https://www.alibabacloud.com/help/en/ecs/user-guide/attach-an-instance-ram-role-to-an-ecs-instance */
function roleKey({ rest, hide }: ProviderContext<unknown>, role: string): () => Promise<Key> {
  const metadata = rest({
    url: 'http://100.100.100.200/latest/',
    parse: (answer) => (answer.startsWith('{') ? JSON.parse(answer) : answer), // Its refusals are web pages.
    problem(body, status) {
      for (const value of [body, body?.AccessKeySecret, body?.SecurityToken])
        if (typeof value === 'string' && status === 200) hide(value);
      const hint = `is the RAM role ${role} (ALICLOUD_RAM_ROLE) attached to this ECS instance?`;
      return status === 404 || status === 403 ? { message: 'no such role here', fault: 'auth', hint } : undefined;
    },
  });
  let known: Promise<Key & { expires: number }> | undefined;

  async function ask(): Promise<Key & { expires: number }> {
    // Instances in security hardening mode want a token; where there is none, the plain way is open.
    const token = await metadata
      .request<string>('PUT', 'api/token', { headers: { 'X-aliyun-ecs-metadata-token-ttl-seconds': '60' } })
      .catch((error: unknown) => {
        if (!(error instanceof ProviderError) || error.passing) throw error;
        return undefined;
      });
    const path = `meta-data/ram/security-credentials/${encodeURIComponent(role)}`;
    const headers: Record<string, string> = token ? { 'X-aliyun-ecs-metadata-token': String(token.body) } : {};
    const found = await metadata.get<Record<string, string>>(path, {}, { headers });
    const { AccessKeyId: id, AccessKeySecret: secret, SecurityToken, Expiration = '' } = found ?? {};
    if (!id || !secret) throw new ProviderError('api', `alidns: the metadata server has no key for the role ${role}`);
    return { id, secret, token: SecurityToken, expires: Date.parse(Expiration) || Infinity };
  }

  return async () => {
    const current = await known?.catch(() => undefined);
    if (current && current.expires - Date.now() > 60_000) return current;
    known = ask();
    return known;
  };
}
