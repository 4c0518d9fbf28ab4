import { createHash, randomUUID } from 'node:crypto';
import { ConfigError, type ProviderContext, ProviderError } from '../kit/index.ts';
import type { AzureAuthConfig } from './azure-auth-env.ts';
import { readCertificate, readFile } from './key-files.ts';
import { signedJwt, type TokenCall, tokenServers } from './oauth.ts';
import { type ShortLived, shortLived } from './short-lived.ts';

export interface AzureAuth {
  /** An access token that works now. */
  token(): Promise<string>;
  /** What the machine says of itself, where its managed identity is used: `subscriptionId`, `resourceGroupName`. */
  readonly machine: ((property: string) => Promise<string>) | undefined;
}
interface Options {
  /** `https://login.microsoftonline.com` */
  readonly login: string;
  /** `https://management.azure.com` */
  readonly resource: string;
}

/** Access tokens by plain requests: why no library does it is in docs/decisions/0004-cloud-credentials.md. */
export function azureAuth(
  context: Pick<ProviderContext<AzureAuthConfig>, 'config' | 'rest' | 'hide'>,
  { login, resource }: Options,
): AzureAuth {
  const { config, hide } = context;
  const ask = tokenServers(context);

  /** https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow */
  async function loggedIn(proof: Record<string, string>, check: string): Promise<ShortLived> {
    const { tenant, client } = app();
    const form = { client_id: client, scope: `${resource}/.default`, grant_type: 'client_credentials', ...proof };
    const address = `${login}/${encodeURIComponent(tenant)}/oauth2/v2.0/token`;
    return tokenFrom(await ask<TokenAnswer>('POST', address, { body: new URLSearchParams(form), check }));
  }
  const asserted = (assertion: string, check: string) => {
    hide(assertion);
    const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    return loggedIn({ client_assertion_type, client_assertion: assertion }, check);
  };
  const app = () => ({
    tenant: needed('AZURE_TENANT_ID', config.tenant),
    client: needed('AZURE_CLIENT_ID', config.client),
  });

  /** https://learn.microsoft.com/entra/identity-platform/certificate-credentials */
  function certificateAssertion(file: string): string {
    const { tenant, client } = app();
    const { key, certificates } = readCertificate(
      'azure: AZURE_CLIENT_CERTIFICATE_PATH',
      file,
      config.certificatePassword,
    );
    const x5c = config.sendChain ? { x5c: certificates.map(({ raw }) => raw.toString('base64')) } : {};
    const thumbprint = createHash('sha256').update(certificates[0].raw).digest('base64url');
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      ...{ aud: `${login}/${tenant}/oauth2/v2.0/token`, iss: client, sub: client, jti: randomUUID() },
      ...{ nbf: now - 10, iat: now - 10, exp: now + 600 }, // Clocks differ.
    };
    return signedJwt({ alg: 'PS256', typ: 'JWT', 'x5t#S256': thumbprint, ...x5c }, claims, key);
  }

  /** https://docs.github.com/actions/reference/security/oidc; others followed. */
  async function oidcToken(): Promise<string> {
    if (config.oidcToken !== undefined) return config.oidcToken.trim();
    if (config.oidcTokenFile !== undefined) return readTokenFile('AZURE_OIDC_TOKEN_FILE_PATH', config.oidcTokenFile);
    const address = new URL(
      needed('AZURE_OIDC_TOKEN, AZURE_OIDC_TOKEN_FILE_PATH or AZURE_OIDC_REQUEST_URL', config.oidcRequestUrl),
    );
    if (!address.searchParams.has('audience')) address.searchParams.set('audience', 'api://AzureADTokenExchange');
    const token = needed('AZURE_OIDC_REQUEST_TOKEN', config.oidcRequestToken);
    const call = {
      headers: { authorization: `Bearer ${token}` },
      check: 'AZURE_OIDC_REQUEST_URL and AZURE_OIDC_REQUEST_TOKEN',
    };
    return (await ask<{ value: string }>('GET', address.href, call)).value;
  }

  /** https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create */
  async function pipelineToken(): Promise<string> {
    const address = new URL(needed('SYSTEM_OIDCREQUESTURI', config.pipelineUrl));
    address.searchParams.set('api-version', '7.1');
    address.searchParams.set('serviceConnectionId', needed('AZURE_SERVICE_CONNECTION_ID', config.connection));
    const authorization = `Bearer ${needed('AZURE_SYSTEM_ACCESS_TOKEN', config.systemToken)}`;
    const headers = { authorization, 'content-type': 'application/json', 'x-tfs-fedauthredirect': 'Suppress' };
    const call = { headers, check: 'AZURE_SYSTEM_ACCESS_TOKEN and AZURE_SERVICE_CONNECTION_ID' };
    return (await ask<{ oidcToken: string }>('POST', address.href, call)).oidcToken;
  }

  async function fromMachine<T>(
    address: string,
    headers: Record<string, string>,
    query: TokenCall['query'],
  ): Promise<T> {
    // 404 and 410 while the service is being updated:
    // https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
    const call = {
      headers,
      query: query ?? {},
      later: [404, 410],
      check: 'AZURE_CLIENT_ID and the identities of this machine',
    };
    const hint = 'outside Azure set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET';
    return within(config.msiTimeout, ask<T>('GET', address, call), hint);
  }
  async function managedIdentity(): Promise<ShortLived> {
    const { identityEndpoint, identityHeader, client, metadata } = config;
    const query = { resource: `${resource}/`, client_id: client };
    // https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
    if (identityEndpoint && identityHeader) {
      const headers = { 'x-identity-header': identityHeader };
      return tokenFrom(await fromMachine(identityEndpoint, headers, { 'api-version': '2019-08-01', ...query }));
    }
    const address = `${metadata.replace(/\/+$/u, '')}/metadata/identity/oauth2/token`;
    return tokenFrom(await fromMachine(address, { metadata: 'true' }, { 'api-version': '2018-02-01', ...query }));
  }

  const methods = {
    async env(): Promise<ShortLived> {
      if (config.clientSecret)
        return loggedIn(
          { client_secret: config.clientSecret },
          'AZURE_CLIENT_SECRET, AZURE_CLIENT_ID and AZURE_TENANT_ID',
        );
      const file = needed('AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH', config.certificate);
      return asserted(certificateAssertion(file), 'AZURE_CLIENT_CERTIFICATE_PATH, AZURE_CLIENT_ID and AZURE_TENANT_ID');
    },
    wli: async () => {
      const name = 'AZURE_FEDERATED_TOKEN_FILE';
      // Kubernetes replaces the file before its token runs out.
      return asserted(readTokenFile(name, needed(name, config.federatedTokenFile)), name);
    },
    oidc: async () => asserted(await oidcToken(), 'the federated credentials of AZURE_CLIENT_ID'),
    pipeline: async () => asserted(await pipelineToken(), 'the federated credentials of AZURE_CLIENT_ID'),
    msi: managedIdentity,
    cli(): never {
      throw new ConfigError('azure: AZURE_AUTH_METHOD=cli is not supported', {
        hint: 'az ad sp create-for-rbac makes AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_TENANT_ID',
      });
    },
  };
  const method = config.method ?? usual(config);
  if (method === 'cli') methods.cli();
  if (method !== 'msi') app(); // What is missing is told before anything is asked.

  const machine = (property: string) => {
    const address = `${config.metadata.replace(/\/+$/u, '')}/metadata/instance/compute/${property}`;
    return fromMachine<string>(address, { metadata: 'true' }, { 'api-version': '2017-12-01', format: 'text' });
  };
  return {
    token: shortLived(async () => methods[method]()),
    machine: method === 'msi' && !config.identityHeader ? machine : undefined,
  };
}

