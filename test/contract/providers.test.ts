import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { listVars } from '../../src/dns/kit/env.ts';
import { isProvider, type Provider } from '../../src/dns/kit/index.ts';
import { openSession, type SessionOptions } from '../../src/dns/session.ts';
import { createTransport } from '../../src/http.ts';
import { createLog, silentLog } from '../../src/log.ts';
import { Redactor } from '../../src/redact.ts';
import { FakeDns, type Fixture, serve } from '../helpers/fake-api.ts';

const ids = readdirSync(fileURLToPath(new URL('../../src/dns/providers', import.meta.url))).map((file) =>
  file.replace(/\.ts$/u, ''),
);
const name = '_acme-challenge.example.com';

describe.each(ids)('%s', (id) => {
  let provider: Provider;
  let fixture: Fixture;
  let dns: FakeDns;
  let server: Awaited<ReturnType<typeof serve>>;
  let logged: string[];
  const redactor = new Redactor();

  beforeEach(async () => {
    provider = (await import(`../../src/dns/providers/${id}.ts`)).default;
    fixture = (await import(`../../fixtures/dns/${id}.ts`)).default();
    dns = new FakeDns();
    for (const zone of ['example.com', 'sub.example.com', 'other.net']) {
      dns.zones.set(zone, []);
      dns.add(zone, 'A', `www.${zone}`, '192.0.2.1');
      dns.add(zone, 'TXT', `_acme-challenge.${zone}`, 'someone-else');
    }
    server = await serve(fixture, dns);
    logged = [];
  });
  afterEach(async () => {
    await server.close();
    expect(server.unknown).toEqual([]);
    expect(fixture.openSessions?.() ?? 0).toBe(0);
    const output = logged.join('\n');
    for (const value of Object.values(fixture.env)) expect(output).not.toContain(value);
  });

  const open = (options: Partial<SessionOptions> = {}) =>
    openSession(provider, {
      env: fixture.env,
      log: createLog((level, message) => logged.push(`${level} ${message}`), redactor),
      redactor,
      gateway: server.gateway,
      transport: createTransport({ log: silentLog, env: {} }),
      retryDelayMs: 1,
      ...options,
    });
  async function within<T>(
    run: (session: Awaited<ReturnType<typeof open>>) => Promise<T>,
    options?: Partial<SessionOptions>,
  ): Promise<T> {
    const session = await open(options);
    try {
      return await run(session);
    } finally {
      await session.close();
    }
  }

  it('declares itself', () => {
    expect(isProvider(provider)).toBe(true);
    expect(provider.id).toBe(id);
    expect(listVars(provider.env).every((v) => /^[A-Z][A-Z0-9_]+$/u.test(v.names[0]!) && v.help.length > 5)).toBe(true);
  });

  it('names every missing credential at once', async () => {
    const error = await open({ env: {} }).catch((e: unknown) => e as Error);
    for (const v of listVars(provider.env).filter((v) => v.required))
      expect((error as Error).message).toContain(v.names[0]);
  });

  it('adds a value next to values of others', async () => {
    await within((s) => s.add([{ fqdn: name, value: 'one' }]));
    expect(dns.txt(name)).toEqual(['one', 'someone-else']);
  });

  it('keeps two values of one name, as apex and wildcard need', async () => {
    await within((s) => Promise.all([s.add([{ fqdn: name, value: 'one' }]), s.add([{ fqdn: name, value: 'two' }])]));
    expect(dns.txt(name)).toEqual(['one', 'someone-else', 'two']);
  });

  it('removes only its own value, in a new process', async () => {
    await within((s) =>
      s.add([
        { fqdn: name, value: 'one' },
        { fqdn: name, value: 'two' },
      ]),
    );
    await within((s) => s.remove([{ fqdn: name, value: 'one' }]));
    expect(dns.txt(name)).toEqual(['someone-else', 'two']);
  });

  it('deletes the name with its last value and leaves no trace', async () => {
    const before = JSON.stringify(
      [...dns.zones].map(([z, r]) => [z, r.map(({ type, fqdn, value }) => [type, fqdn, value])]),
    );
    await within((s) => s.add([{ fqdn: '_acme-challenge.new.example.com', value: 'one' }]));
    await within((s) => s.remove([{ fqdn: '_acme-challenge.new.example.com', value: 'one' }]));
    expect(
      JSON.stringify([...dns.zones].map(([z, r]) => [z, r.map(({ type, fqdn, value }) => [type, fqdn, value])])),
    ).toBe(before);
  });

  it('cleans up even after an abort', async () => {
    const abort = new AbortController();
    await within(
      async (s) => {
        await s.add([{ fqdn: name, value: 'one' }]);
        abort.abort();
        await s.remove([{ fqdn: name, value: 'one' }]);
      },
      { signal: abort.signal },
    );
    expect(dns.txt(name)).toEqual(['someone-else']);
  });

  it('is idempotent', async () => {
    await within(async (s) => {
      await s.add([{ fqdn: name, value: 'one' }]);
      await s.add([{ fqdn: name, value: 'one' }]);
      expect(dns.txt(name)).toEqual(['one', 'someone-else']);
      await s.remove([{ fqdn: name, value: 'one' }]);
      await s.remove([{ fqdn: name, value: 'one' }]);
    });
    expect(dns.txt(name)).toEqual(['someone-else']);
  });

  it('picks the deepest zone', async () => {
    await within((s) => s.add([{ fqdn: '_acme-challenge.a.b.sub.example.com', value: 'deep' }]));
    expect(dns.records('sub.example.com').map((r) => r.value)).toContain('deep');
  });

  it('can write at the zone apex, as CNAME delegation needs', async () => {
    await within((s) => s.add([{ fqdn: 'other.net', value: 'apex' }]));
    expect(dns.txt('other.net')).toEqual(['apex']);
  });

  it('says which zones it looked for', async () => {
    await expect(within((s) => s.add([{ fqdn: '_acme-challenge.example.org', value: 'x' }]))).rejects.toMatchObject({
      fault: 'zone',
      hint: expect.stringContaining('example.org'),
    });
  });

  it('reports wrong credentials without showing them', async () => {
    const error = await within((s) => s.add([{ fqdn: name, value: 'x' }]), { env: fixture.wrongEnv }).catch(
      (e: unknown) => e as Error,
    );
    expect(error).toBeInstanceOf(Error);
    for (const value of Object.values(fixture.wrongEnv)) expect((error as Error).message).not.toContain(value);
  });

  it('survives one failure, whichever request it hits', async () => {
    for (let n = 1; ; n += 1) {
      const fqdn = `_acme-challenge.n${n}.example.com`;
      server.failRequest(n);
      await within((s) => s.add([{ fqdn, value: 'one' }]));
      expect(dns.txt(fqdn)).toEqual(['one']);
      if (!server.failed()) return;
    }
  });
});
