import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import makeFixture, { variants } from '../../../../fixtures/dns/azure.ts';
import azure from '../../../../src/dns/providers/azure.ts';
import { openSession } from '../../../../src/dns/session.ts';
import { silentLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import type { FakeDns } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const name = '_acme-challenge.example.com';
const fresh = '_acme-challenge.new.example.com';
const caught = (work: Promise<unknown>) => work.catch((error: unknown) => error as Error & { hint?: string });
const nothing = { AZURE_CLIENT_SECRET: undefined };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quoin-azure-'));
});
const file = (content: string): string => {
  const path = join(folder, String(Math.random()));
  writeFileSync(path, content);
  return path;
};

/** What is there after one value was added or removed while somebody else changed the name meanwhile. */
async function meanwhile(kind: 'add' | 'remove', fqdn: string, change: (dns: FakeDns) => void): Promise<string[]> {
  const fixture = makeFixture();
  const { dns, open } = await fakeVendor(azure, fixture);
  const session = await open();
  if (kind === 'remove') await session.add([{ fqdn, value: 'ours' }]);
  fixture.behaviour.meanwhile = change;
  await session[kind]([{ fqdn, value: 'ours' }]);
  return dns.txt(fqdn);
}

describe('somebody else', () => {
  it('adds to the set meanwhile: both are there', async () => {
    const values = await meanwhile('add', name, (dns) => dns.add('example.com', 'TXT', name, 'theirs', 300));
    expect(values).toEqual(['ours', 'someone-else', 'theirs']);
  });
  it('makes the set meanwhile: both are there', async () => {
    const values = await meanwhile('add', fresh, (dns) => dns.add('example.com', 'TXT', fresh, 'theirs', 60));
    expect(values).toEqual(['ours', 'theirs']);
  });
  it('deletes the set meanwhile: it is made anew', async () => {
    const values = await meanwhile('add', name, (dns) => dns.drop('example.com', ({ fqdn }) => fqdn === name));
    expect(values).toEqual(['ours']);
  });
  it('adds to a set that is about to be deleted: theirs stays', async () => {
    const values = await meanwhile('remove', fresh, (dns) => dns.add('example.com', 'TXT', fresh, 'theirs', 60));
    expect(values).toEqual(['theirs']);
  });
});

it('keeps TTL, metadata and pieces of what others wrote', async () => {
  const fixture = makeFixture();
  const { dns, open, logged } = await fakeVendor(azure, fixture);
  dns.add('example.com', 'TXT', name, 'foreign-text', 300);
  fixture.metadata.set(name, { owner: 'them' });
  await (await open()).add([{ fqdn: name, value: 'one' }]);
  expect(fixture.metadata.get(name)).toEqual({ owner: 'them' });
  expect(new Set(dns.records('example.com').map(({ ttl }) => ttl))).toEqual(new Set([300]));
  expect(logged.join('\n')).toContain('{"value":["for","eign-text"]},{"value":["one"]}');
});

describe('zones', () => {
  it('are asked for by name where subscription and group are known', async () => {
    const { open, logged } = await fakeVendor(azure, makeFixture());
    await (await open()).add([{ fqdn: name, value: 'one' }]);
    expect(logged.join('\n')).not.toContain('ResourceGraph');
  });

  it('are filtered as AZURE_SERVICEDISCOVERY_FILTER says', async () => {
    const { dns, open } = await fakeVendor(azure, makeFixture());
    dns.zones.set('example.net', []);
    const session = await open({ AZURE_SERVICEDISCOVERY_FILTER: 'where name == "example.net"' });
    expect(await caught(session.add([{ fqdn: name, value: 'one' }]))).toMatchObject({ fault: 'zone' });
    await session.add([{ fqdn: '_acme-challenge.example.net', value: 'one' }]);
    expect(dns.txt('_acme-challenge.example.net')).toEqual(['one']);
  });

  it('are those of AZURE_ZONE_NAME only', async () => {
    const { dns, open } = await fakeVendor(azure, makeFixture());
    dns.zones.set('sub.example.com', []);
    const fqdn = '_acme-challenge.sub.example.com';
    await (await open({ AZURE_ZONE_NAME: 'Example.com.' })).add([{ fqdn, value: 'one' }]);
    expect(dns.records('example.com').map((record) => record.fqdn)).toContain(fqdn);
  });

  it('beside the only one that the account may read do no harm', async () => {
    const fixture = makeFixture();
    const { dns, open } = await fakeVendor(azure, fixture);
    fixture.behaviour.mayRead = ['example.com'];
    await (await open()).add([{ fqdn: fresh, value: 'one' }]);
    expect(dns.txt(fresh)).toEqual(['one']);
    fixture.behaviour.mayRead = [];
    const error = await caught((await open()).add([{ fqdn: fresh, value: 'two' }]));
    expect(error).toMatchObject({ fault: 'auth', hint: expect.stringContaining('DNS Zone Contributor') });
  });

  it('are those beside the machine where Resource Graph is out of reach', async () => {
    const fixture = variants.machine();
    const { dns, open, logged } = await fakeVendor(azure, fixture);
    for (const zone of ['a.test', 'b.test']) dns.zones.set(zone, []);
    fixture.behaviour.hasGraph = false;
    await (await open()).add([{ fqdn: '_acme-challenge.b.test', value: 'one' }]);
    expect(dns.txt('_acme-challenge.b.test')).toEqual(['one']);
    expect(logged).toContainEqual(expect.stringMatching(/^warn azure: .*in the resource group of this machine/u));
  });

  it.each([
    [{ AZURE_SUBSCRIPTION_ID: 'another' }, 'check AZURE_SUBSCRIPTION_ID'],
    [{ AZURE_RESOURCE_GROUP: 'another' }, 'check AZURE_RESOURCE_GROUP'],
  ])('cannot be in %j', async (env, hint) => {
    const { open } = await fakeVendor(azure, makeFixture());
    const error = await caught((await open(env)).add([{ fqdn: name, value: 'one' }]));
    expect(error).toMatchObject({ fault: 'api', hint });
  });
});

