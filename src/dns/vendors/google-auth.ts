import { ConfigError, type ProviderContext, ProviderError } from '../kit/index.ts';
import { privateKeyFrom, readFile } from './key-files.ts';
import { type AskForToken, signedJwt, tokenServers } from './oauth.ts';
import { type ShortLived, shortLived } from './short-lived.ts';

/** https://google.aip.dev/auth/4110 and the pages after it, for the kinds of credentials. */
interface CredentialFile {
  type?: string;
  universe_domain?: string;
  project_id?: string;
  quota_project_id?: string;
  client_email?: string;
  private_key?: string;
  private_key_id?: string;
  token_uri?: string;
  client_id?: string;
  client_secret?: string;
  refresh_token?: string;
  audience?: string;
  subject_token_type?: string;
  token_url?: string;
  workforce_pool_user_project?: string;
  credential_source?: {
    /** `aws1`: the addresses are those of AWS. */
    environment_id?: string;
    file?: string;
    url?: string;
    headers?: Record<string, string>;
    format?: { type?: string; subject_token_field_name?: string };
  };
  service_account_impersonation_url?: string;
  source_credentials?: CredentialFile;
  delegates?: string[];
}
interface OAuthAnswer {
  access_token: string;
  expires_in?: number;
}

export interface GoogleAuthOptions {
  /** The credentials' JSON and where it comes from, for messages; without it the metadata server is asked. */
  readonly file?: { readonly json: string; readonly from: string } | undefined;
  readonly scope: string;
  /** Account to act as. */
  readonly impersonate?: string | undefined;
  readonly metadataHost: string;
}
export interface GoogleAuth {
  /** An access token that works now. */
  token(): Promise<string>;
  project(): Promise<string>;
  /** Whom the use of the API is charged to, where the credentials say so. */
  readonly quotaProject: string | undefined;
}

const ALL_APIS = 'https://www.googleapis.com/auth/cloud-platform';
/** Google's own cloud; others run the same software. */
const UNIVERSE = 'googleapis.com';
/** Clocks differ; Google refuses what was issued in the future. */
const SKEW_SECONDS = 10;
const HOUR_SECONDS = 3600;

