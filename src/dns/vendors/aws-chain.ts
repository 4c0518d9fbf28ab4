import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { EnvSource } from '../kit/index.ts';
import type { AwsRequestHandler } from './aws-http.ts';

type Sdk = typeof import('@aws-sdk/credential-providers');

export interface AwsIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

export interface SharedProfile {
  readonly name: string;
  readonly credentialsFile: string;
  readonly configFile: string;
  readonly exists: boolean;
  readonly region: string | undefined;
}

export interface ProfileSettings {
  readonly profile?: string | undefined;
  readonly credentialsFile?: string | undefined;
  readonly configFile?: string | undefined;
}

/** The profile that counts, in the shared files: https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html. */
export async function sharedProfile(settings: ProfileSettings, env: EnvSource): Promise<SharedProfile> {
  const home = env.HOME || env.USERPROFILE || homedir();
  const name = settings.profile ?? 'default';
  const credentialsFile = settings.credentialsFile?.replace(/^~(?=\/)/u, home) ?? join(home, '.aws', 'credentials');
  const configFile = settings.configFile?.replace(/^~(?=\/)/u, home) ?? join(home, '.aws', 'config');
  const [credentials, config] = await Promise.all([regionsIn(credentialsFile), regionsIn(configFile)]);
  return {
    name,
    credentialsFile,
    configFile,
    exists: credentials.has(name) || config.has(name),
    region: credentials.get(name) ?? config.get(name),
  };
}

/** The profiles of a file, each with its region. A file that cannot be read has none, as with the SDK. */
async function regionsIn(file: string): Promise<ReadonlyMap<string, string | undefined>> {
  const found = new Map<string, string | undefined>();
  let profile = '';
  for (const line of (await readFile(file, 'utf8').catch(() => '')).split('\n')) {
    const header = /^\s*\[\s*(?:profile\s+)?["']?([^\]"']+?)["']?\s*\]/u.exec(line)?.[1];
    if (header !== undefined) {
      profile = header;
      found.set(profile, found.get(profile));
    }
    const region = /^region\s*=\s*([\w-]+)/u.exec(line)?.[1];
    if (region !== undefined) found.set(profile, region);
  }
  return found;
}

export interface Place {
  readonly what: string;
  /** Why it need not be looked at, or how it is. */
  readonly ask: string | (() => Promise<AwsIdentity>);
}

export interface ChainOptions {
  readonly env: EnvSource;
  readonly region: string;
  readonly profile: SharedProfile;
  readonly requestHandler: AwsRequestHandler;
  warn(message: string): void;
}

/**
 * Where the SDK looks behind the two variables, in its order; the parts are its own. Its `fromNodeProviderChain` reads
 * `process.env` alone, which does not know what stands in an env file.
 * https://docs.aws.amazon.com/sdk-for-javascript/v3/developer-guide/setting-credentials-node.html
 */
export function credentialChain(
  sdk: Sdk,
  { env, region, profile, requestHandler, warn }: ChainOptions,
): readonly Place[] {
  const common = { logger: { trace() {}, debug() {}, info() {}, warn, error: warn }, parentClientConfig: { region } };
  const clientConfig = { requestHandler, maxAttempts: 1 };
  const { name, credentialsFile, configFile } = profile;
  const inFiles = { profile: name, filepath: credentialsFile, configFilepath: configFile, clientConfig, ...common };
  const container = {
    ...(env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
      ? { awsContainerCredentialsRelativeUri: env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI }
      : {}),
    ...(env.AWS_CONTAINER_CREDENTIALS_FULL_URI
      ? { awsContainerCredentialsFullUri: env.AWS_CONTAINER_CREDENTIALS_FULL_URI }
      : {}),
    ...(env.AWS_CONTAINER_AUTHORIZATION_TOKEN
      ? { awsContainerAuthorizationToken: env.AWS_CONTAINER_AUTHORIZATION_TOKEN }
      : {}),
    ...(env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
      ? { awsContainerAuthorizationTokenFile: env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE }
      : {}),
  };
  const hasContainer =
    'awsContainerCredentialsRelativeUri' in container || 'awsContainerCredentialsFullUri' in container;
  const { AWS_WEB_IDENTITY_TOKEN_FILE: webIdentityTokenFile, AWS_ROLE_ARN: roleArn } = env;
  const instance = { profile: name, ec2MetadataV1Disabled: isOn(env.AWS_EC2_METADATA_V1_DISABLED), ...common };

  return [
    {
      what: `profile ${name} of ${credentialsFile} and ${configFile}`,
      ask: profile.exists ? sdk.fromIni({ ...inFiles, ...container }) : 'not there',
    },
    {
      what: 'IAM Identity Center', // fromIni does not tell its own single sign-on which files to read.
      ask: profile.exists ? sdk.fromSSO(inFiles) : 'no profile',
    },
    {
      what: 'AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN',
      ask:
        webIdentityTokenFile && roleArn
          ? sdk.fromTokenFile({
              webIdentityTokenFile,
              roleArn,
              roleSessionName: env.AWS_ROLE_SESSION_NAME || SESSION_NAME,
              clientConfig: { ...clientConfig, region, ...stsEndpoint(env) },
              ...common,
            })
          : 'not set',
    },
    {
      what: 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI',
      ask: hasContainer ? sdk.fromHttp({ ...container, ...common }) : 'not set',
    },
    {
      what: 'the metadata of an EC2 instance',
      ask: hasContainer
        ? 'not asked in a container'
        : isOn(env.AWS_EC2_METADATA_DISABLED)
          ? 'switched off by AWS_EC2_METADATA_DISABLED'
          : sdk.fromInstanceMetadata(instance),
    },
  ];
}

/** What CloudTrail shows beside the role. */
export const SESSION_NAME = 'quoin';
const isOn = (flag: string | undefined) => Boolean(flag) && flag !== 'false';

/** For tests and private endpoints: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html. */
export function stsEndpoint(env: EnvSource): { readonly endpoint?: string } {
  const endpoint = env.AWS_ENDPOINT_URL_STS || env.AWS_ENDPOINT_URL;
  return endpoint ? { endpoint } : {};
}
