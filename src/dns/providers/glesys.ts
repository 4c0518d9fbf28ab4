import { asciiName, basicAuth, defineProvider, perRecord, secret, text, unquoteTxt } from '../kit/index.ts';

interface Domains {
  response: { domains?: { domainname: string }[] | null };
}
interface Records {
  response: { records?: { recordid: number | string; host: string; type: string; data: string }[] | null };
}

/** The answer's own code counts, whatever the HTTP status. */
const faults: Readonly<Record<number, 'auth' | 'missing' | 'rate'>> = {
  401: 'auth',
  403: 'auth',
  404: 'missing',
  429: 'rate',
};

export default defineProvider({
  id: 'glesys',
  name: 'GleSYS',
  website: 'https://glesys.com',
  apiDocs: 'https://github.com/GleSYS/API/wiki/API-Documentation#domain',
  notes:
    'Create an API key for the project, with the functions `list`, `listrecords`, `addrecord` and `deleterecord` of *Domain*. ' +
    'A key may be limited to IP addresses: add the one that quoin runs on. ' +
    'The user is the project, such as `cl12345`.',
  env: {
    user: text('GLESYS_API_USER', 'Project (cloud account) that the key belongs to'),
    key: secret('GLESYS_API_KEY', 'API key'),
  },
  // The name servers take their time.
  tuning: { prefix: 'GLESYS', ttl: 60, minTtl: 60, propagationTimeout: 1200, pollingInterval: 20, httpTimeout: 10 },

  connect({ config, rest }) {
    const api = rest({
      url: 'https://api.glesys.com/domain/',
      headers: { authorization: basicAuth(config.user, config.key) },
      problem(body) {
        const { code, text: message = 'no reason given' } = body?.response?.status ?? {};
        if (code === undefined || Number(code) === 200) return undefined;
        return { message, fault: faults[Number(code)] };
      },
    });

    return perRecord({
      async listZones() {
        const { response } = await api.get<Domains>('list');
        return (response.domains ?? []).map(({ domainname }) => ({ name: asciiName(domainname) }));
      },
      async list(zone, { fqdn }) {
        const { response } = await api.post<Records>('listrecords', { domainname: zone.name });
        return (response.records ?? [])
          .filter(({ type, host }) => type === 'TXT' && fullName(host, zone.name) === fqdn)
          .map(({ recordid, data }) => ({ recordid: Number(recordid), value: unquoteTxt(data) }));
      },
      create: (zone, { name, value, ttl }) =>
        api.post('addrecord', { domainname: zone.name, host: name, type: 'TXT', data: value, ttl }),
      delete: (_, { recordid }) => api.post('deleterecord', { recordid }),
    });
  },
});

/** Hosts come as they were entered: relative, `@`, or the whole name with a dot at its end. */
function fullName(host: string, zone: string): string {
  if (host.endsWith('.')) return asciiName(host);
  return host === '@' || host === '' ? zone : `${asciiName(host)}.${zone}`;
}