/** Access tokens by plain requests: why no library does it is in docs/decisions/0004-cloud-credentials.md. */
export function googleAuth(
  context: Pick<ProviderContext<unknown>, 'rest' | 'hide'>,
  { file: given, scope, impersonate, metadataHost }: GoogleAuthOptions,
): GoogleAuth {
  const ask = tokenServers(context);
  const metadata = askMetadata(ask, metadataHost);
  const file = given && parseFile(given.json, given.from);
  const check = given?.from ?? 'the service account of this machine';

  async function oauth(address: string, form: Record<string, string>): Promise<ShortLived> {
    const answer = await ask<OAuthAnswer>('POST', address, { body: new URLSearchParams(form), check });
    return { token: answer.access_token, seconds: answer.expires_in ?? HOUR_SECONDS };
  }

  /** https://developers.google.com/identity/protocols/oauth2/service-account#httprest */
  function byServiceAccount(account: CredentialFile, wanted: string): Promise<ShortLived> {
    const { client_email: issuer, private_key: pem, private_key_id: kid } = account;
    const address = account.token_uri ?? 'https://oauth2.googleapis.com/token';
    if (!issuer || !pem) throw new ConfigError(`gcloud: ${check} lacks client_email or private_key`);
    const iat = Math.floor(Date.now() / 1000) - SKEW_SECONDS;
    const header = { alg: 'RS256', typ: 'JWT', ...(kid ? { kid } : {}) } as const;
    const claims = { iss: issuer, scope: wanted, aud: address, iat, exp: iat + HOUR_SECONDS };
    const assertion = signedJwt(header, claims, privateKeyFrom(`gcloud: private_key of ${check}`, pem));
    context.hide(assertion); // Whoever has it can ask for tokens, too.
    return oauth(address, { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion });
  }

  /** https://developers.google.com/identity/protocols/oauth2/web-server#offline */
  function byUser(user: CredentialFile): Promise<ShortLived> {
    const { client_id = '', client_secret = '', refresh_token = '' } = user;
    context.hide(client_secret);
    context.hide(refresh_token);
    const form = { grant_type: 'refresh_token', client_id, client_secret, refresh_token };
    return oauth(user.token_uri ?? 'https://oauth2.googleapis.com/token', form);
  }

  /** Workload identity: https://google.aip.dev/auth/4117, https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token */
  async function byFederation(pool: CredentialFile, wanted: string): Promise<ShortLived> {
    const subject = await subjectToken(pool);
    context.hide(subject);
    const project = pool.workforce_pool_user_project;
    return oauth(pool.token_url ?? 'https://sts.googleapis.com/v1/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: pool.audience ?? '',
      subject_token_type: pool.subject_token_type ?? '',
      subject_token: subject,
      scope: wanted,
      ...(project ? { options: JSON.stringify({ userProject: project }) } : {}),
    });
  }
  async function subjectToken({ credential_source: source = {} }: CredentialFile): Promise<string> {
    const field =
      source.format?.type === 'json' ? (source.format.subject_token_field_name ?? 'access_token') : undefined;
    if (source.file) {
      const content = readFile(`gcloud: credential_source of ${check}`, source.file).trim();
      return field === undefined ? content : String(parseFile<Record<string, string>>(content, source.file)[field]);
    }
    if (source.url && !source.environment_id) {
      for (const header of Object.values(source.headers ?? {})) context.hide(header);
      const call = { headers: source.headers ?? {}, check };
      const answer = await ask<string | Record<string, string>>('GET', source.url, call);
      return typeof answer === 'string' ? answer.trim() : String(answer[field ?? '']);
    }
    throw new ConfigError(`gcloud: ${check} has a credential_source that is neither a file nor the address of a token`);
  }

  /** https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
  async function actAs(address: string, by: ShortLived, delegates: string[] = []): Promise<ShortLived> {
    const body = { scope: [scope], lifetime: `${HOUR_SECONDS}s`, ...(delegates.length > 0 ? { delegates } : {}) };
    const headers = { authorization: `Bearer ${by.token}` };
    const call = { body, headers, check: `that ${check} has the role Service Account Token Creator` };
    const answer = await ask<{ accessToken: string; expireTime: string }>('POST', address, call);
    return { token: answer.accessToken, seconds: (Date.parse(answer.expireTime) - Date.now()) / 1000 };
  }

  async function tokenOf(credentials: CredentialFile | undefined, wanted: string): Promise<ShortLived> {
    if (!credentials) {
      const answer = await metadata<OAuthAnswer>('instance/service-accounts/default/token');
      return { token: answer.access_token, seconds: answer.expires_in ?? 0 };
    }
    const { type, service_account_impersonation_url: address, universe_domain: universe = UNIVERSE } = credentials;
    if (universe !== UNIVERSE) throw new ConfigError(`gcloud: ${check} is for ${universe}, which is not supported`);
    if (type === 'service_account') return byServiceAccount(credentials, wanted);
    if (type === 'authorized_user') return byUser(credentials);
    if (type === 'external_account') {
      const own = await byFederation(credentials, address ? ALL_APIS : wanted);
      return address ? actAs(address, own) : own;
    }
    if (type === 'impersonated_service_account' && address && credentials.source_credentials)
      return actAs(address, await tokenOf(credentials.source_credentials, ALL_APIS), credentials.delegates);
    throw new ConfigError(`gcloud: ${check} holds credentials of type ${type ?? 'none'}, which are not supported`, {
      hint: 'take the JSON key of a service account, or what gcloud auth application-default login writes',
    });
  }

  return {
    token: shortLived(async () => {
      if (!impersonate) return tokenOf(file, scope);
      const address = `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${impersonate}:generateAccessToken`;
      return actAs(address, await tokenOf(file, ALL_APIS));
    }),
    project: async () => file?.project_id ?? (await metadata<string>('project/project-id', 'GCE_PROJECT')),
    quotaProject: file?.quota_project_id,
  };
}

/** https://cloud.google.com/compute/docs/metadata/querying-metadata */
const askMetadata =
  (ask: AskForToken, host: string) =>
  async <T>(path: string, variable = 'GCE_SERVICE_ACCOUNT_FILE or GOOGLE_APPLICATION_CREDENTIALS'): Promise<T> => {
    const headers = { 'metadata-flavor': 'Google' };
    try {
      const check = 'the service account of this machine';
      return await ask<T>('GET', `http://${host}/computeMetadata/v1/${path}`, { headers, check });
    } catch (error) {
      if (!(error instanceof ProviderError) || error.fault !== 'network') throw error;
      throw new ProviderError('network', error.message, { cause: error, hint: `outside Google Cloud set ${variable}` });
    }
  };

function parseFile<T extends object = CredentialFile>(json: string, from: string): T {
  try {
    const parsed: unknown = JSON.parse(json);
    if (typeof parsed === 'object' && parsed !== null) return parsed as T;
  } catch {
    // The parser's message would show a piece of the key.
  }
  throw new ConfigError(`gcloud: ${from} is not the JSON of Google credentials`);
}
