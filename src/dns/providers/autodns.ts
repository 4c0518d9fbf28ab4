import {
  asciiName,
  basicAuth,
  changeSets,
  defineProvider,
  number,
  type Problem,
  secret,
  text,
  unquoteTxt,
  url,
  type Zone,
} from '../kit/index.ts';

interface ResourceRecord {
  /** Relative to the origin; empty at the apex. */
  readonly name?: string | null;
  readonly ttl?: number;
  readonly type: string;
  readonly value: string;
}
interface AutoDnsZone extends Zone {
  /** The first name server, which tells zones of one name apart. */
  readonly server: string | undefined;
}
interface Reply<T> {
  readonly data?: readonly T[] | null;
}
interface Failure {
  status?: { code?: string; resultCode?: string; text?: string; type?: string };
  messages?: { code?: string; text?: string; objects?: { type?: string; value?: string }[] }[];
}

export default defineProvider({
  id: 'autodns',
  name: 'AutoDNS',
  website: 'https://www.internetx.com/domains/autodns/',
  apiDocs: 'https://help.internetx.com/display/APIXMLEN/JSON+API+Basics',
  notes:
    'Every user may use the API; best make one of its own that may only change zones, without two-factor authentication. For the ' +
    'demo system set `AUTODNS_ENDPOINT` to `https://api.demo.autodns.com/v1/` and `AUTODNS_CONTEXT` to `1`; resellers of ' +
    'InterNetX have contexts of their own.',
  env: {
    user: text('AUTODNS_API_USER', 'User name'),
    password: secret('AUTODNS_API_PASSWORD', 'Password of the user'),
    context: number('AUTODNS_CONTEXT', 'Context of the user: 4 is AutoDNS itself, 1 the demo system').default(4),
    endpoint: url('AUTODNS_ENDPOINT', 'Address of the API').default('https://api.autodns.com/v1/'),
  },
  tuning: { prefix: 'AUTODNS', ttl: 600, propagationTimeout: 120 },

  connect({ config, rest }) {
    const api = rest({
      url: config.endpoint,
      headers: {
        authorization: basicAuth(config.user, config.password),
        'x-domainrobot-context': String(config.context),
      },
      problem: problemOf,
    });

    return changeSets({
      async findZone(name): Promise<AutoDnsZone | undefined> {
        const { data } = await api.post<Reply<{ origin: string; virtualNameServer?: string }>>('zone/_search', {
          filters: [{ key: 'name', operator: 'EQUAL', value: name }],
          view: { children: true }, // Also zones of the users below this one.
        });
        const zone = data?.find(({ origin }) => asciiName(origin) === name);
        return zone && { name, server: zone.virtualNameServer };
      },

      async read({ name: zone, server }) {
        const { data } = await api.get<Reply<{ resourceRecords?: ResourceRecord[] | null }>>(
          `zone/${zone}${server ? `/${server}` : ''}`,
        );
        return (data?.[0]?.resourceRecords ?? [])
          .filter(({ type }) => type === 'TXT')
          .map((row) => ({ fqdn: fullName(row.name, zone), value: unquoteTxt(row.value), row }));
      },

      // The stream refuses as a whole what is there or gone already.
      write: ({ name }, { add, remove }) =>
        api.post(`zone/${name}/_stream`, {
          adds: add.map(({ name: relative, ttl, value }) => ({
            ...{ name: relative === '@' ? '' : relative, ttl, type: 'TXT', value },
          })),
          rems: remove.map(({ row }) => row),
        }),
    });
  },
});

/** Records come with names relative to the origin; a few older ones in full. */
function fullName(name: string | null | undefined, zone: string): string {
  const ascii = asciiName(name || '@');
  if (ascii === '@') return zone;
  return ascii === zone || ascii.endsWith(`.${zone}`) ? ascii : `${ascii}.${zone}`;
}

/** Errors have the type ERROR, whatever the HTTP status. A context that cannot be is a wrong value, not a failed login. */
function problemOf(body: Failure | undefined): Problem | undefined {
  if (body?.status?.type !== 'ERROR') return undefined;
  const { status, messages = [] } = body;
  const details = messages.map(({ code, text, objects = [] }) =>
    [text, ...objects.map(({ value }) => value), code && `(${code})`].filter(Boolean).join(' '),
  );
  const message = [`${status.text} (${status.code ?? status.resultCode})`, ...details].join('; ');
  const isLogin = messages.some(({ objects = [] }) => objects.some(({ type }) => type?.startsWith('request.auth')));
  return isLogin ? { message, fault: 'auth' } : { message };
}
