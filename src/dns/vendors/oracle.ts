import { generateKeyPair, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ConfigError, hash, type ProviderContext, ProviderError, type SignableRequest } from '../kit/index.ts';
import { privateKeyFrom, readFile } from './key-files.ts';
import { shortLived } from './short-lived.ts';

/** Who signs. */
export interface OciIdentity {
  readonly keyId: string;
  readonly key: KeyObject;
}
export interface OciAccount {
  /** Asked before each request: tokens run out. */
  identity(): Promise<OciIdentity>;
  readonly region: string | undefined;
  /** `oraclecloud.com`, or that of another realm. */
  readonly domain: string;
}
type Context = Pick<ProviderContext<unknown>, 'rest' | 'hide'>;

/**
 * Headers of a signed request, version 1: https://docs.oracle.com/en-us/iaas/Content/API/Concepts/signingrequests.htm
 * `withHost` is false for the federation endpoint only.
 */
export function signedHeaders(
  { keyId, key }: OciIdentity,
  { method, url, body }: SignableRequest,
  { date = new Date().toUTCString(), withHost = true } = {},
): Record<string, string> {
  const { host, pathname, search } = new URL(url);
  const content = {
    'content-length': String(Buffer.byteLength(body)),
    'content-type': 'application/json',
    'x-content-sha256': hash('sha256', body, 'base64'),
  };
  const hasContent = /^(?:POST|PUT|PATCH)$/u.test(method);
  const signed: Record<string, string> = {
    date,
    '(request-target)': `${method.toLowerCase()} ${pathname}${search}`,
    ...(withHost ? { host } : {}),
    ...(hasContent ? content : {}),
  };
  const text = Object.entries(signed)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
  const signature = sign('sha256', Buffer.from(text), key).toString('base64');
  const names = Object.keys(signed).join(' ');
  const { '(request-target)': _, ...headers } = signed;
  return {
    ...headers,
    authorization: `Signature version="1",keyId="${keyId}",algorithm="rsa-sha256",headers="${names}",signature="${signature}"`,
  };
}

/** The domains of https://docs.oracle.com/en-us/iaas/Content/General/Concepts/regions.htm by realm, which is part of every OCID. */
const domains: Readonly<Record<string, string>> = {
  oc1: 'oraclecloud.com',
  oc2: 'oraclegovcloud.com',
  oc3: 'oraclegovcloud.com',
  oc4: 'oraclegovcloud.uk',
  oc19: 'oraclecloud.eu',
};
export function domainOf(ocid: string): string {
  const [, number] = /^ocid1\.\w+\.oc(\d+)\./u.exec(ocid) ?? [];
  return number === undefined ? 'oraclecloud.com' : (domains[`oc${number}`] ?? `oraclecloud${number}.com`);
}

export interface ApiKey {
  readonly tenancy: string;
  readonly user: string;
  readonly fingerprint: string;
  readonly key: KeyObject;
}
export const apiKeyIdentity = ({ tenancy, user, fingerprint, key }: ApiKey): OciIdentity => ({
  keyId: `${tenancy}/${user}/${fingerprint}`,
  key,
});

/** A profile of https://docs.oracle.com/en-us/iaas/Content/API/Concepts/sdkconfig.htm; what it lacks is that of DEFAULT. */
export function configFileAccount({ hide }: Context, path: string | undefined, profile: string): OciAccount {
  const file = path ?? join(homedir(), '.oci', 'config');
  const profiles = parseProfiles(readFile('oraclecloud: OCI_CONFIG_FILE', expanded(file)));
  if (!profiles.has(profile))
    throw new ConfigError(`oraclecloud: ${file} has no profile ${profile}: check OCI_PROFILE`);
  const settings = { ...profiles.get('DEFAULT'), ...profiles.get(profile) };
  const tokenFile = settings.security_token_file;
  const names = ['tenancy', 'region', 'key_file', ...(tokenFile ? [] : ['user', 'fingerprint'])];
  const missing = names.filter((name) => !settings[name]);
  if (missing.length > 0)
    throw new ConfigError(`oraclecloud: the profile ${profile} in ${file} lacks ${missing.join(', ')}`);
  const { tenancy = '', user = '', fingerprint = '', key_file: keyFile = '', region } = settings;
  const source = `oraclecloud: key_file of the profile ${profile}`;
  const passphrase = settings.pass_phrase ?? settings.passphrase;
  if (passphrase) hide(passphrase);
  const key = privateKeyFrom(source, readFile(source, expanded(keyFile)), passphrase);
  return {
    // `oci session refresh` writes the token anew.
    identity: async () => {
      if (!tokenFile) return apiKeyIdentity({ tenancy, user, fingerprint, key });
      const token = readFile(`oraclecloud: security_token_file of the profile ${profile}`, expanded(tokenFile)).trim();
      hide(token);
      return { keyId: `ST$${token}`, key };
    },
    region,
    domain: domainOf(tenancy),
  };
}

