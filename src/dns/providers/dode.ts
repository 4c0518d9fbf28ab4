import { defineProvider, direct, ProviderError, secret } from '../kit/index.ts';

export default defineProvider({
  id: 'dode',
  name: 'Domain Offensive (do.de)',
  website: 'https://www.do.de/',
  apiDocs: 'https://www.do.de/wiki/freie-ssl-tls-zertifikate-ueber-acme/',
  notes:
    "Create the token in the customer portal under *Domains → Einstellungen → Let's Encrypt API-Token*. " +
    'do.de keeps one value for each name: names are validated one after another, and what else writes `_acme-challenge` gets lost.',
  env: { token: secret('DODE_TOKEN', "Let's Encrypt API token of the account") },
  tuning: { prefix: 'DODE', ignored: ['ttl'], sequenceInterval: 60 },
  oneValueAtATime: true,

  connect({ config: { token }, log, rest }) {
    const api = rest({
      url: 'https://my.do.de/api/',
      problem(body, status) {
        if (body?.success === true || status !== 200) return undefined;
        // There is no other reason that one hears of, and mostly do.de gives none.
        const message = typeof body?.error === 'string' ? body.error : 'do.de did not do it, and gave no reason';
        const hint = 'check DODE_TOKEN, and that the domain is in its account with the name servers of do.de';
        return { message, hint, fault: 'auth' };
      },
    });
    return direct({
      add: async (_zone, { fqdn, value }) => api.get('letsencrypt', { token, domain: fqdn, value }),
      // A record is named without its value; and a failure does not tell whether there was one at all.
      remove: async (_zone, { fqdn }) =>
        api.get('letsencrypt', { token, domain: fqdn, action: 'delete' }).catch((error: unknown) => {
          if (!(error instanceof ProviderError && error.status === 200)) throw error;
          log.warn(`${error.message} (${fqdn} may be gone already)`);
        }),
    });
  },
});
