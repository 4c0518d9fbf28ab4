import type { Provider } from '../../../../src/dns/kit/index.ts';
import cloudflare from '../../../../src/dns/providers/cloudflare.ts';
import digitalocean from '../../../../src/dns/providers/digitalocean.ts';
import { readSettings } from '../../../../src/dns/settings.ts';

const read = (provider: Provider, env: Record<string, string>) => {
  const warned: string[] = [];
  const settings = readSettings(
    provider,
    env,
    () => {},
    (message) => warned.push(message),
  );
  return { ...settings, warned };
};

describe('the environment of lego, cloudflare', () => {
  it.each([
    [{ CF_DNS_API_TOKEN: 'a' }, { via: 'token', dns: 'a', zone: undefined }],
    [
      { CLOUDFLARE_DNS_API_TOKEN: 'b', CF_DNS_API_TOKEN: 'a' },
      { via: 'token', dns: 'b', zone: undefined },
    ],
    [
      { CF_DNS_API_TOKEN: 'a', CLOUDFLARE_ZONE_API_TOKEN: 'z' },
      { via: 'token', dns: 'a', zone: 'z' },
    ],
    [
      { CF_API_EMAIL: 'e@x.test', CLOUDFLARE_API_KEY: 'k' },
      { via: 'globalKey', email: 'e@x.test', key: 'k' },
    ],
    [
      { CLOUDFLARE_EMAIL: 'e@x.test', CF_API_KEY: 'k' },
      { via: 'globalKey', email: 'e@x.test', key: 'k' },
    ],
  ])('%j is understood', (env, auth) => expect(read(cloudflare, env).config).toMatchObject({ auth }));

  it('takes the knobs under both prefixes, CLOUDFLARE first, with the defaults of lego', () => {
    const env = { CF_DNS_API_TOKEN: 'a', CF_TTL: '300', CF_HTTP_TIMEOUT: '9', CLOUDFLARE_HTTP_TIMEOUT: '8' };
    expect(read(cloudflare, env).tuning).toEqual({
      ttl: 300,
      propagationTimeout: 120,
      pollingInterval: 2,
      httpTimeout: 8,
      sequenceInterval: 0,
    });
  });

  it('says which credentials it leaves alone', () => {
    const env = { CF_DNS_API_TOKEN: 'a', CF_API_EMAIL: 'e@x.test', CF_API_KEY: 'k' };
    expect(read(cloudflare, env)).toMatchObject({
      config: { auth: { via: 'token' } },
      warned: ['cloudflare: CF_API_EMAIL, CF_API_KEY not used: CLOUDFLARE_DNS_API_TOKEN will do'],
    });
  });

  it('names what an e-mail address lacks', () => {
    expect(() => read(cloudflare, { CF_API_EMAIL: 'e@x.test' })).toThrow(
      'cloudflare: CF_API_EMAIL needs CLOUDFLARE_API_KEY (Global API key) too',
    );
  });
});

it('the environment of lego, digitalocean', () => {
  const env = { DO_AUTH_TOKEN: 't', DO_API_URL: 'https://x.test/', DO_POLLING_INTERVAL: '7', DO_TTL: '60' };
  expect(read(digitalocean, env)).toMatchObject({
    config: { token: 't', baseUrl: 'https://x.test/' },
    tuning: { ttl: 60, propagationTimeout: 60, pollingInterval: 7, httpTimeout: 30 },
  });
});
