import {
  asciiName,
  changeSets,
  defineProvider,
  hmac,
  type Problem,
  pollUntil,
  secret,
  type TxtEditor,
  text,
  unquoteTxt,
  url,
  xmlParser,
} from '../kit/index.ts';

interface RecordSet {
  Name: string;
  Type: string;
  TTL: string;
  ResourceRecords?: { ResourceRecord?: { Value: string }[] };
}
interface Listing {
  ListResourceRecordSetsResponse?: {
    ResourceRecordSets?: { ResourceRecordSet?: RecordSet[] };
    IsTruncated?: string;
    NextRecordName?: string;
    NextRecordType?: string;
    NextRecordIdentifier?: string;
  };
}
interface ChangeInfo {
  ChangeInfo: { Id: string; Status: string };
}
interface Failure {
  ErrorResponse?: { Error?: { Code?: string; Message?: string } };
}
interface Change {
  readonly action: 'CREATE' | 'DELETE';
  readonly fqdn: string;
  readonly ttl: number | string;
  readonly value: string;
}

const NAMESPACE = 'https://route53.amazonaws.com/doc/2012-12-12/';
const entities: Readonly<Record<string, string>> = { '<': 'lt', '>': 'gt', '&': 'amp', '"': 'quot', "'": 'apos' };
const escapeXml = (value: string) => value.replace(/[<>&"']/gu, (c) => `&${entities[c]};`);

export default defineProvider({
  id: 'nifcloud',
  name: 'NIFCLOUD',
  website: 'https://www.nifcloud.com/',
  apiDocs: 'https://docs.nifcloud.com/dns/api/',
  notes:
    'The service is called FJcloud-V since April 2024; its API stays where it was. The keys are in the control panel under the ' +
    'account, *Authentication keys*.',
  env: {
    key: text('NIFCLOUD_ACCESS_KEY_ID', 'Access key'),
    secret: secret('NIFCLOUD_SECRET_ACCESS_KEY', 'Secret access key'),
    endpoint: url('NIFCLOUD_DNS_ENDPOINT', 'Address of the API').default('https://dns.api.nifcloud.com'),
  },
  tuning: { prefix: 'NIFCLOUD', minTtl: 60 },

  async connect({ config, rest, signal }): Promise<TxtEditor> {
    const api = rest({
      url: `${config.endpoint.replace(/\/+$/u, '')}/2012-12-12N2013-12-16/`,
      headers: { accept: 'text/xml' },
      parse: await xmlParser({ arrays: ['ResourceRecordSet', 'ResourceRecord'] }),
      // https://docs.nifcloud.com/api/signature.htm, version 3: the Date header is all that is signed.
      sign() {
        const date = new Date().toUTCString();
        const signature = hmac('sha1', config.secret, date);
        return {
          date,
          'x-nifty-authorization': `NIFTY3-HTTPS NiftyAccessKeyId=${config.key},Algorithm=HmacSHA1,Signature=${signature}`,
        };
      },
      problem: problemOf,
    });

    /** The TXT records of a zone. What a list that begins with a missing name holds is not documented, so all are read. */
    async function readTexts(zone: string): Promise<Omit<Change, 'action'>[]> {
      const found: RecordSet[] = [];
      const seen = new Set<string>();
      let from: Record<string, string | undefined> = {};
      for (;;) {
        const page = await api.get<Listing>(`hostedzone/${zone}/rrset`, { ...from, maxitems: 100 });
        const list = page.ListResourceRecordSetsResponse ?? {};
        found.push(...(list.ResourceRecordSets?.ResourceRecordSet ?? []));
        from = { name: list.NextRecordName, type: list.NextRecordType, identifier: list.NextRecordIdentifier };
        if (list.IsTruncated !== 'true' || !from.name || seen.has(JSON.stringify(from))) break;
        seen.add(JSON.stringify(from));
      }
      return found
        .filter(({ Type }) => Type === 'TXT')
        .flatMap(({ Name, TTL, ResourceRecords }) =>
          (ResourceRecords?.ResourceRecord ?? []).map(({ Value }) => ({
            fqdn: fullName(asciiName(Name), zone),
            ttl: TTL,
            value: unquoteTxt(Value),
          })),
        );
    }

    return changeSets({
      async findZone(name) {
        await api.get(`hostedzone/${name}/rrset`, { maxitems: 1 }); // 404 for a zone that is not there.
        return { name };
      },

      read: ({ name }) => readTexts(name),

      /** One request for all changes. If it breaks off, some of them may be made: the list is read anew before a retry. */
      async write({ name: zone }, { add, remove }) {
        const wanted: Change[] = [
          ...remove.map((row) => ({ ...row, action: 'DELETE' as const })),
          ...add.map(({ fqdn, value, ttl }) => ({ fqdn, value, ttl, action: 'CREATE' as const })),
        ];
        const sent = await api.post<{ ChangeResourceRecordSetsResponse: ChangeInfo }>(
          `hostedzone/${zone}/rrset`,
          changeRequest(wanted, zone),
          { headers: { 'content-type': 'text/xml' } },
        );
        const { Id: id, Status: status } = sent.ChangeResourceRecordSetsResponse.ChangeInfo;
        if (status === 'INSYNC') return;
        await pollUntil(
          async () => {
            const { GetChangeResponse: answer } = await api.get<{ GetChangeResponse: ChangeInfo }>(`change/${id}`);
            return answer.ChangeInfo.Status === 'INSYNC' || undefined;
          },
          { what: `nifcloud: changing ${zone}`, signal: signal(), intervalMs: 4000, timeoutMs: 120_000 },
        );
      },
    });
  },
});

const fullName = (name: string, zone: string): string =>
  name === '@' || name === zone ? zone : name.endsWith(`.${zone}`) ? name : `${name}.${zone}`;

/** https://docs.nifcloud.com/dns/api/ChangeResourceRecordSets.htm: values are bare, and the apex is `@`. */
function changeRequest(changes: readonly Change[], zone: string): string {
  const elements = changes.map(
    ({ action, fqdn, ttl, value }) =>
      `<Change><Action>${action}</Action><ResourceRecordSet><Name>${fqdn === zone ? '@' : fqdn}</Name><Type>TXT</Type>` +
      `<TTL>${ttl}</TTL><ResourceRecords><ResourceRecord><Value>${escapeXml(value)}</Value></ResourceRecord></ResourceRecords>` +
      '</ResourceRecordSet></Change>',
  );
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<ChangeResourceRecordSetsRequest xmlns="${NAMESPACE}"><ChangeBatch><Changes>` +
    `${elements.join('')}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`
  );
}

function problemOf(body: Failure | undefined): Problem | undefined {
  const error = body?.ErrorResponse?.Error;
  if (!error) return undefined;
  const { Code: code = '', Message: said = 'no reason given' } = error;
  const message = `${said} (${code})`;
  if (/expired|skewed/iu.test(code) || /\b(?:expired|date)\b/iu.test(said)) {
    const hint = `the clock of this machine, which shows ${new Date().toISOString()}, must be right to 15 minutes: set it`;
    return { message, fault: 'auth', hint };
  }
  if (/^(?:Auth|AccessDenied|InvalidClientTokenId|SignatureDoesNotMatch|IncompleteSignature)/u.test(code))
    return { message, fault: 'auth', hint: 'check NIFCLOUD_ACCESS_KEY_ID and NIFCLOUD_SECRET_ACCESS_KEY' };
  if (/^(?:Throttling|PriorRequestNotComplete)/u.test(code)) return { message, fault: 'rate' };
  if (code === 'NoSuchHostedZone') return { message, fault: 'missing' };
  return { message };
}