const usual = ({ clientSecret, certificate, federatedTokenFile }: AzureAuthConfig) =>
  clientSecret || certificate ? 'env' : federatedTokenFile ? 'wli' : 'msi';

interface TokenAnswer {
  access_token: string;
  /** A number, or a number in quotes, or not there. */
  expires_in?: number | string;
  /** Seconds since 1970, in quotes. */
  expires_on?: number | string;
}
function tokenFrom({ access_token: token, expires_in, expires_on }: TokenAnswer): ShortLived {
  const seconds = expires_in === undefined ? Number(expires_on) - Date.now() / 1000 : Number(expires_in);
  return { token, seconds: Number.isFinite(seconds) ? seconds : 0 };
}

function needed<T>(name: string, value: T | undefined): T {
  if (value !== undefined) return value;
  throw new ConfigError(`azure: ${name} is not set`, { hint: 'see: quoin dnshelp -c azure' });
}

const readTokenFile = (name: string, path: string) => readFile(`azure: ${name}`, path).trim();

/** The metadata service answers at once or not at all. */
async function within<T>(limit: number, work: Promise<T>, hint: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    const message = `azure: no answer from the managed identity after ${limit} s`;
    timer = setTimeout(() => reject(new ProviderError('network', message, { hint })), limit * 1000);
  });
  try {
    return await (limit > 0 ? Promise.race([work, tooLong]) : work);
  } catch (error) {
    if (!(error instanceof ProviderError) || error.fault !== 'network' || error.hint) throw error;
    throw new ProviderError('network', error.message, { cause: error, hint });
  } finally {
    clearTimeout(timer);
  }
}
