import { ConfigError, number, type ProviderContext, secret, text } from '../kit/index.ts';
import { type AwsIdentity, sharedProfile } from './aws-chain.ts';
import { awsCredentials } from './aws-credentials.ts';
import { type AwsRequestHandler, awsRequestHandler } from './aws-http.ts';

export { awsPackage } from './aws-credentials.ts';

/** What every AWS service is configured by. Names that end in `_FILE` have meanings of their own there, hence no `NAME_FILE`. */
export const awsEnv = {
  keyId: text(['AWS_ACCESS_KEY_ID', 'AWS_ACCESS_KEY'], 'Access key ID; without it the other usual places are searched')
    .noFile()
    .optional(),
  secretKey: secret(['AWS_SECRET_ACCESS_KEY', 'AWS_SECRET_KEY'], 'Secret access key').noFile().optional(),
  sessionToken: secret('AWS_SESSION_TOKEN', 'Session token, where the keys are temporary').noFile().optional(),
  profile: text('AWS_PROFILE', 'Profile of the shared files, instead of `default`').noFile().optional(),
  credentialsFile: text('AWS_SHARED_CREDENTIALS_FILE', 'Shared file, instead of `~/.aws/credentials`')
    .noFile()
    .optional(),
  configFile: text('AWS_CONFIG_FILE', 'Shared file, instead of `~/.aws/config`').noFile().optional(),
  loadConfig: text('AWS_SDK_LOAD_CONFIG', 'No longer needed: the shared config file is always read')
    .noFile()
    .optional(),
  roleArn: text('AWS_ASSUME_ROLE_ARN', 'Role to assume with the credentials that were found').noFile().optional(),
  externalId: text('AWS_EXTERNAL_ID', 'External ID, where the role asks for one').noFile().optional(),
  maxRetries: number('AWS_MAX_RETRIES', 'How often one request is repeated; quoin itself stops after 3', { min: 0 })
    .noFile()
    .default(5),
};
export type AwsConfig = { readonly [K in keyof typeof awsEnv]: ReturnType<(typeof awsEnv)[K]['parse']> };

export interface AwsService {
  /** The provider's id, for messages. */
  readonly who: string;
  /** Default: that of the profile, else us-east-1. */
  readonly region?: string | undefined;
  /** Where the API is, if elsewhere. */
  readonly endpoint?: string | undefined;
}

/** What a client of the SDK is made with, so that it does as Quoin was told. */
export interface AwsClientSettings {
  readonly region: string;
  readonly credentials: () => Promise<AwsIdentity>;
  readonly requestHandler: AwsRequestHandler;
  /** The engine repeats; a client that did so too would multiply with it. */
  readonly maxAttempts: 1;
  readonly retryMode: 'standard';
  readonly endpoint?: string;
}

/**
 * Reads shared files, finds credentials and connects the SDK's HTTP with the engine's.
 * @throws ConfigError when there are no credentials
 */
export async function awsClientSettings(
  context: ProviderContext<AwsConfig>,
  { who, region: wanted, endpoint }: AwsService,
): Promise<AwsClientSettings> {
  const { config, env, log } = context;
  if (!config.keyId !== !config.secretKey)
    throw new ConfigError(
      config.keyId
        ? `${who}: AWS_ACCESS_KEY_ID needs AWS_SECRET_ACCESS_KEY too`
        : `${who}: AWS_SECRET_ACCESS_KEY needs AWS_ACCESS_KEY_ID too`,
      { hint: `see: quoin dnshelp -c ${who}` },
    );
  const profile = await sharedProfile(config, env);
  if (config.profile && !config.keyId && !profile.exists)
    throw new ConfigError(
      `${who}: AWS_PROFILE names ${config.profile}, which is neither in ${profile.credentialsFile} nor in ${profile.configFile}`,
    );
  const region = wanted ?? profile.region ?? 'us-east-1';

  let source = '';
  const requestHandler = await awsRequestHandler(context, {
    maxRetries: config.maxRetries,
    refusedHint: (code, message) => refusedHint(who, source, code, message),
  });
  const credentials = await awsCredentials(context, {
    who,
    region,
    profile,
    requestHandler,
    onFound(where) {
      source = where;
      log.debug(`${who}: credentials: ${where}`);
    },
  });
  return {
    region,
    credentials,
    requestHandler,
    maxAttempts: 1,
    retryMode: 'standard',
    ...(endpoint ? { endpoint } : {}),
  };
}

function refusedHint(who: string, source: string, code: string, message: string): string {
  if (/^RequestTimeTooSkewed/u.test(code) || /signature (?:expired|not yet current)/iu.test(message))
    return 'check the clock of this machine';
  if (/^(?:ExpiredToken|RequestExpired)/u.test(code)) return `temporary credentials have expired: renew ${source}`;
  if (/^AccessDenied|^NotAuthorized/u.test(code) && /not authorized/iu.test(message))
    return `the policy lacks this action; all that are needed: quoin dnshelp -c ${who}`;
  return `check ${source || 'the AWS credentials'}`;
}
