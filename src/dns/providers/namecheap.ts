import { isIPv4 } from 'node:net';
import { defineProvider, flag, ProviderError, type Query, secret, text, unquoteTxt, wholeZone } from '../kit/index.ts';

interface Host {
  name: string;
  type: string;
  address: string;
  mxpref?: string;
  ttl?: string;
}
interface Answer {
  apiresponse: {
    status: string;
    errors?: { error?: { number: string; '#text': string }[] };
    commandresponse?: {
      domaindnsgethostsresult?: { emailtype?: string; isusingourdns?: string; host?: Host[] };
      domaindnssethostsresult?: { issuccess?: string };
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
    const [{ XMLParser }, { parse: splitDomain }] = await Promise.all([import('fast-xml-parser'), import('tldts')]);
    const lower = (name: string) => name.toLowerCase();
    const xml = new XMLParser({
      ignoreAttributes: false,
      attributeNamePrefix: '',
      parseTagValue: false,
      trimValues: false,
      htmlEntities: true, // Numeric references too: what others wrote goes back letter by letter.
      transformTagName: lower,
      transformAttributeName: lower,
      isArray: (name) => name === 'host' || name === 'error',
    });

    const ip = String(await rest({ url: 'https://dynamicdns.park-your-domain.com/', parse: (body) => body }).get('getip')).trim();
    if (!isIPv4(ip))
      throw new ProviderError('api', 'namecheap: dynamicdns.park-your-domain.com/getip did not tell the IPv4 address of this machine');
    const api = rest({
      url: `https://api.${sandbox ? 'sandbox.' : ''}namecheap.com/`,
      parse: (body) => xml.parse(body) as Answer,
      problem({ apiresponse }: Answer) {
        if (apiresponse.status === 'OK') return undefined;
        const { number = '', '#text': said = 'no reason given' } = apiresponse.errors?.error?.[0] ?? {};
        return { message: `${said} (${number}, asked from ${ip})`, fault: faultOf(number) };
      },
    });
    const account = { ApiUser: user, ApiKey: key, UserName: user, ClientIp: ip };
    const getHosts = async ({ SLD, TLD }: { SLD: string; TLD: string }) => {
      const query: Query = { ...account, Command: 'namecheap.domains.dns.getHosts', SLD, TLD };
      return (await api.get<Answer>('xml.response', query)).apiresponse.commandresponse?.domaindnsgethostsresult ?? {};
    };
    const mail = new Map<string, string | undefined>();

    return wholeZone({
      async findZone(name) {
        const { domain, publicSuffix: TLD } = splitDomain(name, { allowPrivateDomains: true });
        if (domain !== name || !TLD) return undefined;
        const zone = { name, TLD, SLD: name.slice(0, -TLD.length - 1) };
        if ((await getHosts(zone)).isusingourdns === 'false')
          throw new ProviderError('zone', `namecheap: ${name} does not use the name servers of Namecheap`, {
            hint: 'choose "Namecheap BasicDNS" for the domain, or the provider that does serve it',
          });
        return zone;
      },
      async load(zone) {
        const { emailtype, host = [] } = await getHosts(zone);
        mail.set(zone.name, emailtype);
        return host;
      },
      async save({ name, SLD, TLD }, hosts) {
        const form = new URLSearchParams({ ...account, Command: 'namecheap.domains.dns.setHosts', SLD, TLD });
        const emailType = mail.get(name);
        if (emailType) form.set('EmailType', emailType); // Without it, mail forwarding and MX records are lost.
        hosts.forEach((host, index) => {
          const n = index + 1;
          form.set(`HostName${n}`, host.name);
          form.set(`RecordType${n}`, host.type);
          form.set(`Address${n}`, host.address);
          form.set(`MXPref${n}`, host.mxpref ?? '10');
          if (host.ttl) form.set(`TTL${n}`, host.ttl);
        });
        const { commandresponse } = (await api.post<Answer>('xml.response', form)).apiresponse;
        if (commandresponse?.domaindnssethostsresult?.issuccess !== 'true')
          throw new ProviderError('api', `namecheap: ${name}: setHosts did not succeed, and no reason was given`);
      },
      toRow: ({ name, value, ttl }): Host => ({ name, type: 'TXT', address: value, mxpref: '10', ttl: String(Math.min(ttl, 60_000)) }),
      isRow: (host, { name, value }) =>
        host.type === 'TXT' && host.name.toLowerCase() === name && unquoteTxt(host.address) === value,
    });
  },
});
