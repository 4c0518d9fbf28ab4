import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { listVars } from '../../src/dns/kit/env.ts';
import { isProvider, type Provider } from '../../src/dns/kit/index.ts';
import { type DnsSession, openSession, type SessionOptions } from '../../src/dns/session.ts';
import { isAppError } from '../../src/errors.ts';
import { createTransport } from '../../src/http.ts';
import { createLog, silentLog } from '../../src/log.ts';
import { Redactor } from '../../src/redact.ts';
import { type Behaviour, FakeDns, type FakeServer, type Fixture, failures, serve } from '../helpers/fake-api.ts';

const ids = readdirSync(fileURLToPath(new URL('../../src/dns/providers', import.meta.url)))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replace(/\.ts$/u, ''));
interface Fixtures {
  readonly default: () => Fixture;
  /** Other APIs or versions of the same provider. */
  readonly variants?: Record<string, () => Fixture>;
}
const cases: [title: string, id: string, makeFixture: () => Fixture][] = [];
// One after another: Jest's linker loses built-in modules now and then when many are imported at one time.
for (const id of ids) {
  const missing = (error: unknown): Fixtures => ({
    default: () => {
      throw error; // Fails the tests of this provider only.
    },
  });
  const { default: usual, variants = {} } = (await import(`../../fixtures/dns/${id}.ts`).catch(missing)) as Fixtures;
  for (const [variant, make] of Object.entries({ '': usual, ...variants }))
    cases.push([`${id} ${variant}`.trim(), id, make]);
}
const name = '_acme-challenge.example.com';
const transport = createTransport({ log: silentLog, env: {} });

