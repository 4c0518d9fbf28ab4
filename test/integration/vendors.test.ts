import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import acmeDnsFixture, { type Account, acmeDns, api } from '../../fixtures/dns/acme-dns.ts';
import { silentLog } from '../../src/log.ts';
import { type Ca, startCa } from '../../src/sandbox/ca/index.ts';
import { type Row, startDns, type TestDns } from '../helpers/dns-server.ts';
import { FakeDns, type FakeServer, type Fixture, serve } from '../helpers/fake-api.ts';
import { describeWith, pairMatches, quoin } from '../helpers/servers.ts';
import { makeCa } from '../helpers/tls.ts';
import { startVendorProxy } from '../helpers/vendor-proxy.ts';

/** One provider for each kind of API, and the fixture of it: `default`, or one of its variants. */
const kinds: readonly (readonly [kind: string, id: string, variant: string])[] = [
  ['a record for each value', 'digitalocean', 'default'],
  ['a record for each value, signed requests', 'ovh', 'default'],
  ['all values of a name at once', 'ns1', 'default'],
  ['sets with what others wrote', 'gandiv5', 'default'],
  ['one call for all changes', 'hostingde', 'default'],
  ['whole zones', 'versio', 'default'],
  ['a login session', 'netcup', 'default'],
  ['values only, which cannot be asked for', 'netcup', 'cloudDns'],
  ['one value at a time', 'dode', 'default'],
  ['a web hook', 'httpreq', 'default'],
  ['settings in YAML', 'designate', 'default'],
  ['XML, and a list of public suffixes', 'namecheap', 'default'],
  ['an SDK that speaks XML', 'route53', 'default'],
  ['an SDK that speaks JSON', 'lightsail', 'default'],
  ['credentials from the SDK', 'route53', 'assumedRole'],
];
const zone = 'example.com';
const challenge = `_acme-challenge.${zone}`;
const server = '127.0.0.2';

/** What a name server of the vendor shows: always what the fake holds right now. */
class LiveZones extends Map<string, Row[]> {
  readonly #fake: FakeDns;
  constructor(fake: FakeDns) {
    super();
    this.#fake = fake;
  }
  override get(name: string): Row[] | undefined {
    const records = this.#fake.zones.get(name);
    return records?.map(({ fqdn, type, value }): Row => [fqdn, type, value]);
  }
  override keys() {
    return this.#fake.zones.keys();
  }
  override *[Symbol.iterator](): MapIterator<[string, Row[]]> {
    for (const name of this.#fake.zones.keys()) yield [name, this.get(name) ?? []];
  }
}

describeWith(['openssl'], 'quoin run through the API of a vendor, with the CA and the DNS of the sandbox', () => {
  const vendorCa = makeCa();
  let dns: TestDns;
  let ca: Ca;
  let fake: FakeDns;
  let vendor: FakeServer | undefined;
  let folder: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quoin-vendor-'));
    fake = new FakeDns();
    for (const [name, host] of [
      [zone, 'ns1.example.com'],
      ['other.net', 'ns1.other.net'],
    ] as const) {
      fake.zones.set(name, []);
      fake.add(name, 'NS', name, host, 3600);
      fake.add(name, 'A', host, server, 3600);
    }
    fake.add(zone, 'TXT', challenge, 'someone-else', 300);
    dns = await startDns({ [server]: {} });
    dns.at(server).zones = new LiveZones(fake);
    ca = await startCa({ port: 0, dnsServer: { address: '127.0.0.1', port: dns.port }, log: silentLog });
  });
  afterEach(async () => {
    await Promise.all([ca.close(), dns.stop(), vendor?.close()]);
    rmSync(folder, { recursive: true, force: true });
  });
  afterAll(() => vendorCa.remove());

  /** The environment in which quoin finds the fake of the vendor, the CA and the DNS. */
  async function worldOf(fixture: Fixture) {
    const serving = await serve(fixture, fake);
    vendor = serving;
    const proxy = await startVendorProxy(vendorCa, serving.gateway);
    const [root, vendorRoot] = [join(folder, 'root.pem'), join(folder, 'vendor.pem')];
    writeFileSync(root, ca.rootPem);
    writeFileSync(vendorRoot, vendorCa.cert);
    const env = {
      ...fixture.env,
      ...serving.env,
      QUOIN_SERVER: ca.directoryUrl,
      QUOIN_CA_CERTIFICATES: root,
      QUOIN_DNS_RESOLVERS: dns.resolverAddress,
      QUOIN_DNS_AUTHORITATIVE_PORT: String(dns.port),
      NODE_EXTRA_CA_CERTS: vendorRoot,
      HTTPS_PROXY: proxy.url,
      NO_PROXY: '127.0.0.1',
    };
    return { proxy, vendor: serving, env };
  }

  /** What OS_* variables say, said in clouds.yaml. */
  function cloudsFile({ OS_REGION_NAME: region, ...auth }: Record<string, string>) {
    const lines = Object.entries(auth).map(
      ([name, value]) => `      ${name.slice('OS_'.length).toLowerCase()}: '${value}'`,
    );
    const file = join(folder, 'clouds.yaml');
    writeFileSync(file, ['clouds:', '  home:', `    region_name: ${region}`, '    auth:', ...lines, ''].join('\n'));
    return { OS_CLOUD: 'home', OS_CLIENT_CONFIG_FILE: file };
  }

