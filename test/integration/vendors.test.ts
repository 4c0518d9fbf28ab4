import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

  it.each(kinds)('%s: %s %s', async (_kind, id, variant) => {
    const fixtures = await import(`../../fixtures/dns/${id}.ts`);
    const fixture: Fixture = variant === 'default' ? fixtures.default() : fixtures.variants[variant]();
    vendor = await serve(fixture, fake);
    const proxy = await startVendorProxy(vendorCa, vendor.gateway);
    const [root, vendorRoot] = [join(folder, 'root.pem'), join(folder, 'vendor.pem')];
    writeFileSync(root, ca.rootPem);
    writeFileSync(vendorRoot, vendorCa.cert);
    if (fixture.cannot?.['adds a value next to values of others'] !== undefined)
      fake.drop(zone, ({ value }) => value === 'someone-else');
    const before = fake.snapshot();
    try {
      const { code, stderr, stdout } = await quoin(
        ['run', '--dns', id, '-d', zone, '-d', `*.${zone}`, '--accept-tos', '--path', folder, '--json', '--debug'],
        {
          ...fixture.env,
          ...vendor.env,
          DODE_SEQUENCE_INTERVAL: '0',
          QUOIN_SERVER: ca.directoryUrl,
          QUOIN_CA_CERTIFICATES: root,
          QUOIN_DNS_RESOLVERS: dns.resolverAddress,
          QUOIN_DNS_AUTHORITATIVE_PORT: String(dns.port),
          NODE_EXTRA_CA_CERTS: vendorRoot,
          HTTPS_PROXY: proxy.url,
          NO_PROXY: '127.0.0.1',
        },
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
});
