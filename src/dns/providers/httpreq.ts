import { choice, defineProvider, direct, ProviderError, secret, type TxtRecord, text, url } from '../kit/index.ts';

export default defineProvider({
  id: 'httpreq',
  name: 'HTTP request',
  website: 'https://go-acme.github.io/lego/dns/httpreq/',
  apiDocs: 'https://go-acme.github.io/lego/dns/httpreq/',
  notes:
    'Your server answers `POST <endpoint>/present` and `POST <endpoint>/cleanup` with a 2xx status. The body is `{"fqdn", "value"}`, ' +
    'or `{"domain", "token", "keyAuth"}` in mode `RAW`.',
  env: {
    endpoint: url('HTTPREQ_ENDPOINT', 'Address of the server, path and query included'),
    mode: choice('HTTPREQ_MODE', 'Send the challenge itself instead of name and value', ['RAW']).optional(),
    username: text('HTTPREQ_USERNAME', 'User name for Basic authentication').optional(),
    password: secret('HTTPREQ_PASSWORD', 'Password for Basic authentication').optional(),
  },
  tuning: { prefix: 'HTTPREQ', ignored: ['ttl'] },

  connect({ config, hide, log, rest }) {
    const { mode, username, password } = config;
    const endpoint = new URL(config.endpoint);
    if (Boolean(username) !== Boolean(password))
      log.warn(
        'httpreq: HTTPREQ_USERNAME and HTTPREQ_PASSWORD count only together: requests go without authentication',
      );
    const user = username && password ? { username, password } : inUrl(endpoint);
    // Keys often travel in the query, or in front of the host.
    for (const value of [user.password, ...endpoint.searchParams.values()]) if (value.length >= 8) hide(value);
    const basic = Buffer.from(`${user.username}:${user.password}`).toString('base64');
    const api = rest({
      url: `${endpoint.origin}${endpoint.pathname.replace(/\/*$/u, '/')}`,
      headers: { accept: 'application/json', ...(user.username ? { authorization: `Basic ${basic}` } : {}) },
    });
    const tell =
      (action: string) =>
      (_zone: unknown, { fqdn, value, challenge }: TxtRecord) => {
        if (mode === 'RAW' && !challenge)
          throw new ProviderError(
            'api',
            `httpreq: ${fqdn}: mode RAW needs the token of an ACME challenge, and there is none`,
            {
              hint: 'unset HTTPREQ_MODE for rehearsals',
            },
          );
        return api.post(`${action}${endpoint.search}`, mode === 'RAW' ? { ...challenge } : { fqdn: `${fqdn}.`, value });
      };
    return direct({ add: async (...at) => tell('present')(...at), remove: async (...at) => tell('cleanup')(...at) });
  },
});

const inUrl = ({ username, password }: URL) => ({
  username: decodeURIComponent(username),
  password: decodeURIComponent(password),
});
