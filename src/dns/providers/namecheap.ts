import { isIPv4 } from 'node:net';
import {
  defineProvider,
  exportsOf,
  flag,
  ProviderError,
  type ProviderFault,
  type Query,
  secret,
  text,
  unquoteTxt,
  wholeZone,
  xmlParser,
} from '../kit/index.ts';

interface Host {
  '@Name': string;
  '@Type': string;
  '@Address': string;
  '@MXPref'?: string;
  '@TTL'?: string;
}
interface Answer {
  ApiResponse: {
    '@Status': string;
    Errors?: { Error?: { '@Number': string; '#text': string }[] };
    CommandResponse?: {
      DomainDNSGetHostsResult?: { '@EmailType'?: string; '@IsUsingOurDNS'?: string; host?: Host[]; Host?: Host[] };
      DomainDNSSetHostsResult?: { '@IsSuccess'?: string };
    };
  };
}

/** "Cannot complete this command as this domain is not using proper DNS servers" */
const ELSEWHERE = '2030288';
/** "Edit permission for domain is not supported" */
const NOT_OURS = '2030166';
/**
 * https://www.namecheap.com/support/api/global-parameters/: 10xxxxx is about the caller; the others are listed with
 * https://www.namecheap.com/support/api/methods/domains-dns/get-hosts/
 */
function faultOf(code: string): ProviderFault {
  if (/^10\d{5}$/u.test(code)) return 'auth';
  if (['2019166', '2016166'].includes(code)) return 'missing';
  if (code === ELSEWHERE) return 'zone';
  return code === '500000' ? 'rate' : 'api';
}
const USE_BASIC_DNS = 'choose "Namecheap BasicDNS" for the domain, or the provider that does serve it';
/** Too many requests end with this status: StackExchange/dnscontrol, providers/namecheap, doWithRetry. */
const TOO_MANY = 405;

