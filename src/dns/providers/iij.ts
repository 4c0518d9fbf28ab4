import { asciiName, defineProvider, hmac, type Problem, perRecord, secret, text, unquoteTxt } from '../kit/index.ts';

interface DoRecord {
  Id: string | number;
  /** `UNCHANGED`, `ADDING` or `DELETING` since the last commit. */
  Status?: string;
  /** Relative to the zone; `@` at the apex. */
  Owner: string;
  RecordType: string;
  RData: string;
}

/** https://manual.iij.jp/dns/doapi/754520.html: no others are taken. */
const TTLS = [300, 600, 3600, 28_800, 43_200];
const VALID_MS = 3_600_000;

export default defineProvider({
  id: 'iij',
  name: 'IIJ DNS Outsource',
  website: 'https://www.iij.ad.jp/en/',
  apiDocs: 'https://manual.iij.jp/dns/doapi/',
  notes:
    'IIJ announced the end of DNS Outsource for 31 May 2023; the IIJ DNS Platform Service, which has another API and other ' +
    'credentials, takes its place. Access keys of this API come from IIJ Service Online; the service code begins with `do`.',
  env: {
    key: text('IIJ_API_ACCESS_KEY', 'Access key'),
    secret: secret('IIJ_API_SECRET_KEY', 'Secret key'),
    service: text('IIJ_DO_SERVICE_CODE', 'Service code of the DNS Outsource contract: do1234567'),
  },
  tuning: { prefix: 'IIJ', ttl: 300, propagationTimeout: 120, pollingInterval: 4 },

  connect({ config, rest, log }) {
    log.warn(
      'iij: IIJ DNS Outsource closed on 31 May 2023: move the zone to its successor, the IIJ DNS Platform Service (DPF)',
    );
    const api = rest({
      url: `https://do.api.iij.jp/r/20140601/${encodeURIComponent(config.service)}/`,
      // https://manual.iij.jp/dns/doapi/754437.html
      sign({ method, url, body }) {
        const expire = new Date(Date.now() + VALID_MS).toISOString().replace(/\.\d+/u, '');
        const contentType = body === '' ? '' : 'application/json';
        const signed = [
          `x-iijapi-expire:${expire}`,
          'x-iijapi-signaturemethod:HmacSHA256',
          'x-iijapi-signatureversion:2',
        ];
        const toSign = [method, '', contentType, ...signed, new URL(url).pathname].join('\n');
        return {
          'x-iijapi-expire': expire,
          'x-iijapi-signaturemethod': 'HmacSHA256',
          'x-iijapi-signatureversion': '2',
          authorization: `IIJAPI ${config.key}:${hmac('sha256', config.secret, toSign)}`,
        };
      },
      problem: problemOf,
    });
    const path = (zone: { id: string }) => encodeURIComponent(zone.id);

    return perRecord({
      async listZones() {
        const { ZoneList } = await api.get<{ ZoneList?: string[] | null }>('zones.json');
        return (ZoneList ?? []).map((id) => ({ name: asciiName(id), id }));
      },
      async list(zone, { name, fqdn }) {
        const { RecordList } = await api.get<{ RecordList?: DoRecord[] | null }>(`${path(zone)}/records/DETAIL.json`);
        return (RecordList ?? [])
          .filter(({ RecordType, Status }) => RecordType === 'TXT' && !Status?.startsWith('DELET'))
          .filter(({ Owner }) => [name, fqdn].includes(asciiName(Owner || '@')))
          .map(({ Id, RData }) => ({ id: Id, value: unquoteTxt(RData) }));
      },
      create: (zone, { name, value, ttl }) =>
        api.post(`${path(zone)}/record.json`, {
          Owner: name,
          TTL: String(TTLS.find((allowed) => allowed >= ttl) ?? TTLS.at(-1)),
          RecordType: 'TXT',
          RData: value,
        }),
      delete: (zone, { id }) => api.delete(`${path(zone)}/record/${id}.json`),
      // Of all zones of the contract; nothing is published before.
      commit: () => api.put('commit.json'),
    });
  },
});

/** https://manual.iij.jp/dns/doapi/754447.html; codes of refused credentials are not listed there. */
function problemOf(
  body: { ErrorResponse?: { ErrorType?: string; ErrorMessage?: string } } | undefined,
  status: number,
): Problem | null | undefined {
  const error = body?.ErrorResponse;
  if (!error?.ErrorType) return undefined;
  const { ErrorType: type, ErrorMessage: said = 'no reason given' } = error;
  const message = `${said} (${type})`;
  if (/expire/iu.test(`${type} ${said}`)) {
    const hint = `the clock of this machine, which shows ${new Date().toISOString()}, must not be more than an hour slow: set it`;
    return { message, fault: 'auth', hint };
  }
  if (status === 401 || /authenti|authori[sz]|signature|access\s*key/iu.test(`${type} ${said}`))
    return { message, fault: 'auth', hint: 'check IIJ_API_ACCESS_KEY, IIJ_API_SECRET_KEY and IIJ_DO_SERVICE_CODE' };
  if (/^ResourceAlready/u.test(type)) return null;
  return type === 'ResourceNotExist' ? { message, fault: 'missing' } : { message };
}
