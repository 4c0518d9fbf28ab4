import { defineProvider, secret, url } from '../kit/index.ts';
import { legacyDomains } from '../vendors/selectel.ts';

export default defineProvider({
  id: 'vscale',
  name: 'Vscale',
  website: 'https://vscale.io/',
  apiDocs: 'https://developers.vscale.io/documentation/api/v1/#api-Domains_Records',
  notes:
    'Create an API token at [vscale.io/panel/settings/tokens](https://vscale.io/panel/settings/tokens/), with write access.',
  env: {
    token: secret('VSCALE_API_TOKEN', 'API token that may write'),
    baseUrl: url('VSCALE_BASE_URL', 'Address of the API').default('https://api.vscale.io/v1/domains'),
  },
  tuning: { prefix: 'VSCALE', ttl: 60, minTtl: 60, propagationTimeout: 120 },

  connect: (context) => legacyDomains(context, { url: context.config.baseUrl, token: context.config.token }),
});
