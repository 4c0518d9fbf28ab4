import {
  asciiName,
  ConfigError,
  defineProvider,
  hash,
  oneOf,
  type Problem,
  type ProviderContext,
  perRecord,
  type RestOptions,
  secret,
  text,
  unlessMissing,
  unquoteTxt,
} from '../kit/index.ts';
import { shortLived } from '../vendors/short-lived.ts';

/** https://github.com/ovh/go-ovh#supported-apis; tokens of service accounts are for OVHcloud itself. */
const endpoints: Readonly<Record<string, { api: string; tokens?: string }>> = {
  'ovh-eu': { api: 'https://eu.api.ovh.com/1.0', tokens: 'https://www.ovh.com/auth/oauth2/' },
  'ovh-ca': { api: 'https://ca.api.ovh.com/1.0', tokens: 'https://ca.ovh.com/auth/oauth2/' },
  'ovh-us': { api: 'https://api.us.ovhcloud.com/1.0', tokens: 'https://us.ovhcloud.com/auth/oauth2/' },
  'kimsufi-eu': { api: 'https://eu.api.kimsufi.com/1.0' },
  'kimsufi-ca': { api: 'https://ca.api.kimsufi.com/1.0' },
  'soyoustart-eu': { api: 'https://eu.api.soyoustart.com/1.0' },
  'soyoustart-ca': { api: 'https://ca.api.soyoustart.com/1.0' },
};
type Endpoint = (typeof endpoints)[string];
type Sign = NonNullable<RestOptions['sign']>;

interface ZoneRecord {
  id: number;
  fieldType: string;
  /** Relative to the zone; empty at the apex. */
  subDomain?: string | null;
  target: string;
}
interface Failure {
  message?: unknown;
  errorCode?: string;
  details?: { unauthorizedActionsByAuthentication?: string; unauthorizedActionsByIAM?: string };
}

export default defineProvider({
  id: 'ovh',
  name: 'OVH',
  website: 'https://www.ovhcloud.com/',
  apiDocs: 'https://eu.api.ovh.com/console/?section=%2Fdomain&branch=v1',
  notes:
    'Create the three keys at <https://eu.api.ovh.com/createToken/> (or the same page of your region), with the rights `GET`, ' +
    '`POST` and `DELETE` on `/domain/zone/*`, best without expiry. A service account (OAuth2) needs an IAM policy with ' +
    '`dnsZone:apiovh:record/get`, `record/create`, `record/delete` and `refresh` for the zone instead.',
  env: {
    endpoint: text(
      'OVH_ENDPOINT',
      'Region: ovh-eu, ovh-ca, ovh-us, kimsufi-eu, kimsufi-ca, soyoustart-eu, soyoustart-ca, or the address of the API',
    ).default('ovh-eu'),
    auth: oneOf({
      application: {
        key: secret('OVH_APPLICATION_KEY', 'Application key'),
        secret: secret('OVH_APPLICATION_SECRET', 'Application secret'),
        consumer: secret('OVH_CONSUMER_KEY', 'Consumer key'),
      },
      client: {
        id: text('OVH_CLIENT_ID', 'Client id of a service account (OAuth2)'),
        secret: secret('OVH_CLIENT_SECRET', 'Client secret of the service account'),
      },
      token: { token: secret('OVH_ACCESS_TOKEN', 'Access token') },
    }),
  },
  tuning: { prefix: 'OVH', httpTimeout: 180 },

  async connect({ config, ...context }) {
    const endpoint = endpointOf(config.endpoint);
    const api = context.rest({
      url: endpoint.api,
      headers: { accept: 'application/json' },
      sign: await signer(config.auth, endpoint, context),
      problem: problemOf,
    });
    const records = (zone: string) => `domain/zone/${zone}/record`;

    return perRecord({
      // Not `domain/zone/${name}`: a consumer key for `/domain/zone/example.com/*` may not read that.
      async findZone(name) {
        await api.get(records(name), { fieldType: 'TXT', subDomain: '_acme-challenge' });
        return { name };
      },
      async list(zone, at) {
        const name = at.name === '@' ? '' : at.name;
        const found: ZoneRecord[] = [];
        const ids = await api.get<(number | string)[] | null>(records(zone.name), {
          fieldType: 'TXT',
          subDomain: name,
        });
        for (const id of ids ?? []) {
          const record = await api.get<ZoneRecord>(`${records(zone.name)}/${id}`).catch(unlessMissing);
          if (record) found.push(record);
        }
        // `subDomain` is a filter like SQL's LIKE, and none at all when it is empty.
        return found
          .filter(({ fieldType, subDomain }) => fieldType === 'TXT' && asciiName(subDomain ?? '') === name)
          .map(({ id, target }) => ({ id, value: unquoteTxt(target) }));
      },
      create: (zone, { name, value, ttl }) =>
        api.post(records(zone.name), { fieldType: 'TXT', subDomain: name === '@' ? '' : name, target: value, ttl }),
      delete: (zone, { id }) => api.delete(`${records(zone.name)}/${id}`),
      commit: (zone) => api.post(`domain/zone/${zone.name}/refresh`),
    });
  },
});

