import { defineProvider, secret } from '../kit/index.ts';
import { apiV4, tuning } from '../vendors/linode.ts';

export default defineProvider({
  id: 'linodev4',
  name: 'Linode (v4)',
  website: 'https://www.linode.com',
  apiDocs: 'https://techdocs.akamai.com/linode-api/reference/get-domain-records',
  notes:
    'Create a personal access token under *API Tokens* of your profile, with *Domains: Read/Write*. Linode rounds the TTL to ' +
    'one of its steps, and its name servers may show a change only at the next quarter of an hour.',
  env: { token: secret('LINODE_TOKEN', 'Personal access token that may read and write domains') },
  tuning,

  connect: ({ config, rest }) => apiV4(rest, config.token),
});