  it.each(kinds)('%s: %s %s', async (_kind, id, variant) => {
    const fixtures = await import(`../../fixtures/dns/${id}.ts`);
    const made: Fixture = variant === 'default' ? fixtures.default() : fixtures.variants[variant]();
    const fixture = id === 'designate' ? { ...made, env: cloudsFile(made.env) } : made;
    const { proxy, vendor, env } = await worldOf(fixture);
    if (fixture.cannot?.['adds a value next to values of others'] !== undefined)
      fake.drop(zone, ({ value }) => value === 'someone-else');
    const before = fake.snapshot();
    try {
      const { code, stderr, stdout } = await quoin(
        ['run', '--dns', id, '-d', zone, '-d', `*.${zone}`, '--accept-tos', '--path', folder, '--json', '--debug'],
        { ...env, DODE_SEQUENCE_INTERVAL: '0' },
      ).finished;
      expect([code, stderr.match(/error: .*/u)?.[0]]).toEqual([0, undefined]);
      expect(JSON.parse(stdout)).toMatchObject({ action: 'issued', certificate: { names: [zone, `*.${zone}`] } });
      expect(pairMatches(folder, zone)).toBe(true);
      // The CA has seen both values there; now nothing but what was there before is left.
      expect(stderr).toMatch(/published 2 TXT records|published 1 TXT record/u);
      expect(fake.snapshot()).toEqual(before);
      expect(vendor.violations).toEqual([]);
      expect(fixture.openSessions?.() ?? 0).toBe(0);
      expect(proxy.hosts.size).toBeGreaterThan(0);
    } finally {
      await proxy.stop();
    }
  });

  describe('two values of a name at a time: acme-dns', () => {
    const names = ['a.example.com', 'b.example.com', '*.b.example.com', 'c.example.com', 'd.example.com'];
    const hosts = [...new Set(names.map((name) => name.replace('*.', '')))];
    const target = '8e5700ea-1.auth.example.net';
    let accounts: string;
    beforeEach(() => {
      accounts = join(folder, 'acme-dns.json');
      for (const apex of ['auth.example.net', 'storage.example.net']) {
        fake.zones.set(apex, []);
        fake.add(apex, 'NS', apex, `ns1.${apex}`, 3600);
        fake.add(apex, 'A', `ns1.${apex}`, server, 3600);
      }
    });
    const acme = (known = new Map<string, Account>()): Fixture => ({
      ...acmeDnsFixture(),
      env: { ACME_DNS_API_BASE: api, ACME_DNS_STORAGE_PATH: accounts },
      routes: (zones) => acmeDns(zones, known),
    });
    const run = (env: Record<string, string>, ...more: string[]) => runFor(names, env, ...more);
    const runFor = (wanted: readonly string[], env: Record<string, string>, ...more: string[]) =>
      quoin(
        [
          'run',
          '--dns',
          'acme-dns',
          ...wanted.flatMap((name) => ['-d', name]),
          '--accept-tos',
          '--path',
          folder,
          ...more,
        ],
        env,
      ).finished;

    it('names whose CNAMEs lead to one account are validated in turns of two', async () => {
      const { proxy, vendor, env } = await worldOf(acme());
      try {
        // The first run registers accounts and tells which CNAMEs to make. All of them may lead to one of the accounts.
        const first = await run(env);
        expect([first.code, first.stderr.match(/[a-d]\.example\.com CNAME/gu)]).toEqual([
          4,
          hosts.map((host) => `${host} CNAME`),
        ]);
        for (const host of hosts) fake.add(zone, 'CNAME', `_acme-challenge.${host}`, target, 60);
        const saved = JSON.parse(readFileSync(accounts, 'utf8'));
        writeFileSync(accounts, JSON.stringify({ 'a.example.com': saved['a.example.com'] }), { mode: 0o600 });

        const { code, stdout, stderr } = await run(env, '--renew-force', '--json', '--debug');
        expect([code, stderr.match(/error: .*/u)?.[0]]).toEqual([0, undefined]);
        expect(JSON.parse(stdout)).toMatchObject({ action: 'issued', certificate: { names } });
        expect(stderr.match(/published \d TXT records? with acme-dns/gu)).toEqual([
          'published 2 TXT records with acme-dns',
          'published 2 TXT records with acme-dns',
          'published 1 TXT record with acme-dns',
        ]);
        expect(pairMatches(folder, 'a.example.com')).toBe(true);
        // Nothing can be removed there: the last two values stay.
        expect(fake.txt(target)).toHaveLength(2);

        // Two certificates at one time in one process: their values do not push each other out.
        const others = ['e.example.com', 'f.example.com', 'g.example.com'];
        for (const host of others) fake.add(zone, 'CNAME', `_acme-challenge.${host}`, target, 60);
        expect((await runFor(others, env)).code).toBe(0);
        const renewed = await quoin(['renew', '--renew-force', '--path', folder, '--json', '--debug'], env).finished;
        expect([renewed.code, renewed.stderr.match(/error: .*/u)?.[0]]).toEqual([0, undefined]);
        expect(renewed.stderr.match(/published \d TXT records? with acme-dns/gu)).toHaveLength(5);
        expect(vendor.violations).toEqual([]);
      } finally {
        await proxy.stop();
      }
    });
  });
});