const expanded = (path: string) => path.replace(/^~(?=\/|$)/u, homedir());

function parseProfiles(text: string): Map<string, Record<string, string>> {
  const profiles = new Map<string, Record<string, string>>();
  let current: Record<string, string> = {};
  for (const line of text.split(/\r?\n/u)) {
    const [, name] = /^\s*\[(.+)\]\s*$/u.exec(line) ?? [];
    const [, key, value] = /^\s*([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/u.exec(line) ?? [];
    if (name !== undefined) {
      current = {};
      profiles.set(name, current);
    } else if (key !== undefined && value !== undefined) current[key.toLowerCase()] = value;
  }
  return profiles;
}

interface RegionInfo {
  regionIdentifier: string;
  realmDomainComponent: string;
}

/**
 * The instance itself: https://docs.oracle.com/en-us/iaas/Content/Identity/Tasks/callingservicesfrominstances.htm
 * Its certificate buys a token for a key made here; how is told by Oracle's SDKs only:
 * https://github.com/oracle/oci-go-sdk/blob/master/common/auth/federation_client.go
 */
export async function instanceAccount({ rest, hide }: Context, metadataUrl: string): Promise<OciAccount> {
  const metadata = rest({
    url: metadataUrl,
    headers: { authorization: 'Bearer Oracle' },
    problem(body: unknown) {
      if (typeof body === 'string' && body.includes('PRIVATE KEY')) hide(body);
      return undefined;
    },
  });
  const ask = async <T>(path: string): Promise<T> => {
    try {
      return await metadata.get<T>(path);
    } catch (error) {
      if (!(error instanceof ProviderError) || error.passing) throw error;
      const hint = 'instance_principal works on compute instances of Oracle Cloud only';
      throw new ProviderError('auth', error.message, { status: error.status, cause: error, hint });
    }
  };
  const { regionIdentifier: region, realmDomainComponent: domain } = await ask<RegionInfo>('instance/regionInfo');
  const keys = new Map<string, KeyObject>();

  async function federate() {
    const [leaf, pem, intermediate] = (await Promise.all(
      ['cert', 'key', 'intermediate'].map((name) => ask<string>(`identity/${name}.pem`)),
    )) as [string, string, string];
    const certificate = new X509Certificate(leaf);
    const [, tenancy = ''] = /opc-tenant:([^\s,+]+)/u.exec(certificate.subject) ?? [];
    const identity = {
      keyId: `${tenancy}/fed-x509-sha256/${certificate.fingerprint256.toLowerCase()}`,
      key: privateKeyFrom('oraclecloud: the key of this instance', pem),
    };
    const { publicKey, privateKey } = await newKeyPair();
    const auth = rest({
      url: `https://auth.${region}.${domain}/v1/`,
      sign: (request) => signedHeaders(identity, request, { withHost: false }),
      problem(body, status) {
        if (typeof body?.token === 'string') hide(body.token);
        return ociProblem(body, status);
      },
    });
    const { token } = await auth.post<{ token: string }>('x509', {
      certificate: certificate.raw.toString('base64'),
      publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
      intermediateCertificates: [new X509Certificate(intermediate).raw.toString('base64')],
      fingerprintAlgorithm: 'SHA256',
    });
    keys.set(token, privateKey);
    return { token, seconds: expiryOf(token) - Date.now() / 1000 };
  }
  const token = shortLived(federate);
  return {
    async identity() {
      const current = await token();
      return { keyId: `ST$${current}`, key: keys.get(current) as KeyObject };
    },
    region,
    domain,
  };
}

const newKeyPair = () => promisify(generateKeyPair)('rsa', { modulusLength: 2048 });

/** `exp` of a JSON Web Token, in seconds since 1970; of one that cannot be read it is now. */
function expiryOf(token: string): number {
  try {
    return Number(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).exp);
  } catch {
    return Date.now() / 1000;
  }
}

/** https://docs.oracle.com/en-us/iaas/Content/API/References/apierrors.htm */
export function ociProblem(body: { code?: string; message?: string } | undefined, status: number) {
  if (status < 400 || body?.message === undefined) return undefined;
  const message = `${body.message} (${body.code})`;
  // A zone that is busy, or that somebody else has changed meanwhile. `Conflict` is said to last.
  const isPassing = status === 412 || (status === 409 && body.code !== 'Conflict');
  return isPassing ? { message, fault: 'rate' as const } : { message };
}
