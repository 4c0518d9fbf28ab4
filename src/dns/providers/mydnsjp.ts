import { basicAuth, defineProvider, direct, ProviderError, secret, type TxtRecord, text } from '../kit/index.ts';

export default defineProvider({
  id: 'mydnsjp',
  name: 'MyDNS.jp',
  website: 'https://www.mydns.jp/',
  apiDocs: 'https://github.com/disco-v8/DirectEdit',
  notes:
    'The master ID and the password come by e-mail after *JOIN US*; a child ID and its password work for a domain of its own. ' +
    'MyDNS.jp puts `_acme-challenge.` in front of every name itself, so a CNAME must lead to a name that begins so.',
  env: {
    user: text('MYDNSJP_MASTER_ID', 'Master ID'),
    password: secret('MYDNSJP_PASSWORD', 'Password'),
  },
  // Records have the TTL of their domain.
  tuning: { prefix: 'MYDNSJP', ignored: ['ttl'], propagationTimeout: 120 },

  connect({ config: { user, password }, rest }) {
    const api = rest({
      url: 'https://www.mydns.jp/',
      headers: { authorization: basicAuth(user, password) },
      parse: (page) => page.replace(/<[^>]*>/gu, ' ').trim(),
      // What the pages say is documented nowhere; all that is known is that success says "OK.".
      problem: (said: string | undefined, status) =>
        status >= 300 || (!/\bOK\b/u.test(said ?? '') && /\b(?:NG|error|fail\w*|invalid)\b/iu.test(said ?? ''))
          ? said
          : undefined,
    });
    const edit =
      (command: 'REGIST' | 'DELETE') =>
      async (_zone: unknown, { fqdn, value }: TxtRecord) => {
        const domain = /^_acme-challenge\.(.+)$/u.exec(fqdn)?.[1];
        if (domain === undefined)
          throw new ProviderError(
            'api',
            `mydnsjp: ${fqdn}: MyDNS.jp accepts only names that begin with _acme-challenge`,
            {
              hint: 'let the CNAME point to a name that begins so',
            },
          );
        const form = { CERTBOT_DOMAIN: domain, CERTBOT_VALIDATION: value, EDIT_CMD: command };
        return api.post('directedit.html', new URLSearchParams(form));
      };
    return direct({ add: edit('REGIST'), remove: edit('DELETE') });
  },
});
