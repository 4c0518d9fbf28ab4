import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pdns from '../../src/dns/providers/pdns.ts';
import { openSession } from '../../src/dns/session.ts';
import { createTransport } from '../../src/http.ts';
import { createLog, silentLog } from '../../src/log.ts';
import { Redactor } from '../../src/redact.ts';

const installed = existsSync('/usr/sbin/pdns_server') && existsSync('/usr/bin/sqlite3');
const schema = (folder: string): string =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((file) => file.endsWith('schema.sqlite3.sql')) ?? '';
const key = 'integration-key';
let folder: string;
let server: ChildProcess;
let url: string;
let logged: string[] = [];

const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
const api = async (method: string, path: string, body?: object) => {
  const answer = await fetch(`${url}/api/v1/servers/localhost/zones${path}`, {
    method,
    headers: { 'x-api-key': key, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
};
const open = (env: Record<string, string> = {}) =>
  openSession(pdns, {
    env: { PDNS_API_URL: url, PDNS_API_KEY: key, ...env },
    log: createLog((level, message) => logged.push(`${level} ${message}`), new Redactor()),
    redactor: new Redactor(),
    transport: createTransport({ log: silentLog, env: {} }),
    retryDelayMs: 1,
  });
const rrset = async (zone: string, fqdn: string) =>
  (await api('GET', `/${zone}.`)).rrsets.find(
    (set: { name: string; type: string }) => set.name === `${fqdn}.` && set.type === 'TXT',
  );

(installed ? describe : describe.skip)('PowerDNS', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quoin-pdns-'));
    const [dnsPort, apiPort] = [await freePort(), await freePort()];
    url = `http://127.0.0.1:${apiPort}`;
    execFileSync('sqlite3', [join(folder, 'db'), `.read ${join('/usr/share', schema('/usr/share'))}`]);
    const settings = {
      'config-dir': folder,
      'socket-dir': folder,
      launch: 'gsqlite3',
      'gsqlite3-database': join(folder, 'db'),
      'local-address': '127.0.0.1',
      'local-port': dnsPort,
      webserver: 'yes',
      'webserver-address': '127.0.0.1',
      'webserver-port': apiPort,
      api: 'yes',
      'api-key': key,
      primary: 'yes',
      daemon: 'no',
      guardian: 'no',
    };
    server = spawn(
      '/usr/sbin/pdns_server',
      Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
      { stdio: 'ignore' },
    );
    for (let tries = 0; tries < 100; tries += 1) {
      if (await api('GET', '').catch(() => undefined)) break;
      await sleep(50);
    }
    const zone = (name: string, kind: string) =>
      api('POST', '', { name: `${name}.`, kind, nameservers: ['ns1.example.net.'] });
    await zone('example.com', 'Master');
    await zone('sub.example.com', 'Native');
    await zone('_acme-challenge.delegated.example.com', 'Native');
  }, 20_000);
  afterAll(async () => {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill();
    await ended;
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    logged = [];
  });

  it('adds and removes beside what others wrote, disabled records, TTL and comments included', async () => {
    const fqdn = '_acme-challenge.shared.example.com';
    await api('PATCH', '/example.com.', {
      rrsets: [
        {
          ...{ name: `${fqdn}.`, type: 'TXT', ttl: 77, changetype: 'REPLACE' },
          records: [
            { content: '"someone \\"else\\"" "second part"', disabled: false },
            { content: '"switched-off"', disabled: true },
          ],
          comments: [{ content: 'keep me', account: 'ops' }],
        },
      ],
    });
    const before = await rrset('example.com', fqdn);
    const session = await open();
    await session.add([
      { fqdn, value: 'one' },
      { fqdn, value: 'two' },
    ]);
    const during = await rrset('example.com', fqdn);
    expect(during.records).toHaveLength(4);
    expect(during.ttl).toBe(77);
    await (await open()).remove([
      { fqdn, value: 'one' },
      { fqdn, value: 'two' },
    ]);
    expect(await rrset('example.com', fqdn)).toEqual(before);
    expect(before.comments).toHaveLength(1);
  });

  it('writes a hundred names of a zone with one change, and removes them again', async () => {
    const serial = async () => (await api('GET', '/example.com.')).serial as number;
    const values = Array.from({ length: 100 }, (_, n) => ({ fqdn: `_acme-challenge.n${n}.example.com`, value: 'v' }));
    const before = await serial();
    const session = await open();
    await session.add(values);
    expect((await rrset('example.com', '_acme-challenge.n99.example.com')).records).toEqual([
      { content: '"v"', disabled: false },
    ]);
    expect(await serial()).toBe(before + 1);
    await session.remove(values);
    expect(await rrset('example.com', '_acme-challenge.n99.example.com')).toBeUndefined();
  });

  it('picks the deepest zone, a delegated challenge name too', async () => {
    const session = await open();
    await session.add([
      { fqdn: '_acme-challenge.www.sub.example.com', value: 'deep' },
      { fqdn: '_acme-challenge.delegated.example.com', value: 'apex' },
    ]);
    expect((await rrset('sub.example.com', '_acme-challenge.www.sub.example.com')).records).toHaveLength(1);
    const delegated = '_acme-challenge.delegated.example.com';
    expect((await rrset(delegated, delegated)).records).toEqual([{ content: '"apex"', disabled: false }]);
  });

  it('notifies the secondaries of primary zones only', async () => {
    const session = await open();
    await session.add([{ fqdn: '_acme-challenge.notify.example.com', value: 'x' }]);
    expect(logged.filter((line) => /PUT .*\/notify → 200/u.test(line))).toHaveLength(1);
    await session.add([{ fqdn: '_acme-challenge.notify.sub.example.com', value: 'x' }]);
    expect(logged.filter((line) => /PUT .*\/notify → 200/u.test(line))).toHaveLength(1);
  });

  it('warns when the serial will not change', async () => {
    await api('POST', '', { name: 'still.test.', kind: 'Master', nameservers: ['ns1.example.net.'], soa_edit_api: '' });
    await api('PUT', '/still.test.', { soa_edit_api: '' });
    const session = await open();
    await session.add([{ fqdn: '_acme-challenge.still.test', value: 'x' }]);
    expect(logged.some((line) => line.startsWith('warn') && line.includes('SOA-EDIT-API'))).toBe(true);
  });

  it('names the variable of a wrong key, and the zones that it looked for', async () => {
    const wrong = open({ PDNS_API_KEY: 'wrong-key' });
    await expect(wrong).rejects.toMatchObject({ fault: 'auth', hint: expect.stringContaining('PDNS_API_KEY') });
    const session = await open({ PDNS_API_VERSION: '1', PDNS_API_URL: `${url}/api/v1/` });
    await expect(session.add([{ fqdn: '_acme-challenge.example.org', value: 'x' }])).rejects.toMatchObject({
      fault: 'zone',
    });
  });
});
