import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import makeFixture, { fakeDesignate } from '../../../../fixtures/dns/designate.ts';
import designate from '../../../../src/dns/providers/designate.ts';
import { Reply } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const name = '_acme-challenge.example.com';
const fresh = '_acme-challenge.new.example.com';

it('logs in once, and again when the token is refused', async () => {
  const fixture = makeFixture();
  const { dns, open } = await fakeVendor(designate, fixture);
  const session = await open();
  await session.add([{ fqdn: name, value: 'one' }]);
  expect(fixture.logins()).toBe(1);
  fixture.expireSessions();
  await session.remove([{ fqdn: name, value: 'one' }]);
  expect(dns.txt(name)).toEqual(['someone-else']);
  expect(fixture.logins()).toBe(2);
});

it('shows neither password nor token in the log', async () => {
  const { open, logged } = await fakeVendor(designate, makeFixture());
  await (await open()).add([{ fqdn: name, value: 'one' }]);
  expect(logged.join('\n')).not.toMatch(/os-right-password|gAAAAAB/u);
  expect(logged.join('\n')).toContain('/auth/tokens');
});

it('waits until a record set is active', async () => {
  const fixture = makeFixture();
  const { open, logged } = await fakeVendor(designate, fixture);
  fixture.behaviour.looks = 1;
  await (await open()).add([{ fqdn: fresh, value: 'one' }]);
  const looks = logged.filter((line) => /GET \S+\/recordsets\/\S+ →/u.test(line));
  expect(looks.map((line) => /"status":"(\w+)"/u.exec(line)?.[1])).toEqual(['PENDING', 'ACTIVE']);
});

it('tells a record set that could not be published', async () => {
  const fixture = makeFixture();
  const { open } = await fakeVendor(designate, fixture);
  fixture.behaviour.ends = 'ERROR';
  const added = (await open()).add([{ fqdn: fresh, value: 'one' }]);
  await expect(added).rejects.toThrow('designate: a record set in example.com is in status ERROR');
});

it('adds a name whose deletion is not done yet', async () => {
  const { dns, open } = await fakeVendor(designate, makeFixture());
  const session = await open();
  await session.add([{ fqdn: fresh, value: 'one' }]);
  await session.remove([{ fqdn: fresh, value: 'one' }]);
  await session.add([{ fqdn: fresh, value: 'two' }]);
  expect(dns.txt(fresh)).toEqual(['two']);
});

it('comes back when another change is under way', async () => {
  const fixture = makeFixture();
  const { dns, open } = await fakeVendor(designate, fixture);
  const session = await open();
  fixture.behaviour.busy = 1;
  await session.add([{ fqdn: name, value: 'one' }]);
  fixture.behaviour.busy = 1;
  await session.add([{ fqdn: fresh, value: 'two' }]);
  expect([dns.txt(name), dns.txt(fresh)]).toEqual([['one', 'someone-else'], ['two']]);
});

it('leaves the lifetime of a record set as it is', async () => {
  const { dns, open } = await fakeVendor(designate, makeFixture());
  await (await open()).add([{ fqdn: name, value: 'one' }]);
  expect(dns.records('example.com').map(({ value, ttl }) => [value, ttl])).toEqual([
    ['someone-else', 300],
    ['one', 300],
  ]);
});

it('says which regions have the service', async () => {
  const { open } = await fakeVendor(designate, makeFixture());
  const session = await open({ OS_REGION_NAME: 'Atlantis' });
  await expect(session.add([{ fqdn: name, value: 'one' }])).rejects.toMatchObject({
    message: 'designate: no public dns service in region Atlantis',
    hint: 'the catalogue has it in RegionTwo, RegionOne',
  });
});

it('does not take a wrong OS_AUTH_URL for a missing zone', async () => {
  const { open } = await fakeVendor(designate, {
    ...makeFixture(),
    routes: () => ({
      'POST https://keystone.example.net:5000/v3/auth/tokens': () => {
        throw new Reply({ status: 404, body: 'Not Found' });
      },
    }),
  });
  const session = await open();
  await expect(session.add([{ fqdn: name, value: 'one' }])).rejects.toMatchObject({
    fault: 'api',
    hint: 'check the address of the identity service',
  });
});

it('uses the zone of DESIGNATE_ZONE_NAME only', async () => {
  const { dns, open } = await fakeVendor(designate, makeFixture());
  dns.zones.set('sub.example.com', []);
  const session = await open({ DESIGNATE_ZONE_NAME: 'example.com.' });
  await session.add([{ fqdn: '_acme-challenge.sub.example.com', value: 'one' }]);
  expect(dns.records('example.com').map(({ value }) => value)).toContain('one');
  await expect(session.add([{ fqdn: '_acme-challenge.other.net', value: 'x' }])).rejects.toMatchObject({
    fault: 'zone',
    message: expect.stringContaining('DESIGNATE_ZONE_NAME is example.com'),
  });
});

