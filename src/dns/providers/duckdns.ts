import { defineProvider, direct, type Query, secret, type Zone } from '../kit/index.ts';

/** The one value of `home.duckdns.org` answers for every name below it. */
const LABELS = 3;

export default defineProvider({
  id: 'duckdns',
  name: 'Duck DNS',
  website: 'https://www.duckdns.org/',
  apiDocs: 'https://www.duckdns.org/spec.jsp',
  notes:
    'The token is on the page that you see after signing in. A domain has one TXT value, which answers for all names below it: ' +
    'names are validated one after another.',
  env: { token: secret('DUCKDNS_TOKEN', 'Token of the account') },
  tuning: { prefix: 'DUCKDNS', ignored: ['ttl'], sequenceInterval: 60 },
  oneValueAtATime: true,

  connect({ config: { token }, rest }) {
    const api = rest({
      url: 'https://www.duckdns.org/',
      problem(body, status) {
        if (status !== 200 || /^OK\b/u.test(String(body))) return undefined;
        // It says KO to everything, but this is what it is about.
        const hint = 'check DUCKDNS_TOKEN, and that the domain is in its account';
        const message = String(body ?? 'nothing').trim();
        return { message, hint, fault: message === 'KO' ? 'auth' : 'api' };
      },
    });
    const update = async ({ name }: Zone, query: Query) =>
      api.get('update', { domains: name.replace(/\.duckdns\.org$/u, ''), token, ...query });

    return direct({
      // Nobody needs to be asked; other names go as they are, and Duck DNS says no.
      zoneOf: async (fqdn) => ({ name: fqdn.split('.').slice(-LABELS).join('.') }),
      add: (zone, { value }) => update(zone, { txt: value }),
      // Without `txt` this would clear the addresses of the domain.
      remove: (zone) => update(zone, { txt: '', clear: true }),
    });
  },
});
