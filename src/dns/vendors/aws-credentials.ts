import { ConfigError, type ProviderContext } from '../kit/index.ts';
import {
  type AwsIdentity,
  credentialChain,
  type ProfileSettings,
  SESSION_NAME,
  type SharedProfile,
  stsEndpoint,
} from './aws-chain.ts';
import type { AwsRequestHandler } from './aws-http.ts';

export interface CredentialSettings extends ProfileSettings {
  readonly keyId?: string | undefined;
  readonly secretKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  readonly roleArn?: string | undefined;
  readonly externalId?: string | undefined;
}

export interface CredentialOptions {
  /** The provider's id, for messages. */
  readonly who: string;
  readonly region: string;
  readonly profile: SharedProfile;
  readonly requestHandler: AwsRequestHandler;
  /** Told where the credentials come from. */
  onFound(where: string): void;
}

/** Credentials that end sooner than this are replaced, as the SDK itself does it. */
const SPARE_MS = 5 * 60_000;
const STATIC_KEYS = 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';

/** The SDK is optional, because it is larger than all the rest of the program: docs/decisions/0004-cloud-credentials.md. */
export async function awsPackage<T>(who: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (!/^(?:ERR_)?MODULE_NOT_FOUND$/u.test((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
    throw new ConfigError(`${who}: the package ${name} is not installed`, {
      cause,
      hint: `where quoin is installed, run: npm install ${name}`,
    });
  }
}

/**
 * Finds credentials at once, so that who has none is told before anything is attempted; what is returned renews them.
 * @throws ConfigError with all that was looked for; ProviderError when STS or IAM Identity Center refuses or fails
 */
export async function awsCredentials(
  { config, env, log, hide }: Pick<ProviderContext<CredentialSettings>, 'config' | 'env' | 'log' | 'hide'>,
  { who, region, profile, requestHandler: sender, onFound }: CredentialOptions,
): Promise<() => Promise<AwsIdentity>> {
  let failure: unknown;
  const requestHandler: AwsRequestHandler = {
    ...sender,
    handle: (request) =>
      sender.handle(request).catch((error: unknown) => {
        failure = error;
        throw error;
      }),
  };
  const load = () => awsPackage(who, '@aws-sdk/credential-providers', () => import('@aws-sdk/credential-providers'));

  /** The credentials of one place, or why it has none. */
  async function ask(what: string, provider: () => Promise<AwsIdentity>): Promise<AwsIdentity | string> {
    failure = undefined;
    try {
      return await provider();
    } catch (error) {
      if (failure) throw failure; // The SDK puts some of them into errors of its own.
      const { message, tryNextLink } = error as Error & { tryNextLink?: boolean };
      if (tryNextLink) return message.replace(/\.$/u, '');
      throw new ConfigError(`${who}: ${what}: ${message}`, { cause: error });
    }
  }

  async function find(): Promise<AwsIdentity> {
    const { keyId: accessKeyId, secretKey: secretAccessKey, sessionToken } = config;
    if (accessKeyId && secretAccessKey) {
      onFound(STATIC_KEYS);
      return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
    }
    const tried = [`${STATIC_KEYS} (not set)`];
    const warn = (message: string) => log.warn(`${who}: ${message}`);
    for (const place of credentialChain(await load(), { env, region, profile, requestHandler, warn })) {
      const found = typeof place.ask === 'string' ? place.ask : await ask(place.what, place.ask);
      if (typeof found !== 'string') {
        onFound(place.what);
        return found;
      }
      tried.push(`${place.what} (${found})`);
    }
    throw new ConfigError(`${who}: no AWS credentials; looked for ${tried.join('; ')}`, {
      hint: `see: quoin dnshelp -c ${who}`,
    });
  }

  async function assume(roleArn: string): Promise<AwsIdentity> {
    const masterCredentials = await find();
    const { fromTemporaryCredentials } = await load();
    const provider = fromTemporaryCredentials({
      masterCredentials,
      params: {
        RoleArn: roleArn,
        RoleSessionName: SESSION_NAME,
        ...(config.externalId ? { ExternalId: config.externalId } : {}),
      },
      clientConfig: { requestHandler, maxAttempts: 1, region, ...stsEndpoint(env) },
    });
    const found = await ask(`role ${roleArn}`, provider);
    if (typeof found === 'string') throw new ConfigError(`${who}: role ${roleArn}: ${found}`);
    onFound(`role ${roleArn}`);
    return found;
  }

  async function resolve(): Promise<AwsIdentity> {
    const identity = await (config.roleArn ? assume(config.roleArn) : find());
    hide(identity.secretAccessKey);
    if (identity.sessionToken) hide(identity.sessionToken);
    return identity;
  }

  let current = await resolve();
  return async () => {
    if (current.expiration && current.expiration.getTime() - Date.now() < SPARE_MS) current = await resolve();
    return current;
  };
}
