import { defineProvider, oneOf, secret } from '../kit/index.ts';
import { liveDns } from '../vendors/gandi.ts';

export default defineProvider({
  id: 'gandiv5',
  name: 'Gandi LiveDNS (v5)',
  website: 'https://www.gandi.net',
  apiDocs: 'https://api.gandi.net/docs/livedns/',
  notes:
    'Create a personal access token under *Organizations → Sharing*, with *Manage domain name technical configurations* for ' +
    'the domains in question. API keys are deprecated; a token in `GANDIV5_API_KEY` works too.',
  env: {
    auth: oneOf({
      token: { token: secret('GANDIV5_PERSONAL_ACCESS_TOKEN', 'Personal access token') },
      key: { key: secret('GANDIV5_API_KEY', 'API key (deprecated by Gandi)') },
    }),
  },
  tuning: {
    prefix: 'GANDIV5',
    ttl: 300,
    minTtl: 300,
    propagationTimeout: 1200,
    pollingInterval: 20,
    httpTimeout: 10,
  },

  connect: ({ config: { auth }, rest }) =>
    liveDns(rest, auth.via === 'token' ? [`Bearer ${auth.token}`] : [`Apikey ${auth.key}`, `Bearer ${auth.key}`]),
});