function endpointOf(name: string): Endpoint {
  const known = endpoints[name.toLowerCase()];
  if (known) return known;
  if (!/^https?:\/\//iu.test(name) || !URL.canParse(name))
    throw new ConfigError(
      `ovh: OVH_ENDPOINT is neither one of ${Object.keys(endpoints).join(', ')} nor an address: ${name}`,
    );
  const api = name.replace(/\/+$/u, '');
  return Object.values(endpoints).find((endpoint) => endpoint.api === api) ?? { api };
}

type Credentials =
  | { via: 'application'; key: string; secret: string; consumer: string }
  | { via: 'client'; id: string; secret: string }
  | { via: 'token'; token: string };

async function signer(
  auth: Credentials,
  endpoint: Endpoint,
  { rest, hide }: Pick<ProviderContext<unknown>, 'rest' | 'hide'>,
): Promise<Sign> {
  if (auth.via === 'token') return () => ({ authorization: `Bearer ${auth.token}` });
  if (auth.via === 'client') {
    if (!endpoint.tokens)
      throw new ConfigError('ovh: OVH_CLIENT_ID works with OVH_ENDPOINT set to ovh-eu, ovh-ca or ovh-us only');
    // https://help.ovhcloud.com/csm/en-manage-service-account?id=kb_article_view&sysparm_article=KB0059343
    const tokens = rest({
      url: endpoint.tokens,
      problem(body) {
        if (typeof body?.access_token === 'string') hide(body.access_token); // Before the answer is logged.
        return tokenProblem(body);
      },
    });
    const form = { grant_type: 'client_credentials', client_id: auth.id, client_secret: auth.secret, scope: 'all' };
    const token = shortLived(async () => {
      const answer = await tokens.post<{ access_token: string; expires_in?: number }>(
        'token',
        new URLSearchParams(form),
      );
      return { token: answer.access_token, seconds: answer.expires_in ?? 600 };
    });
    return async () => ({ authorization: `Bearer ${await token()}` });
  }
  // Signed with the server's time, so that the clock of this machine does not matter.
  const serverTime = Number(await rest({ url: endpoint.api, problem: problemOf }).get('auth/time'));
  const ahead = serverTime - Math.floor(Date.now() / 1000);
  return ({ method, url, body }) => {
    const timestamp = String(Math.floor(Date.now() / 1000) + ahead);
    return {
      'x-ovh-application': auth.key,
      'x-ovh-consumer': auth.consumer,
      'x-ovh-timestamp': timestamp,
      'x-ovh-signature': `$1$${hash('sha1', [auth.secret, auth.consumer, method, url, body, timestamp].join('+'))}`,
    };
  };
}

function tokenProblem(body: { error?: string; error_description?: string } | undefined): Problem | undefined {
  if (typeof body?.error !== 'string') return undefined;
  const message = [body.error, body.error_description].filter(Boolean).join(': ');
  return /client|grant|scope/u.test(body.error) ? { message, fault: 'auth' } : { message };
}

const nextSteps: Readonly<Record<string, string>> = {
  INVALID_KEY: 'check OVH_APPLICATION_KEY, and that OVH_ENDPOINT names the region where it was created',
  INVALID_SIGNATURE: 'check OVH_APPLICATION_SECRET and OVH_CONSUMER_KEY',
  INVALID_CREDENTIAL: 'check the credentials: they may have expired, and a consumer key must have been validated',
  NOT_CREDENTIAL: 'check OVH_CONSUMER_KEY: it may have expired, or was never validated',
  NOT_GRANTED_CALL: 'the consumer key needs the rights GET, POST and DELETE on /domain/zone/*',
  QUERY_TIME_OUT: 'the clock of this machine was set while this ran: try again',
};

/** Wrong signatures come with status 400. */
function problemOf(body: Failure | undefined, status: number): Problem | undefined {
  if (status < 400 || typeof body?.message !== 'string') return undefined;
  const { errorCode, details } = body;
  const lacking = [details?.unauthorizedActionsByAuthentication, details?.unauthorizedActionsByIAM].filter(Boolean);
  const message = [
    body.message,
    ...(errorCode ? [` (${errorCode})`] : []),
    ...(lacking.length > 0 ? [`; not allowed: ${lacking.join(', ')}`] : []),
  ].join('');
  if (lacking.length > 0)
    return { message, fault: 'auth', hint: 'allow these actions in the IAM policy of the service account' };
  const hint = nextSteps[errorCode ?? ''];
  const isRefused =
    hint !== undefined || (status === 400 && /signature|credential|application key/iu.test(body.message));
  return { message, hint, fault: isRefused ? 'auth' : undefined };
}