const url = 'https://keystone.example.net:5000';
it.each([
  [
    'user and project by ID',
    { OS_USER_ID: 'u-1', OS_PASSWORD: 'secret-1', OS_PROJECT_ID: 'p-1' },
    {
      identity: { methods: ['password'], password: { user: { id: 'u-1', password: 'secret-1' } } },
      scope: { project: { id: 'p-1' } },
    },
  ],
  [
    'domains of user and project',
    {
      ...{ OS_USERNAME: 'u', OS_PASSWORD: 'secret-1', OS_TENANT_NAME: 'p' },
      ...{ OS_USER_DOMAIN_NAME: 'Users', OS_PROJECT_DOMAIN_ID: 'd-2' },
    },
    {
      identity: {
        methods: ['password'],
        password: { user: { name: 'u', domain: { name: 'Users' }, password: 'secret-1' } },
      },
      scope: { project: { name: 'p', domain: { id: 'd-2' } } },
    },
  ],
  [
    'application credential by name',
    {
      ...{ OS_APPLICATION_CREDENTIAL_NAME: 'acme', OS_APPLICATION_CREDENTIAL_SECRET: 'secret-2' },
      ...{ OS_USERNAME: 'u', OS_DOMAIN_ID: 'd-1' },
    },
    {
      identity: {
        methods: ['application_credential'],
        application_credential: { name: 'acme', user: { name: 'u', domain: { id: 'd-1' } }, secret: 'secret-2' },
      },
    },
  ],
])('logs in with %s', async (_, env, form) => {
  const asked: unknown[] = [];
  const accepts = (auth: unknown) => asked.push(auth) > 0;
  const fixture = fakeDesignate({ env: { OS_AUTH_URL: url, OS_REGION_NAME: 'RegionOne' }, wrongEnv: {}, accepts });
  const { dns, open } = await fakeVendor(designate, fixture());
  await (await open(env)).add([{ fqdn: name, value: 'one' }]);
  expect(asked).toEqual([form]);
  expect(dns.txt(name)).toEqual(['one', 'someone-else']);
});

it('needs a user for an application credential by name', async () => {
  const { open } = await fakeVendor(designate, { ...makeFixture(), env: {} });
  const env = { OS_AUTH_URL: url, OS_APPLICATION_CREDENTIAL_NAME: 'n', OS_APPLICATION_CREDENTIAL_SECRET: 'secret-2' };
  await expect(open(env)).rejects.toThrow('OS_APPLICATION_CREDENTIAL_NAME needs OS_USERNAME or OS_USER_ID');
});

describe('OS_CLOUD', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quoin-clouds-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const write = (file: string, content: string) => {
    writeFileSync(join(folder, file), content);
    return join(folder, file);
  };
  const configFile = write(
    'clouds.yaml',
    `clouds:
  home:
    auth: {auth_url: "${url}/v3/", username: acme, project_name: dns, user_domain_name: Default}
    region_name: RegionOne
    interface: publicURL
  token:
    auth_type: v3token
    auth: {auth_url: "${url}"}
`,
  );
  const secureFile = write('secure.yaml', 'clouds: {home: {auth: {password: os-right-password}}}\n');
  const env = { OS_CLOUD: 'home', OS_CLIENT_CONFIG_FILE: configFile };

  it('takes the settings from clouds.yaml and the password from secure.yaml', async () => {
    const { dns, open, logged } = await fakeVendor(designate, { ...makeFixture(), env });
    await (await open({ OS_CLIENT_SECURE_FILE: secureFile })).add([{ fqdn: name, value: 'one' }]);
    expect(dns.txt(name)).toEqual(['one', 'someone-else']);
    expect(logged.join('\n')).not.toContain('os-right-password');
  });

  it('takes the password from OS_PASSWORD', async () => {
    const { dns, open } = await fakeVendor(designate, { ...makeFixture(), env });
    await (await open({ OS_PASSWORD: 'os-right-password' })).add([{ fqdn: name, value: 'one' }]);
    expect(dns.txt(name)).toEqual(['one', 'someone-else']);
  });

  it.each([
    [{ OS_CLOUD: 'office' }, 'clouds.yaml has no cloud office', 'it has home, token'],
    [{ OS_CLOUD: 'token' }, 'neither user and password nor an application credential', 'secure.yaml'],
    [{ OS_CLIENT_CONFIG_FILE: '/nowhere/clouds.yaml' }, '/nowhere/clouds.yaml cannot be read (ENOENT)', undefined],
    [
      { OS_CLIENT_SECURE_FILE: write('broken.yaml', 'a: [secret-in-a-file\nb: }') },
      'broken.yaml is not valid YAML',
      undefined,
    ],
  ])('says what is wrong with %j', async (more, message, hint) => {
    const { open } = await fakeVendor(designate, { ...makeFixture(), env });
    const error = await open(more).catch((e: unknown) => e as Error & { hint?: string });
    expect(error).toMatchObject({ code: 'CONFIG', message: expect.stringContaining(message) });
    if (hint) expect((error as { hint: string }).hint).toContain(hint);
    expect((error as Error).message).not.toContain('secret-in-a-file');
  });
});
