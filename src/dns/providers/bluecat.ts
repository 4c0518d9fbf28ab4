import {
  allPages,
  asciiName,
  defineProvider,
  flag,
  ignored,
  type Problem,
  type ProviderContext,
  ProviderError,
  perRecord,
  type Query,
  secret,
  type TxtRecord,
  text,
  unlessStatus,
  unquoteTxt,
  url,
  type Zone,
} from '../kit/index.ts';
import { loggedIn } from '../vendors/logged-in.ts';

interface BlueCatZone extends Zone {
  readonly id: number;
}
interface Found {
  readonly id: number;
  readonly value: string;
}
/** An open session with a server. */
interface AddressManager {
  findZone(name: string): Promise<BlueCatZone | undefined>;
  list(zone: BlueCatZone, at: Pick<TxtRecord, 'name' | 'fqdn'>): Promise<Found[]>;
  create(zone: BlueCatZone, record: TxtRecord): Promise<unknown>;
  delete(id: number): Promise<unknown>;
  deploy(zone: BlueCatZone): Promise<unknown>;
  logout(): Promise<unknown>;
}
interface Login {
  readonly base: string;
  readonly user: string;
  readonly password: string;
  readonly configuration: string;
  readonly view: string;
}
type Context = Pick<ProviderContext<unknown>, 'rest' | 'hide'>;

