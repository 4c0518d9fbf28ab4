import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import makeFixture, { variants } from '../../../../fixtures/dns/gcloud.ts';
import gcloud from '../../../../src/dns/providers/gcloud.ts';
import { openSession } from '../../../../src/dns/session.ts';
import { TransportError } from '../../../../src/http.ts';
import { silentLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import type { FakeDns } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const name = '_acme-challenge.example.com';
const fresh = '_acme-challenge.new.example.com';
const project = 'my-project-1';
const caught = (work: Promise<unknown>) => work.catch((error: unknown) => error as Error & { hint?: string });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quoin-gcloud-'));
});
const file = (content: object | string): string => {
  const path = join(folder, `${Math.random()}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};

/** One value is added to a name while somebody else changes it between our reading and our writing. */
async function addMeanwhile(fqdn: string, meanwhile: (dns: FakeDns) => void): Promise<string[]> {
  const fixture = variants.machine();
  const { dns, open } = await fakeVendor(gcloud, fixture);
  const session = await open();
  fixture.behaviour.meanwhile = meanwhile;
  await session.add([{ fqdn, value: 'ours' }]);
  return dns.txt(fqdn);
}

it('keeps what somebody else adds to the set meanwhile (412)', async () => {
  const values = await addMeanwhile(name, (dns) => dns.add('example.com', 'TXT', name, 'theirs', 300));
  expect(values).toEqual(['ours', 'someone-else', 'theirs']);
});

it('keeps a set that somebody else makes meanwhile (409)', async () => {
  const values = await addMeanwhile(fresh, (dns) => dns.add('example.com', 'TXT', fresh, 'theirs', 60));
  expect(values).toEqual(['ours', 'theirs']);
});

it('does not bring back a set that somebody else deletes meanwhile (404)', async () => {
  const values = await addMeanwhile(name, (dns) => dns.drop('example.com', ({ fqdn }) => fqdn === name));
  expect(values).toEqual(['ours']);
});

it('waits until the change is done, and not for a removal', async () => {
  const fixture = variants.machine();
  const { open, logged } = await fakeVendor(gcloud, fixture);
  fixture.behaviour.looks = 1;
  const session = await open();
  await session.add([{ fqdn: name, value: 'one' }]);
  await session.remove([{ fqdn: name, value: 'one' }]);
  const looks = logged.filter((line) => /GET \S+\/changes\/\d+ →/u.test(line));
  expect(looks.map((line) => /"status":"(\w+)"/u.exec(line)?.[1])).toEqual(['pending', 'done']);
});

it('keeps the TTL of others', async () => {
  const { dns, open } = await fakeVendor(gcloud, variants.machine());
  await (await open()).add([{ fqdn: name, value: 'one' }]);
  expect(new Set(dns.records('example.com').map(({ ttl }) => ttl))).toEqual(new Set([300]));
});

describe('zones', () => {
  it('takes the one of GCE_ZONE_ID without listing any', async () => {
    const { dns, open, logged } = await fakeVendor(gcloud, variants.machine());
    await (await open({ GCE_ZONE_ID: 'zone-0' })).add([{ fqdn: name, value: 'one' }]);
    expect(dns.txt(name)).toEqual(['one', 'someone-else']);
    expect(logged.join('\n')).not.toMatch(/GET \S+\/managedZones →/u);
  });

  it('takes a private one only when it may', async () => {
    const { dns, open, logged } = await fakeVendor(gcloud, variants.machine());
    const zone = { GCE_ZONE_ID: 'inside-0-1' };
    const refused = await caught((await open(zone)).add([{ fqdn: name, value: 'one' }]));
    expect(refused).toMatchObject({ fault: 'zone' });
    expect(logged).toContainEqual(
      expect.stringMatching(/^warn gcloud: .*inside-0-1 is private; GCE_ALLOW_PRIVATE_ZONE/u),
    );
    await (await open({ ...zone, GCE_ALLOW_PRIVATE_ZONE: 'true' })).add([{ fqdn: name, value: 'one' }]);
    expect(dns.txt(name)).toEqual(['one', 'someone-else']);
  });

  it('prefers a public one, and says so', async () => {
    const { open, logged } = await fakeVendor(gcloud, variants.machine());
    await (await open({ GCE_ALLOW_PRIVATE_ZONE: 'true' })).add([{ fqdn: name, value: 'one' }]);
    expect(logged.join('\n')).toMatch(/POST \S+\/managedZones\/zone-0\/changes/u);
  });

  it('tells a project that is not there from a zone that is not there', async () => {
    const { open } = await fakeVendor(gcloud, variants.machine());
    const session = await open({ GCE_PROJECT: 'another' });
    const error = await caught(session.add([{ fqdn: name, value: 'one' }]));
    expect(error).toMatchObject({ fault: 'api', hint: 'check GCE_PROJECT' });
  });
});

describe('tokens', () => {
  it('are kept, and renewed before they run out', async () => {
    const fixture = variants.machine();
    const { open } = await fakeVendor(gcloud, fixture);
    const session = await open();
    await session.add([{ fqdn: name, value: 'one' }]);
    expect(fixture.tokens.size).toBe(1);
    fixture.behaviour.expiresIn = 59;
    await (await open()).add([{ fqdn: name, value: 'two' }]);
    expect(fixture.tokens.size).toBeGreaterThan(3);
  });

  it('and what they are asked for with stay out of the log', async () => {
    const { open, logged } = await fakeVendor(gcloud, makeFixture());
    await (await open()).add([{ fqdn: name, value: 'one' }]);
    expect(logged.join('\n')).toContain('oauth2.googleapis.com/token');
    expect(logged.join('\n')).not.toMatch(/ya29\.c|eyJ[\w-]+\.|BEGIN PRIVATE/u);
  });

  it('come by a token in a file', async () => {
    const pool = {
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/k8s/providers/cluster',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: 'https://sts.googleapis.com/v1/token',
      credential_source: { file: file('oidc-right-token\n') },
    };
    const { dns, open } = await fakeVendor(gcloud, variants.machine());
    const session = await open({ GCE_PROJECT: project, GOOGLE_APPLICATION_CREDENTIALS: file(pool) });
    await session.add([{ fqdn: name, value: 'one' }]);
    expect(dns.txt(name)).toEqual(['one', 'someone-else']);
  });

  it('come by what gcloud auth application-default login --impersonate-service-account writes', async () => {
    const impersonated = {
      type: 'impersonated_service_account',
      service_account_impersonation_url:
        'https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/dns@x.iam.gserviceaccount.com:generateAccessToken',
      delegates: [],
      source_credentials: {
        type: 'authorized_user',
        client_id: 'id.apps.googleusercontent.com',
        client_secret: 'GOCSPX-right',
        refresh_token: '1//right-refresh',
      },
    };
    const home = mkdtempSync(join(tmpdir(), 'quoin-gcloud-cli-'));
    writeFileSync(join(home, 'application_default_credentials.json'), JSON.stringify(impersonated));
    const { dns, open } = await fakeVendor(gcloud, variants.machine());
    const session = await open({ GCE_PROJECT: project, CLOUDSDK_CONFIG: home });
    await session.add([{ fqdn: name, value: 'one' }]);
    expect(dns.txt(name)).toEqual(['one', 'someone-else']);
  });
});

describe('credentials that cannot be used', () => {
  it.each([
    ['a path instead of the JSON', { GCE_SERVICE_ACCOUNT: '/etc/key.json' }, /GCE_SERVICE_ACCOUNT is not the JSON/u],
    [
      'a file that is not there',
      { GOOGLE_APPLICATION_CREDENTIALS: '/no/such.json' },
      /names \/no\/such.json, which cannot be read \(ENOENT\)/u,
    ],
    [
      'a key that is none',
      {
        GCE_SERVICE_ACCOUNT: JSON.stringify({
          type: 'service_account',
          project_id: project,
          client_email: 'a@b',
          private_key: 'topsecret',
        }),
      },
      /private_key of GCE_SERVICE_ACCOUNT is no private key/u,
    ],
    [
      'another kind',
      { GCE_SERVICE_ACCOUNT: JSON.stringify({ type: 'gdch_service_account', project_id: project }) },
      /of type gdch_service_account, which are not supported/u,
    ],
    [
      'an account of another cloud',
      {
        GCE_SERVICE_ACCOUNT: JSON.stringify({
          type: 'service_account',
          project_id: project,
          universe_domain: 's3ns.fr',
        }),
      },
      /is for s3ns.fr, which is not supported/u,
    ],
    [
      'a pool that AWS feeds',
      {
        GCE_PROJECT: project,
        GCE_SERVICE_ACCOUNT: JSON.stringify({
          type: 'external_account',
          credential_source: { environment_id: 'aws1', url: 'http://169.254.169.254/latest/meta-data/iam' },
        }),
      },
      /neither a file nor the address of a token/u,
    ],
  ])('%s', async (_, env, message) => {
    const { open } = await fakeVendor(gcloud, variants.machine());
    const work = open(env).then((session) => session.add([{ fqdn: name, value: 'one' }]));
    const error = await caught(work);
    expect(error).toMatchObject({ code: 'CONFIG', message: expect.stringMatching(message) });
    expect(String(error)).not.toContain('topsecret');
  });

  it('none at all, outside Google Cloud', async () => {
    const opened = openSession(gcloud, {
      env: { HOME: '/no/such/home' },
      log: silentLog,
      redactor: new Redactor(),
      retryDelayMs: 1,
      transport: () => Promise.reject(new TransportError('unreachable', 'host not reachable (ENOTFOUND)')),
    });
    expect(await caught(opened)).toMatchObject({ fault: 'network', hint: 'outside Google Cloud set GCE_PROJECT' });
  });
});

it('shows each change with GCE_DEBUG', async () => {
  const { open, logged } = await fakeVendor(gcloud, variants.machine());
  await (await open({ GCE_DEBUG: 'true' })).add([{ fqdn: fresh, value: 'one' }]);
  expect(logged).toContainEqual(expect.stringMatching(/^info gcloud: changing example.com: .*\\"one\\"/u));
});