export default defineProvider({
  id: 'namecheap',
  name: 'Namecheap',
  website: 'https://www.namecheap.com',
  apiDocs: 'https://www.namecheap.com/support/api/methods/',
  notes:
    'Turn the API on under *Profile → Tools → API Access* and put the public IPv4 address of this machine on its whitelist. ' +
    'The sandbox has an account, a key and a whitelist of its own. The API takes all hosts of a domain at once: changes that ' +
    'somebody else makes in that second are lost.',
  env: {
    user: text('NAMECHEAP_API_USER', 'API user'),
    key: secret('NAMECHEAP_API_KEY', 'API key'),
    sandbox: flag('NAMECHEAP_SANDBOX', 'Use the sandbox').default(false),
  },
  tuning: { prefix: 'NAMECHEAP', minTtl: 60, propagationTimeout: 3600, pollingInterval: 15, httpTimeout: 60 },

  async connect({ config: { user, key, sandbox }, rest }) {
    const { parse: parseName } = exportsOf(await import('tldts'));
    /**
     * What was registered, in the parts that the API takes. A private suffix (uk.com) may have been the registry, or be the
     * domain itself.
     */
    function splitDomain(name: string): { SLD: string; TLD: string } | undefined {
      const { publicSuffix: TLD } =
        [true, false]
          .map((allowPrivateDomains) => parseName(name, { allowPrivateDomains }))
          .find(({ domain }) => domain === name) ?? {};
      return TLD ? { TLD, SLD: name.slice(0, -TLD.length - 1) } : undefined;
    }
    // The documentation spells the element `Host`, the API `host`.
    const parseXml = await xmlParser({ arrays: ['host', 'Host', 'Error'], exact: true });

    const ip = String(
      await rest({ url: 'https://dynamicdns.park-your-domain.com/', parse: (body) => body }).get('getip'),
    ).trim();
    if (!isIPv4(ip))
      throw new ProviderError(
        'api',
        'namecheap: dynamicdns.park-your-domain.com/getip did not tell the IPv4 address of this machine',
        { hint: 'the API can be asked by IPv4 only, and wants to be told the address' },
      );
    const api = rest({
      url: `https://api.${sandbox ? 'sandbox.' : ''}namecheap.com/`,
      parse: (answer) => (answer.includes('<ApiResponse') ? parseXml(answer) : answer),
      problem(body: Answer | string | undefined, status) {
        if (status === TOO_MANY) return { message: 'too many requests', fault: 'rate' };
        if (typeof body === 'string') return body;
        const response = body?.ApiResponse;
        if (!response || response['@Status'] === 'OK') return undefined;
        const { '@Number': number = '', '#text': said = 'no reason given' } = response.Errors?.Error?.[0] ?? {};
        return { message: `${said} (${number})`, fault: faultOf(number), hint: hintFor(number) };
      },
    });
    /** Why most first tries fail; the API says the same for a wrong key. */
    const caller =
      `check NAMECHEAP_API_USER and NAMECHEAP_API_KEY${sandbox ? ' (the sandbox has its own)' : ''}, ` +
      `and that ${ip} is on the API whitelist of the account`;
    function hintFor(code: string): string | undefined {
      if (faultOf(code) === 'auth') return caller;
      if (code === ELSEWHERE) return USE_BASIC_DNS;
      return code === NOT_OURS ? 'the account needs the right to change the hosts of the domain' : undefined;
    }
    const account = { ApiUser: user, ApiKey: key, UserName: user, ClientIp: ip };
    async function getHosts({ name, SLD, TLD }: { name: string; SLD: string; TLD: string }) {
      const query: Query = { ...account, Command: 'namecheap.domains.dns.getHosts', SLD, TLD };
      const result = (await api.get<Answer | undefined>('xml.response', query))?.ApiResponse?.CommandResponse
        ?.DomainDNSGetHostsResult;
      // An answer without hosts must not be taken for a domain without hosts, or all would be lost.
      if (!result) throw new ProviderError('api', `namecheap: ${name}: getHosts told neither hosts nor a reason`);
      return result;
    }
    const mail = new Map<string, string | undefined>();

    return wholeZone({
      async findZone(name) {
        const parts = splitDomain(name);
        if (!parts) return undefined;
        const zone = { name, ...parts };
        if ((await getHosts(zone))['@IsUsingOurDNS'] === 'false')
          throw new ProviderError('zone', `namecheap: ${name} does not use the name servers of Namecheap`, {
            hint: USE_BASIC_DNS,
          });
        return zone;
      },
      async load(zone) {
        const { '@EmailType': emailType, host, Host } = await getHosts(zone);
        mail.set(zone.name, emailType);
        return host ?? Host ?? [];
      },
      async save({ name, SLD, TLD }, hosts) {
        const form = new URLSearchParams({ ...account, Command: 'namecheap.domains.dns.setHosts', SLD, TLD });
        const emailType = mail.get(name);
        // Without it, mail forwarding and MX records are lost; that there is none is told by leaving it out.
        if (emailType && emailType !== 'NONE') form.set('EmailType', emailType);
        hosts.forEach((host, index) => {
          const n = index + 1;
          form.set(`HostName${n}`, host['@Name']);
          form.set(`RecordType${n}`, host['@Type']);
          form.set(`Address${n}`, host['@Address']);
          form.set(`MXPref${n}`, host['@MXPref'] ?? '10');
          if (host['@TTL']) form.set(`TTL${n}`, host['@TTL']);
        });
        const result = (await api.post<Answer | undefined>('xml.response', form))?.ApiResponse?.CommandResponse
          ?.DomainDNSSetHostsResult;
        if (result?.['@IsSuccess'] !== 'true')
          throw new ProviderError('api', `namecheap: ${name}: setHosts did not succeed, and no reason was given`);
      },
      toRow: ({ name, value, ttl }): Host => ({
        ...{ '@Name': name, '@Type': 'TXT', '@Address': value },
        ...{ '@MXPref': '10', '@TTL': String(Math.min(ttl, 60_000)) },
      }),
      isRow: (host, { name, value }) =>
        host['@Type'] === 'TXT' && host['@Name'].toLowerCase() === name && unquoteTxt(host['@Address']) === value,
    });
  },
});