export default defineProvider({
  id: 'bluecat',
  name: 'BlueCat',
  website: 'https://www.bluecatnetworks.com',
  apiDocs: 'https://docs.bluecatnetworks.com/r/Address-Manager-RESTful-v2-API-Guide',
  notes:
    'The user needs API access in Address Manager, and the rights to change and to deploy the zone. The RESTful v2 API is used ' +
    'where the server has it (9.5 and newer), else the legacy v1 API. Each change is followed by a quick deployment of the zone. ' +
    'If the certificate of the server comes from a private CA, name its roots with `--ca-certificates`.',
  env: {
    url: url('BLUECAT_SERVER_URL', 'Address of Address Manager, such as https://bam.example.com'),
    user: text('BLUECAT_USER_NAME', 'Name of the API user'),
    password: secret('BLUECAT_PASSWORD', 'Password of the API user'),
    configuration: text('BLUECAT_CONFIG_NAME', 'Name of the configuration'),
    view: text('BLUECAT_DNS_VIEW', 'Name of the DNS view that the internet sees'),
    skipDeploy: flag('BLUECAT_SKIP_DEPLOY', 'Whether something else deploys the changes').default(false),
    debug: ignored('BLUECAT_DEBUG', 'Whether to show more; --debug does'),
  },
  tuning: { prefix: 'BLUECAT' },

  connect({ config, rest, hide }) {
    const base = config.url.replace(/(?:\/Services\/REST(?:\/v1)?|\/api(?:\/v2)?)?\/*$/u, '');
    const login = { ...config, base };
    const session = loggedIn({
      login: async () => (await openRestful({ rest, hide }, login)) ?? openLegacy({ rest, hide }, login),
      logout: (server) => server.logout(),
    });
    return perRecord<BlueCatZone, Found>({
      findZone: (name) => session.use((server) => server.findZone(name)),
      list: (zone, at) => session.use((server) => server.list(zone, at)),
      create: (zone, record) => session.use((server) => server.create(zone, record)),
      delete: (_zone, { id }) => session.use((server) => server.delete(id)),
      ...(config.skipDeploy ? {} : { commit: (zone) => session.use((server) => server.deploy(zone)) }),
      close: () => session.close(),
    });
  },
});

interface Collection<T> {
  data?: T[] | null;
  _links?: { next?: { href?: string } | null } | null;
}
interface Resource {
  id: number;
  type?: string;
  name?: string | null;
  absoluteName?: string | null;
  deploymentEnabled?: boolean;
  text?: string;
}
interface RestfulFailure {
  code?: string;
  message?: string;
}
const restfulProblem = (body: RestfulFailure | undefined): Problem | undefined =>
  body?.code === undefined ? undefined : { message: `${body.message} (${body.code})` };

/** RESTful v2; nothing if the server is older than 9.5, which does not know the address. */
async function openRestful({ rest, hide }: Context, login: Login): Promise<AddressManager | undefined> {
  const address = `${login.base}/api/v2/`;
  const { body } = await rest({
    url: address,
    parse: jsonOrText,
    problem(answer, status) {
      for (const token of [answer?.apiToken, answer?.basicAuthenticationCredentials])
        if (typeof token === 'string') hide(token); // Before the answer is logged.
      if (typeof answer?.code === 'string') return restfulProblem(answer);
      return status === 429 || status >= 500 ? undefined : null;
    },
  }).request<{ basicAuthenticationCredentials?: string } | undefined>('POST', 'sessions', {
    body: { username: login.user, password: login.password },
  });
  if (!body?.basicAuthenticationCredentials) return undefined;

  // Plain JSON would come without the links to further pages.
  const headers = { authorization: `Basic ${body.basicAuthenticationCredentials}`, accept: 'application/hal+json' };
  const api = rest({ url: address, headers, problem: restfulProblem });

  const all = (path: string, query: Query): Promise<Resource[]> =>
    allPages(async ({ offset }) => {
      const page = await api.get<Collection<Resource>>(path, { ...query, limit: 1000, offset });
      return { items: page.data, total: page._links?.next ? Number.POSITIVE_INFINITY : undefined };
    });

  return {
    async findZone(name) {
      const filter = `${is('absoluteName', name)} and ${is('configuration.name', login.configuration)} and ${is('view.name', login.view)}`;
      const found = (await all('zones', { filter })).find(
        // A view may hold hosts of other servers under the same name.
        ({ type = 'Zone', absoluteName, deploymentEnabled }) =>
          type === 'Zone' && asciiName(absoluteName ?? '') === name && deploymentEnabled !== false,
      );
      return found && { name, id: found.id };
    },
    async list(zone, { name, fqdn }) {
      // Records at the zone apex have no name that could be asked for.
      const records = await all(`zones/${zone.id}/resourceRecords`, name === '@' ? {} : { filter: is('name', name) });
      return records
        .filter(({ type, absoluteName }) => type === 'TXTRecord' && asciiName(absoluteName ?? '') === fqdn)
        .map(({ id, text = '' }) => ({ id, value: unquoteTxt(text) }));
    },
    async create(zone, { name, value, ttl }) {
      const record = { type: 'TXTRecord', text: value, ttl };
      const path = `zones/${zone.id}/resourceRecords`;
      await (name === '@'
        ? api.post(path, record, { headers: { 'x-bcn-same-as-zone': 'true' } })
        : api.post(path, { ...record, name })
      ).catch(unlessStatus(409)); // It is there already.
    },
    delete: (id) => api.delete(`resourceRecords/${id}`),
    deploy: (zone) => api.post(`zones/${zone.id}/deployments`, { type: 'QuickDeployment' }),
    logout: () =>
      api.patch(
        'sessions/current',
        { state: 'LOGGED_OUT' },
        { headers: { 'content-type': 'application/merge-patch+json' } },
      ),
  };
}

/** A predicate of the filter grammar, which takes either kind of quotes. */
function is(field: string, value: string): string {
  const quote = value.includes("'") ? '"' : "'";
  return `${field}:eq(${quote}${value}${quote})`;
}

function jsonOrText(answer: string): unknown {
  try {
    return JSON.parse(answer) as unknown;
  } catch {
    return answer;
  }
}

interface Entity {
  /** 0: nothing was found. */
  id: number;
  name?: string | null;
  type?: string | null;
  properties?: string | null;
}

/** Legacy v1. Errors are sentences, most of them with status 500. */
async function openLegacy({ rest, hide }: Context, login: Login): Promise<AddressManager> {
  const address = `${login.base}/Services/REST/v1/`;
  function problem(answer: unknown, status: number): Problem | null | undefined {
    if (typeof answer !== 'string') return undefined;
    const token = /BAMAuthToken: ([^\s<"]+)/u.exec(answer)?.[1];
    if (token) hide(token); // Before the answer is logged.
    if (/^Authentication Error/iu.test(answer)) return { message: answer, fault: 'auth' };
    if (status < 400) return undefined;
    if (/duplicate/iu.test(answer)) return null;
    return /not found|does not exist/iu.test(answer) ? { message: answer, fault: 'missing' } : { message: answer };
  }

  const said = await rest({ url: address, problem })
    .get('login', { username: login.user, password: login.password })
    .catch((error: unknown) => {
      if (!(error instanceof ProviderError && error.fault === 'missing')) throw error;
      throw new ProviderError('api', error.message, { cause: error, hint: 'check BLUECAT_SERVER_URL' });
    });
  const token = /BAMAuthToken: [^\s<"]+/u.exec(String(said))?.[0];
  if (!token)
    throw new ProviderError('api', 'bluecat: the server answered a login without a token', {
      hint: 'check BLUECAT_SERVER_URL',
    });

  const api = rest({ url: address, headers: { authorization: token }, problem });
  const find = async (parentId: number, name: string, type: string): Promise<Entity | undefined> => {
    const entity = await api.get<Entity | undefined>('getEntityByName', { parentId, name, type });
    return entity?.id ? entity : undefined;
  };

  async function findView(): Promise<number> {
    const configuration = await find(0, login.configuration, 'Configuration');
    const view = configuration && (await find(configuration.id, login.view, 'View'));
    if (view) return view.id;
    const missing = configuration ? `view ${login.view}` : `configuration ${login.configuration}`;
    throw new ProviderError('api', `bluecat: the user sees no ${missing}`, {
      hint: 'check BLUECAT_CONFIG_NAME and BLUECAT_DNS_VIEW',
    });
  }
  let view: Promise<number> | undefined;
  const viewId = (): Promise<number> => {
    const asked = view ?? findView();
    view = asked;
    asked.catch(() => {
      view = undefined;
    });
    return asked;
  };

  return {
    /** Zones lie within each other, one for each label, or one for several where somebody made it so. */
    async findZone(name) {
      let parent: Entity = { id: await viewId() };
      let pending = '';
      for (const label of name.split('.').reverse()) {
        pending = pending ? `${label}.${pending}` : label;
        const found = await find(parent.id, pending, 'Zone');
        if (!found) continue;
        parent = found;
        pending = '';
      }
      // What is not deployed only holds other zones: `com`.
      return pending || propertiesOf(parent).deployable === 'false' ? undefined : { name, id: parent.id };
    },
    async list(zone, { name, fqdn }) {
      const query = { parentId: zone.id, name: name === '@' ? '' : name, type: 'TXTRecord', count: 100 };
      const found = await allPages(
        async ({ offset: start }) => {
          const items = await api.get<Entity[] | undefined>('getEntitiesByName', { ...query, start });
          return { items, total: Number.POSITIVE_INFINITY }; // Nothing tells which page is the last.
        },
        (entity) => entity.id,
      );
      return found
        .map((entity) => ({ id: entity.id, properties: propertiesOf(entity) }))
        .filter(({ properties }) => asciiName(properties.absoluteName ?? fqdn) === fqdn)
        .map(({ id, properties }) => ({ id, value: unquoteTxt(properties.txt ?? '') }));
    },
    create: (zone, { name, fqdn, value, ttl }) =>
      api.post(
        'addEntity',
        {
          name: name === '@' ? '' : name,
          type: 'TXTRecord',
          properties: `ttl=${ttl}|absoluteName=${fqdn}|txt=${value}|`,
        },
        { query: { parentId: zone.id } },
      ),
    delete: (id) => api.delete('delete', undefined, { query: { objectId: id } }),
    deploy: (zone) => api.post('quickDeploy', undefined, { query: { entityId: zone.id } }),
    logout: () => api.get('logout'),
  };
}

/** `name=value|name=value|`, in which a backslash stands before what is meant literally. */
function propertiesOf({ properties }: Entity): Partial<Record<string, string>> {
  const pairs = (properties ?? '').match(/(?:\\.|[^\\|])+/gsu) ?? [];
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', ...value] = pair.replace(/\\(.)/gsu, '$1').split('=');
      return [name, value.join('=')];
    }),
  );
}
