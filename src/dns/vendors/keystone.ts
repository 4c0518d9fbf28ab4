import {
  isProviderError,
  type ProviderContext,
  ProviderError,
  type Rest,
  type RestOptions,
  restFrom,
} from '../kit/index.ts';
import { loggedIn } from './logged-in.ts';

interface Context extends Pick<ProviderContext<unknown>, 'rest' | 'hide'> {
  /** The provider's id, for messages. */
  readonly who: string;
}

export interface Endpoint {
  /** What is served: `dns`. */
  readonly type: string;
  /** Who serves it, as the operator named it. */
  readonly name?: string | undefined;
  /** Who may reach it: `public`, `internal`, `admin`. */
  readonly face: string;
  readonly region?: string | undefined;
  readonly url: string;
}
export interface Token {
  readonly id: string;
  readonly catalogue: readonly Endpoint[];
}

interface V3Body {
  token?: {
    catalog?: {
      type: string;
      name?: string;
      endpoints?: { interface?: string; region?: string; region_id?: string; url: string }[];
    }[];
  };
}
interface V2Body {
  access?: {
    token?: { id?: string };
    serviceCatalog?: {
      type: string;
      name?: string;
      endpoints?: { region?: string; publicURL?: string; internalURL?: string; adminURL?: string }[];
    }[];
  };
}

/** Errors are an object with one member, named `error` or after the kind of error. */
export const keystoneProblem = (body: object | undefined, status: number): string | undefined =>
  status < 400
    ? undefined
    : Object.values<{ message?: unknown } | undefined>({ ...body })
        .map((error) => error?.message)
        .find((message) => typeof message === 'string');

/** Whoever gives the address of the service need not know which version it speaks, nor the path of its tokens. */
const withoutVersion = (address: string): string =>
  address
    .replace(/\/*$/u, '')
    .replace(/\/(?:auth\/)?tokens$/u, '')
    .replace(/\/v[\d.]+$/u, '');

/**
 * Version 3: https://docs.openstack.org/api-ref/identity/v3/#password-authentication-with-scoped-authorization
 * @throws ProviderError `auth` when the credentials are refused
 */
export async function loginV3({ who, rest, hide }: Context, address: string, auth: object): Promise<Token> {
  const api = rest({ url: `${withoutVersion(address)}/v3/`, problem: keystoneProblem });
  const { headers, body } = await api
    .request<V3Body | undefined>('POST', 'auth/tokens', { body: { auth } })
    .catch(noIdentityService);
  const id = headers['x-subject-token'];
  if (!id) throw new ProviderError('api', `${who}: ${address} answered a login without a token`);
  hide(id);
  const catalogue = (body?.token?.catalog ?? []).flatMap(({ type, name, endpoints = [] }) =>
    endpoints.map(({ interface: face = 'public', region, region_id, url }) => ({
      type,
      name,
      face,
      region: region ?? region_id,
      url,
    })),
  );
  return { id, catalogue };
}

/**
 * Version 2: https://docs.openstack.org/api-ref/identity/v2/ (archived), and what vendors made of it.
 * @throws ProviderError `auth` when the credentials are refused
 */
export async function loginV2({ who, rest, hide }: Context, address: string, auth: object): Promise<Token> {
  const api = rest({
    url: `${withoutVersion(address)}/v2.0/`,
    problem(body: V2Body | undefined, status) {
      if (body?.access?.token?.id) hide(body.access.token.id); // Before the answer is logged.
      return keystoneProblem(body, status);
    },
  });
  const { access } = await api.post<V2Body>('tokens', { auth }).catch(noIdentityService);
  if (!access?.token?.id) throw new ProviderError('api', `${who}: ${address} answered a login without a token`);
  const catalogue = (access.serviceCatalog ?? []).flatMap(({ type, name, endpoints = [] }) =>
    endpoints.flatMap(({ region, publicURL, internalURL, adminURL }) =>
      Object.entries({ public: publicURL, internal: internalURL, admin: adminURL }).flatMap(([face, url]) =>
        url ? [{ type, name, face, region, url }] : [],
      ),
    ),
  );
  return { id: access.token.id, catalogue };
}

/** Nobody should take a wrong address for a zone that does not exist. */
function noIdentityService(error: unknown): never {
  if (!(error instanceof ProviderError) || error.fault !== 'missing') throw error;
  throw new ProviderError('api', error.message, {
    status: error.status,
    cause: error,
    hint: 'check the address of the identity service',
  });
}

/** @throws ProviderError `api`, saying what the catalogue has instead */
export function endpointOf(
  who: string,
  { catalogue }: Token,
  { type, face = 'public', region }: { type: string; face?: string | undefined; region?: string | undefined },
): string {
  const offered = catalogue.filter((endpoint) => endpoint.type === type && endpoint.face === face);
  const found = offered.find((endpoint) => region === undefined || endpoint.region === region);
  if (found) return found.url;
  const regions = [...new Set(offered.map((endpoint) => endpoint.region))];
  const types = [...new Set(catalogue.map((endpoint) => endpoint.type))];
  throw new ProviderError('api', `${who}: no ${face} ${type} service${region ? ` in region ${region}` : ''}`, {
    hint:
      regions.length > 0
        ? `the catalogue has it in ${regions.join(', ')}`
        : `the catalogue has ${types.join(', ') || 'nothing'}: is the project the right one?`,
  });
}

export interface ServiceOptions {
  login(): Promise<Token>;
  /** Address of the service's API. */
  url(token: Token): string;
  readonly problem?: RestOptions['problem'];
}

/** A client that logs in when it is first used, and once more when its token is refused: tokens run out. */
export function serviceClient({ rest }: Pick<Context, 'rest'>, { login, url, problem }: ServiceOptions): Rest {
  const session = loggedIn({
    async login() {
      const token = await login();
      return rest({ url: url(token), headers: { 'x-auth-token': token.id }, ...(problem ? { problem } : {}) });
    },
    isOver: (error) => isProviderError(error) && error.status === 401, // 403: the user may not do this, whatever the token.
  });
  return restFrom((method, path, options) => session.use((api) => api.request(method, path, options)));
}
