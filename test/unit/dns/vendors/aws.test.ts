import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AwsKey,
  errorReply,
  isSigned,
  rightKey,
  route53Fixture,
  route53Routes,
  xmlReply,
} from '../../../../fixtures/dns/route53.ts';
import route53 from '../../../../src/dns/providers/route53.ts';
import { awsPackage } from '../../../../src/dns/vendors/aws.ts';
import { type FakeRequest, type Fixture, Reply, strict } from '../../../helpers/fake-api.ts';
import { fakeVendor } from '../providers/open.ts';

const name = '_acme-challenge.example.com';
const temporary: AwsKey = {
  id: 'ASIATEMPORARY',
  secret: 'temporary/secret+access+key',
  token: 'temporary/session+token==',
};
/** Nobody's home, no keys, and no instance: what a test does not set is not there. */
const nothing = {
  AWS_ACCESS_KEY_ID: undefined,
  AWS_SECRET_ACCESS_KEY: undefined,
  HOME: '/nonexistent',
  AWS_EC2_METADATA_DISABLED: 'true',
};

let folder: string;
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quoin-aws-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
function file(path: string, ...lines: string[]): string {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), lines.join('\n'));
  return join(folder, path);
}
const keyLines = ({ id, secret, token }: AwsKey) => [
  `aws_access_key_id = ${id}`,
  `aws_secret_access_key = ${secret}`,
  ...(token ? [`aws_session_token = ${token}`] : []),
];
async function localServer(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  cleanups.push(
    () => new Promise((resolve) => server.close(resolve)),
    () => server.closeAllConnections(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
/** What the SDK itself reads from the process: see docs/decisions/0004-cloud-credentials.md. */
function processEnv(values: Record<string, string>): void {
  const before = { ...process.env };
  Object.assign(process.env, values);
  cleanups.push(() => {
    for (const key of Object.keys(values)) {
      if (before[key] === undefined) delete process.env[key];
      else process.env[key] = before[key];
    }
  });
}

interface Cloud {
  /** The keys that Route 53 takes. */
  readonly keys?: readonly AwsKey[];
  readonly routes?: Record<string, (request: FakeRequest) => unknown>;
  readonly env?: Record<string, string | undefined>;
}
/** Adds a value with the credentials that are found, or fails to. */
async function addWith({ keys = [rightKey], routes = {}, env = {} }: Cloud) {
  const fixture: Fixture = {
    ...route53Fixture(),
    authorized: (request) =>
      !request.url.includes('//route53.') || isSigned(request, { service: 'route53', region: 'us-east-1', keys }),
    routes: (dns) => ({ ...route53Routes(dns), ...routes }),
  };
  const { open, dns, logged, server } = await fakeVendor(route53, fixture);
  cleanups.push(() => server.close());
  const add = async () => (await open({ ...nothing, ...env })).add([{ fqdn: name, value: 'one', zone: 'example.com' }]);
  const error = await add().catch((thrown: Error & { hint?: string }) => thrown);
  const log = logged.join('\n');
  for (const { secret, token = secret } of [rightKey, temporary])
    for (const hidden of [secret, token]) expect(log).not.toContain(hidden);
  return { error, values: dns.txt(name), log };
}
const added = { error: undefined, values: ['one', 'someone-else'] };
const credentials = () => ({
  AccessKeyId: temporary.id,
  SecretAccessKey: temporary.secret,
  SessionToken: temporary.token ?? '',
  Expiration: new Date(Date.now() + 3_600_000).toISOString(),
});

describe('shared files', () => {
  it.each([
    ['AWS_SHARED_CREDENTIALS_FILE', 'mine', (path: string) => ({ AWS_SHARED_CREDENTIALS_FILE: path })],
    ['~/.aws/credentials', '.aws/credentials', () => ({ HOME: folder })],
  ])('takes the default profile of %s', async (_, path, env) => {
    const written = file(path, '[default]', ...keyLines(rightKey));
    expect(await addWith({ env: env(written) })).toMatchObject(added);
  });

  it('takes the profile of AWS_PROFILE, from the config file too', async () => {
    const AWS_CONFIG_FILE = file(
      'config',
      '[default]',
      ...keyLines({ id: 'AKIAOTHER', secret: 'x' }),
      '[profile dns]',
      ...keyLines(temporary),
    );
    const AWS_SHARED_CREDENTIALS_FILE = file('credentials', '[default]', ...keyLines({ id: 'AKIAOTHER', secret: 'x' }));
    const env = { AWS_PROFILE: 'dns', AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, AWS_SDK_LOAD_CONFIG: '1' };
    expect(await addWith({ keys: [temporary], env })).toMatchObject(added);
  });

  it('prefers keys in the environment to a profile', async () => {
    const AWS_SHARED_CREDENTIALS_FILE = file('credentials', '[default]', ...keyLines(temporary));
    const env = { AWS_SHARED_CREDENTIALS_FILE, AWS_ACCESS_KEY_ID: rightKey.id, AWS_SECRET_ACCESS_KEY: rightKey.secret };
    expect(await addWith({ env })).toMatchObject(added);
  });

  it('runs credential_process', async () => {
    const script = file(
      'print.cjs',
      `console.log(${JSON.stringify(JSON.stringify({ Version: 1, ...credentials() }))})`,
    );
    const AWS_CONFIG_FILE = file('config', '[default]', `credential_process = ${process.execPath} ${script}`);
    expect(await addWith({ keys: [temporary], env: { AWS_CONFIG_FILE } })).toMatchObject(added);
  });

  it('says that AWS_PROFILE names no profile', async () => {
    const AWS_CONFIG_FILE = file('config', '[profile other]');
    const { error } = await addWith({ env: { AWS_PROFILE: 'dns', AWS_CONFIG_FILE } });
    expect(error).toMatchObject({
      code: 'CONFIG',
      message: `route53: AWS_PROFILE names dns, which is neither in /nonexistent/.aws/credentials nor in ${AWS_CONFIG_FILE}`,
    });
  });
});

describe('roles', () => {
  const roleArn = 'arn:aws:iam::123456789012:role/dns';
  const result = (action: string) =>
    xmlReply({
      [`${action}Response`]: {
        [`${action}Result`]: {
          Credentials: credentials(),
          AssumedRoleUser: { AssumedRoleId: 'ARO:x', Arn: `${roleArn}/x` },
        },
        ResponseMetadata: { RequestId: 'c6104cbe' },
      },
    });
  const assumeRole = (region: string, key: AwsKey) => ({
    [`POST https://sts.${region}.amazonaws.com/`]: (request: FakeRequest) => {
      if (!isSigned(request, { service: 'sts', region, keys: [key] }))
        throw new Reply(errorReply(403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match'));
      strict(request.body, {
        Action: 'string',
        Version: 'string',
        RoleArn: 'string',
        RoleSessionName: 'string',
        'DurationSeconds?': 'digits',
        'ExternalId?': 'string',
      });
      if (request.body.RoleArn !== roleArn)
        throw new Reply(errorReply(403, 'AccessDenied', 'User: u is not authorized to perform: sts:AssumeRole'));
      return result(request.body.Action);
    },
  });

  it('assumes the role of a profile, in its region, with the keys of its source profile', async () => {
    const AWS_SHARED_CREDENTIALS_FILE = file('credentials', '[base]', ...keyLines(rightKey));
    const AWS_CONFIG_FILE = file(
      'config',
      '[profile dns]',
      `role_arn = ${roleArn}`,
      'source_profile = base',
      'region = eu-central-1',
    );
    const env = { AWS_PROFILE: 'dns', AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE };
    expect(await addWith({ keys: [temporary], routes: assumeRole('eu-central-1', rightKey), env })).toMatchObject(
      added,
    );
  });

  it('assumes AWS_ASSUME_ROLE_ARN with what a profile holds', async () => {
    const AWS_SHARED_CREDENTIALS_FILE = file('credentials', '[default]', ...keyLines(rightKey), 'region = eu-west-3');
    const env = { AWS_SHARED_CREDENTIALS_FILE, AWS_ASSUME_ROLE_ARN: roleArn };
    expect(await addWith({ keys: [temporary], routes: assumeRole('eu-west-3', rightKey), env })).toMatchObject(added);
  });

  it('says that the role may not be assumed', async () => {
    const env = {
      AWS_ACCESS_KEY_ID: rightKey.id,
      AWS_SECRET_ACCESS_KEY: rightKey.secret,
      AWS_ASSUME_ROLE_ARN: `${roleArn}2`,
    };
    const { error } = await addWith({ routes: assumeRole('us-east-1', rightKey), env });
    expect(error).toMatchObject({
      fault: 'auth',
      message: expect.stringContaining('not authorized to perform: sts:AssumeRole'),
    });
  });

  it('takes a web identity (IRSA), and shows its token nowhere', async () => {
    const token = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl';
    const AWS_WEB_IDENTITY_TOKEN_FILE = file('token', token);
    const routes = {
      'POST https://sts.eu-west-1.amazonaws.com/': ({ body, headers }: FakeRequest) => {
        strict(body, {
          Action: 'string',
          Version: 'string',
          RoleArn: 'string',
          RoleSessionName: 'string',
          WebIdentityToken: 'string',
        });
        expect([headers.authorization, body.Action, body.WebIdentityToken]).toEqual([
          undefined,
          'AssumeRoleWithWebIdentity',
          token,
        ]);
        return result(body.Action);
      },
    };
    const env = { AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN: roleArn, AWS_REGION: 'eu-west-1' };
    const { log, ...done } = await addWith({ keys: [temporary], routes, env });
    expect(done).toMatchObject(added);
    expect(log).toContain('AssumeRoleWithWebIdentity');
    expect(log).not.toContain(token);
  });
});

describe('IAM Identity Center', () => {
  const startUrl = 'https://d-1234567890.awsapps.com/start';
  const profile = () =>
    file(
      'config',
      '[profile sso]',
      `sso_start_url = ${startUrl}`,
      'sso_region = eu-west-1',
      'sso_account_id = 123456789012',
      'sso_role_name = dns',
    );
  const signIn = (expiresAt: Date) => {
    processEnv({ HOME: folder });
    const cached = createHash('sha1').update(startUrl).digest('hex');
    file(
      `.aws/sso/cache/${cached}.json`,
      JSON.stringify({ accessToken: 'sso-access-token', expiresAt: expiresAt.toISOString() }),
    );
  };
  const portal = 'GET https://portal.sso.eu-west-1.amazonaws.com/federation/credentials';

  it('trades the token of aws sso login for keys, by the same HTTP client, and shows it nowhere', async () => {
    signIn(new Date(Date.now() + 3_600_000));
    const routes = {
      [portal]: ({ query, headers }: FakeRequest) => {
        strict(query, { role_name: 'string', account_id: 'string' });
        expect(headers['x-amz-sso_bearer_token']).toBe('sso-access-token');
        const { AccessKeyId, SecretAccessKey, SessionToken } = credentials();
        return {
          roleCredentials: {
            accessKeyId: AccessKeyId,
            secretAccessKey: SecretAccessKey,
            sessionToken: SessionToken,
            expiration: Date.now() + 3_600_000,
          },
        };
      },
    };
    const { log, ...done } = await addWith({
      keys: [temporary],
      routes,
      env: { AWS_PROFILE: 'sso', AWS_CONFIG_FILE: profile() },
    });
    expect(done).toMatchObject(added);
    expect(log).not.toContain('sso-access-token');
  });

  it('says that the session has expired', async () => {
    signIn(new Date(Date.now() - 1000));
    const { error } = await addWith({ env: { AWS_PROFILE: 'sso', AWS_CONFIG_FILE: profile() } });
    expect(error).toMatchObject({ code: 'CONFIG', message: expect.stringMatching(/has expired.*aws sso login/u) });
  });

  it('tries again when the portal fails for a moment', async () => {
    signIn(new Date(Date.now() + 3_600_000));
    const { error, log } = await addWith({
      routes: {
        [portal]: ({ query }) => {
          strict(query, { role_name: 'string', account_id: 'string' });
          throw new Reply({ status: 503 });
        },
      },
      env: { AWS_PROFILE: 'sso', AWS_CONFIG_FILE: profile() },
    });
    expect(error).toMatchObject({ code: 'PROVIDER_API', status: 503 });
    expect(log.match(/trying again/gu)).toHaveLength(3);
  });
});

describe('containers and instances', () => {
  it('asks the agent of ECS or EKS, and again before the credentials end', async () => {
    let asked = 0;
    const url = await localServer((req, res) => {
      asked += 1;
      const { SessionToken, Expiration: _, ...keys } = credentials();
      const isRight = req.url === '/creds' && req.headers.authorization === 'pod-identity-token';
      res
        .writeHead(isRight ? 200 : 403)
        .end(JSON.stringify({ ...keys, Token: SessionToken, Expiration: new Date(Date.now() + 60_000) }));
    });
    const AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE = file('token', 'pod-identity-token');
    const env = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/creds`, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE };
    expect(await addWith({ keys: [temporary], env })).toMatchObject(added);
    expect(asked).toBeGreaterThan(1);
  });

  it('asks the EC2 instance by IMDSv2', async () => {
    const asked: string[] = [];
    const url = await localServer((req, res) => {
      asked.push(`${req.method} ${req.url}`);
      const path = '/latest/meta-data/iam/security-credentials/';
      if (req.method === 'PUT' && req.headers['x-aws-ec2-metadata-token-ttl-seconds']) return res.end('imds-token');
      if (req.headers['x-aws-ec2-metadata-token'] !== 'imds-token') return res.writeHead(401).end();
      const { SessionToken, ...keys } = credentials();
      return res.end(
        req.url === path
          ? 'dns-role'
          : JSON.stringify({ Code: 'Success', Type: 'AWS-HMAC', ...keys, Token: SessionToken }),
      );
    });
    processEnv({ AWS_EC2_METADATA_SERVICE_ENDPOINT: url });
    expect(await addWith({ keys: [temporary], env: { AWS_EC2_METADATA_DISABLED: undefined } })).toMatchObject(added);
    expect(asked).toEqual([
      'PUT /latest/api/token',
      'GET /latest/meta-data/iam/security-credentials/',
      'GET /latest/meta-data/iam/security-credentials/dns-role',
    ]);
  });
});

it('lists what was looked for when there are no credentials', async () => {
  const { error } = await addWith({});
  expect(error).toMatchObject({ code: 'CONFIG', hint: 'see: quoin dnshelp -c route53' });
  for (const place of [
    'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (not set)',
    'profile default of /nonexistent/.aws/credentials and /nonexistent/.aws/config (not there)',
    'AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN (not set)',
    'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI (not set)',
    'the metadata of an EC2 instance (switched off by AWS_EC2_METADATA_DISABLED)',
  ])
    expect((error as Error).message).toContain(place);
});

it('says how to install a package that is missing, and passes on other failures to load it', async () => {
  const load = () => import('@aws-sdk/no-such-client' as string);
  await expect(awsPackage('route53', '@aws-sdk/client-route-53', load)).rejects.toMatchObject({
    code: 'CONFIG',
    message: 'route53: the package @aws-sdk/client-route-53 is not installed',
    hint: expect.stringContaining('npm install @aws-sdk/client-route-53'),
  });
  await expect(awsPackage('route53', 'x', () => Promise.reject(new SyntaxError('broken')))).rejects.toThrow(
    SyntaxError,
  );
});