describe('tokens', () => {
  it('are kept, renewed before they run out, and not logged', async () => {
    const fixture = makeFixture();
    const { open, logged } = await fakeVendor(azure, fixture);
    await (await open()).add([{ fqdn: name, value: 'one' }]);
    expect(fixture.tokens.size).toBe(1);
    fixture.behaviour.expiresIn = 59;
    await (await open()).add([{ fqdn: name, value: 'two' }]);
    expect(fixture.tokens.size).toBeGreaterThan(3);
    expect(logged.join('\n')).not.toMatch(/eyJ0eXAi|az-right/u);
  });

  it.each([
    ['oidc', { AZURE_OIDC_TOKEN: 'ci-right-id-token' }],
    [
      'oidc',
      {
        ACTIONS_ID_TOKEN_REQUEST_URL: 'https://ci.example.net/oidc?api-version=2.0',
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'ci-right-token',
      },
    ],
    [
      'pipeline',
      {
        SYSTEM_OIDCREQUESTURI: 'https://dev.azure.example/oidctoken',
        SYSTEM_ACCESSTOKEN: 'ci-right-token',
        AZURE_SERVICE_CONNECTION_ID: 'connection-1',
      },
    ],
    ['msi', {}],
  ])('come by AZURE_AUTH_METHOD=%s with %j', async (method, env) => {
    const { dns, open } = await fakeVendor(azure, makeFixture());
    await (await open({ ...env, AZURE_AUTH_METHOD: method })).add([{ fqdn: name, value: 'one' }]);
    expect(dns.txt(name)).toEqual(['one', 'someone-else']);
  });

  it('come by a token in AZURE_OIDC_TOKEN_FILE_PATH', async () => {
    const { dns, open } = await fakeVendor(azure, makeFixture());
    const env = { AZURE_AUTH_METHOD: 'oidc', AZURE_OIDC_TOKEN_FILE_PATH: file('ci-right-id-token\n') };
    await (await open(env)).add([{ fqdn: name, value: 'one' }]);
    expect(dns.txt(name)).toEqual(['one', 'someone-else']);
  });
});

describe('credentials that cannot be used', () => {
  it.each([
    ['a secret without its tenant', { AZURE_TENANT_ID: undefined }, /AZURE_TENANT_ID is not set/u],
    ['the Azure CLI', { AZURE_AUTH_METHOD: 'cli' }, /AZURE_AUTH_METHOD=cli is not supported/u],
    ['a workload identity without its file', { AZURE_AUTH_METHOD: 'wli' }, /AZURE_FEDERATED_TOKEN_FILE is not set/u],
    [
      'a certificate that is not there',
      { ...nothing, AZURE_CLIENT_CERTIFICATE_PATH: '/no/such.pem' },
      /names \/no\/such.pem, which cannot be read \(ENOENT\)/u,
    ],
  ])('%s', async (_, env, message) => {
    const { open } = await fakeVendor(azure, makeFixture());
    const error = await caught(open(env).then((session) => session.add([{ fqdn: name, value: 'one' }])));
    expect(error).toMatchObject({ code: 'CONFIG', message: expect.stringMatching(message) });
  });

  it.each([
    ['without its password', undefined, /cannot be decrypted/u],
    ['with a wrong one', 'wrong-password', /cannot be decrypted/u],
  ])('an encrypted key %s', async (_, password, message) => {
    const { open } = await fakeVendor(azure, variants.certificate());
    const work = open({ AZURE_CLIENT_CERTIFICATE_PASSWORD: password });
    const error = await caught(work.then((session) => session.add([{ fqdn: name, value: 'one' }])));
    expect(error).toMatchObject({ code: 'CONFIG', message: expect.stringMatching(message) });
  });

  it('a certificate without its key', async () => {
    const { open } = await fakeVendor(azure, makeFixture());
    const env = { ...nothing, AZURE_CLIENT_CERTIFICATE_PATH: file('-----BEGIN CERTIFICATE-----\n') };
    const error = await caught(open(env).then((session) => session.add([{ fqdn: name, value: 'one' }])));
    expect(error).toMatchObject({ code: 'CONFIG', hint: expect.stringContaining('openssl pkcs12') });
  });

  it('none at all, where no metadata service answers', async () => {
    const session = await openSession(azure, {
      env: { AZURE_AUTH_MSI_TIMEOUT: '1' },
      log: silentLog,
      redactor: new Redactor(),
      retryDelayMs: 1,
      transport: () => new Promise(() => {}),
    });
    const error = await caught(session.add([{ fqdn: name, value: 'one' }]));
    expect(error).toMatchObject({
      fault: 'network',
      message: 'azure: no answer from the managed identity after 1 s',
      hint: expect.stringContaining('AZURE_CLIENT_SECRET'),
    });
  });
});
