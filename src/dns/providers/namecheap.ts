import { isIPv4 } from 'node:net';
import {
  defineProvider,
  flag,
  ProviderError,
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

/** https://www.namecheap.com/support/api/error-codes/: 10xxxxx is about the caller, 2019166 and 2016166 about the domain. */
const faultOf = (code: string) =>
  /^10\d{5}$/u.test(code)
    ? 'auth'
    : ['2019166', '2016166'].includes(code)
      ? 'missing'
      : code === '500000'
        ? 'rate'
        : 'api';

export default defineProvider({
  id: 'namecheap',
  name: 'Namecheap',
  website: 'https://www.namecheap.com',
  apiDocs: 'https://www.namecheap.com/support/api/methods/',
  notes:
    'Turn the API on under *Profile → Tools → API Access* and put the public IPv4 address of this machine on its whitelist. ' +
    'The API takes all hosts of a domain at once: changes that somebody else makes in that second are lost.',
  env: {
    user: text('NAMECHEAP_API_USER', 'API user'),
    key: secret('NAMECHEAP_API_KEY', 'API key'),
    sandbox: flag('NAMECHEAP_SANDBOX', 'Use the sandbox').default(false),
  },
  tuning: { prefix: 'NAMECHEAP', minTtl: 60, propagationTimeout: 3600, pollingInterval: 15, httpTimeout: 60 },

  async connect({ config: { user, key, sandbox }, rest }) {
    const { parse: splitDomain } = await import('tldts');
    // The documentation spells the element `Host`, the API `host`.
    const parse = await xmlParser({ arrays: ['host', 'Host', 'Error'], exact: true });

    const ip = String(
      await rest({ url: 'https://dynamicdns.park-your-domain.com/', parse: (body) => body }).get('getip'),
    ).trim();
    if (!isIPv4(ip))
      throw new ProviderError(
        'api',
        'namecheap: dynamicdns.park-your-domain.com/getip did not tell the IPv4 address of this machine',
      );
    const api = rest({
      url: `https://api.${sandbox ? 'sandbox.' : ''}namecheap.com/`,
      parse,
      problem({ ApiResponse }: Answer) {
        if (ApiResponse['@Status'] === 'OK') return undefined;
        const { '@Number': number = '', '#text': said = 'no reason given' } = ApiResponse.Errors?.Error?.[0] ?? {};
        return {
          message: `${said} (${number})`,
          fault: faultOf(number),
          // The reason why most first tries fail; the API says the same for a wrong key.
          hint:
            faultOf(number) === 'auth'
              ? `check NAMECHEAP_API_USER and NAMECHEAP_API_KEY, and that ${ip} is on the API whitelist of the account`
              : undefined,
        };
      },
    });
    const account = { ApiUser: user, ApiKey: key, UserName: user, ClientIp: ip };
    const getHosts = async ({ SLD, TLD }: { SLD: string; TLD: string }) => {
      const query: Query = { ...account, Command: 'namecheap.domains.dns.getHosts', SLD, TLD };
      return (await api.get<Answer>('xml.response', query)).ApiResponse.CommandResponse?.DomainDNSGetHostsResult ?? {};
    };
    const mail = new Map<string, string | undefined>();

    return wholeZone({
      async findZone(name) {
        const { domain, publicSuffix: TLD } = splitDomain(name, { allowPrivateDomains: true });
        if (domain !== name || !TLD) return undefined;
        const zone = { name, TLD, SLD: name.slice(0, -TLD.length - 1) };
        if ((await getHosts(zone))['@IsUsingOurDNS'] === 'false')
          throw new ProviderError('zone', `namecheap: ${name} does not use the name servers of Namecheap`, {
            hint: 'choose "Namecheap BasicDNS" for the domain, or the provider that does serve it',
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
        if (emailType) form.set('EmailType', emailType); // Without it, mail forwarding and MX records are lost.
        hosts.forEach((host, index) => {
          const n = index + 1;
          form.set(`HostName${n}`, host['@Name']);
          form.set(`RecordType${n}`, host['@Type']);
          form.set(`Address${n}`, host['@Address']);
          form.set(`MXPref${n}`, host['@MXPref'] ?? '10');
          if (host['@TTL']) form.set(`TTL${n}`, host['@TTL']);
        });
        const { CommandResponse } = (await api.post<Answer>('xml.response', form)).ApiResponse;
        if (CommandResponse?.DomainDNSSetHostsResult?.['@IsSuccess'] !== 'true')
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
