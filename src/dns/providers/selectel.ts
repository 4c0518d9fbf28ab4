import { defineProvider, secret, url } from '../kit/index.ts';
import { legacyDomains } from '../vendors/selectel.ts';

export default defineProvider({
  id: 'selectel',
  name: 'Selectel',
  website: 'https://selectel.ru/',
  apiDocs: 'https://docs.selectel.ru/api/dns-legacy',
  notes:
    'Create a static token (X-Token) under *Account → API keys* in the control panel. It opens the zones of *DNS hosting (legacy)*, ' +
    'API version 1, only: those of the current DNS hosting, API version 2, need a service user and are not reachable with it. ' +
    'Selectel keeps the legacy service running until further notice.',
  env: {
    token: secret('SELECTEL_API_TOKEN', 'Static API token of the account'),
    baseUrl: url('SELECTEL_BASE_URL', 'Address of the API').default('https://api.selectel.ru/domains/v1'),
  },
  tuning: { prefix: 'SELECTEL', ttl: 60, minTtl: 60, propagationTimeout: 120 },

  connect: (context) => legacyDomains(context, { url: context.config.baseUrl, token: context.config.token }),
});