/** Every provider against a stateful fake of its service: what counts is the zone afterwards, never the requests. */
describe.each(cases)('%s', (_title, id, makeFixture) => {
  let provider: Provider;
  let fixture: Fixture;
  let dns: FakeDns;
  let server: FakeServer;
  let logged: string[];
  let sessionsMayLeak: boolean;

  beforeEach(async () => {
    provider = (await import(`../../src/dns/providers/${id}.ts`)).default;
    fixture = makeFixture();
    dns = new FakeDns();
    // Lists of zones are longer than a page of the fakes, and ours come last.
    for (const zone of ['aa.test', 'bb.test', 'cc.test', 'example.com', 'sub.example.com', 'other.net']) {
      dns.zones.set(zone, []);
      dns.add(zone, 'A', `www.${zone}`, '192.0.2.1', 3600);
      dns.add(zone, 'TXT', `_acme-challenge.${zone}`, 'someone-else', 300);
    }
    logged = [];
    sessionsMayLeak = false;
    server = await serve(fixture, dns);
  });
  afterEach(async () => {
    await server?.close();
    expect(server.violations).toEqual([]);
    if (!sessionsMayLeak) expect(fixture.openSessions?.() ?? 0).toBe(0);
    expect(leaks(logged.join('\n'))).toEqual([]);
  });

  const secrets = () => {
    const names = listVars(provider.env)
      .filter((variable) => variable.secret)
      .flatMap((variable) => [...variable.names]);
    return names.flatMap((variable) => [fixture.env[variable], fixture.wrongEnv[variable]]).filter((value) => !!value);
  };
  /** Secrets that a text shows: as they are, URL-encoded, or anywhere inside something base64-encoded. */
  const leaks = (text: string) => {
    const decoded = [...text.matchAll(/[\w+/-]{8,}={0,2}/gu)].map(([found]) => Buffer.from(found, 'base64').toString());
    const everything = [text, decodeURIComponent(text.replace(/%(?![\da-f]{2})/giu, '%25')), ...decoded].join('\n');
    return secrets().filter((secret) => everything.includes(secret as string));
  };

  const open = (options: Partial<SessionOptions> = {}) => {
    const redactor = new Redactor();
    return openSession(provider, {
      transport,
      redactor,
      env: { ...fixture.env, ...server.env },
      log: createLog((level, message) => {
        logged.push(`${level} ${message}`);
        server.onLine?.(message);
      }, redactor),
      enter: server.onEnter,
      gateway: server.gateway,
      findZoneBySoa: async (fqdn) => dns.zoneOf(fqdn),
      retryDelayMs: 1,
      ...options,
    });
  };
  async function within<T>(run: (session: DnsSession) => Promise<T>, options?: Partial<SessionOptions>): Promise<T> {
    const session = await open(options);
    try {
      return await run(session);
    } finally {
      await session.close();
    }
  }
  const failure = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => error as Error & { fault?: string; hint?: string },
    );

  /** A behaviour that some services cannot show. Those must keep their hands off, which is checked instead. */
  const behaves = (behaviour: Behaviour, test: () => Promise<void>) =>
    it(behaviour, async () => {
      const reason = fixture.cannot?.[behaviour];
      if (reason === undefined) await test();
      else expect(reason.length).toBeGreaterThan(10);
    });

  it('declares itself', () => {
    expect(isProvider(provider)).toBe(true);
    expect(provider.id).toBe(id);
    expect(provider.website).toMatch(/^https:\/\//u);
    for (const { names, help } of listVars(provider.env)) {
      expect(help.length).toBeGreaterThan(5);
      expect(help).not.toMatch(/\.$/u);
      for (const spelling of names) expect(spelling).toMatch(/^[A-Z][A-Za-z0-9_]+$/u);
    }
  });

  it('names every missing credential at once', async () => {
    const error = await failure(open({ env: {} }));
    const required = listVars(provider.env).filter((variable) => variable.required);
    if (required.length === 0) return;
    expect(error).toMatchObject({ code: 'CONFIG', hint: `see: quoin dnshelp -c ${id}` });
    for (const { names } of required) expect(error?.message).toContain(names[0]);
  });

  behaves('adds a value next to values of others', async () => {
    await within((s) => s.add([{ fqdn: name, value: 'one' }]));
    expect(dns.txt(name)).toEqual(['one', 'someone-else']);
  });

  behaves('keeps two values of one name', async () => {
    await within((s) => Promise.all([s.add([{ fqdn: name, value: 'one' }]), s.add([{ fqdn: name, value: 'two' }])]));
    expect(dns.txt(name)).toEqual(['one', 'someone-else', 'two']);
    await within((s) => s.remove([{ fqdn: name, value: 'one' }]));
    expect(dns.txt(name)).toEqual(['someone-else', 'two']);
  });

  it('removes what it added in a new process, and nothing else', async () => {
    // The same value at other names: below, beside, and with a longer label.
    for (const label of [`below.${name}`, '_acme-challenge.beside.example.com', `x${name}`])
      dns.add('example.com', 'TXT', label, 'one', 300);
    const before = dns.snapshot();
    const values = [
      { fqdn: name, value: 'one' },
      { fqdn: '_acme-challenge.a.other.net', value: 'two' },
    ];
    await within((s) => s.add(values));
    expect(dns.snapshot()).not.toEqual(before);
    await within((s) => s.remove(values));
    if (!fixture.cannot?.['adds a value next to values of others']) expect(dns.snapshot()).toEqual(before);
  });

  behaves('deletes the name with its last value', async () => {
    const before = dns.snapshot();
    const value = { fqdn: '_acme-challenge.new.example.com', value: 'one' };
    await within((s) => s.add([value]));
    expect(dns.txt(value.fqdn)).toEqual(['one']);
    await within((s) => s.remove([value]));
    expect(dns.snapshot()).toEqual(before);
  });

  behaves('cleans up after an abort', async () => {
    const abort = new AbortController();
    const value = { fqdn: '_acme-challenge.new.example.com', value: 'one' };
    await within(
      async (s) => {
        await s.add([value]);
        abort.abort();
        await s.remove([value]);
      },
      { signal: abort.signal },
    );
    expect(dns.txt(value.fqdn)).toEqual([]);
  });

  behaves('does a thing twice as if once', async () => {
    const value = { fqdn: '_acme-challenge.new.example.com', value: 'one' };
    await within(async (s) => {
      await s.add([value, value]);
      await s.add([value]);
      expect(dns.txt(value.fqdn)).toEqual(['one']);
      await s.remove([value, value]);
      await s.remove([value]);
    });
    expect(dns.txt(value.fqdn)).toEqual([]);
  });

  behaves('picks the deepest zone', async () => {
    await within((s) => s.add([{ fqdn: '_acme-challenge.a.b.sub.example.com', value: 'deep' }]));
    expect(dns.records('sub.example.com').map((record) => record.value)).toContain('deep');
    expect(dns.records('example.com').map((record) => record.value)).not.toContain('deep');
  });

  behaves('writes at a zone apex', async () => {
    await within((s) => s.add([{ fqdn: 'other.net', value: 'apex' }]));
    expect(dns.txt('other.net')).toEqual(['apex']);
    await within((s) => s.remove([{ fqdn: 'other.net', value: 'apex' }]));
    expect(dns.txt('other.net')).toEqual([]);
  });

  behaves('follows paging', async () => {
    for (let n = 1; n <= 5; n += 1) dns.add('example.com', 'TXT', name, `foreign-${n}`, 300);
    const before = dns.txt(name);
    await within((s) => s.add([{ fqdn: name, value: 'one' }]));
    await within((s) => s.add([{ fqdn: name, value: 'one' }]));
    expect(dns.txt(name)).toEqual([...before, 'one'].sort());
    await within((s) => s.remove([{ fqdn: name, value: 'one' }]));
    expect(dns.txt(name)).toEqual(before);
  });

  behaves('says which zones it looked for', async () => {
    const error = await failure(within((s) => s.add([{ fqdn: '_acme-challenge.example.org', value: 'x' }])));
    expect(error).toMatchObject({ fault: 'zone', hint: expect.stringContaining('example.org') });
    expect(error?.message).toContain('_acme-challenge.example.org');
  });

  behaves('reports wrong credentials', async () => {
    const env = { ...fixture.wrongEnv, ...server.env };
    const error = await failure(within((s) => s.add([{ fqdn: name, value: 'x' }]), { env }));
    expect(isAppError(error)).toBe(true);
    expect(error).toMatchObject({ fault: 'auth' });
    expect(leaks(`${error?.message} ${error?.hint}`)).toEqual([]);
    expect(dns.txt(name)).toEqual(['someone-else']);
  });

  describe.each(failures)('survives one failure (%s), whichever request it hits', (how) => {
    it.each(['add', 'remove'] as const)('%s', async (kind) => {
      if (fixture.cannot?.['survives one failure'] !== undefined) return;
      sessionsMayLeak = how === 'lost answer' || how === 'cut answer'; // A session whose key nobody heard cannot be ended.
      for (let n = 1; n < 100; n += 1) {
        const value = { fqdn: `_acme-challenge.n${n}.example.com`, value: 'one' };
        if (kind === 'remove') await within((s) => s.add([value]));
        server.failRequest(n, how);
        await within((s) => s[kind]([value]));
        expect(dns.txt(value.fqdn)).toEqual(kind === 'add' ? ['one'] : []);
        if (!server.failed()) break;
        // Or a list that takes more pages with every value would never be read to its end without a failure.
        for (const [zone, records] of dns.zones)
          dns.zones.set(
            zone,
            records.filter(({ fqdn }) => fqdn !== value.fqdn),
          );
      }
      server.failRequest(0);
      expect(dns.txt(name)).toEqual(['someone-else']);
    });
  });
});
