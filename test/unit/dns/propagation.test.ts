import { createLookup } from '../../../src/dns/lookup.ts';
import { type PropagationOptions, waitForPropagation } from '../../../src/dns/propagation.ts';
import { memoryLog, type Row, startDns, type TestDns } from '../../helpers/dns-server.ts';

const { signal } = new AbortController();
const addresses = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];
const zone = 'example.test';
const rows = addresses.flatMap((address, i): Row[] => [
  [zone, 'NS', `ns${i}.${zone}`],
  [`ns${i}.${zone}`, 'A', address],
]);
const fqdn = `_acme-challenge.${zone}`;
const value = 'AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE';
const record = { identifier: zone, fqdn, zone, value };

describe('propagation', () => {
  let dns: TestDns;
  let log: ReturnType<typeof memoryLog>;
  beforeEach(async () => {
    dns = await startDns(Object.fromEntries(addresses.map((address) => [address, { [zone]: rows }])));
    log = memoryLog();
  });
  afterEach(() => dns.stop());

  const wait = (options: Partial<PropagationOptions> = {}, records = [record]) =>
    waitForPropagation(records, {
      lookup: createLookup({
        resolvers: [dns.resolverAddress],
        log,
        timeoutMs: 500,
        authoritativePort: dns.port,
      }),
      log,
      signal,
      timeoutMs: 20_000,
      intervalMs: 150,
      timeoutVariable: 'DO_PROPAGATION_TIMEOUT',
      ...options,
    });
  const looksAt = (address: string) => dns.at(address).asked.filter(({ type }) => type === 'TXT').length;
  /** Runs `change` once a server has been asked so many times. */
  const onceAsked = async (looks: number, address: string, change: () => void) => {
    while (looksAt(address) < looks) await new Promise((resolve) => setTimeout(resolve, 5));
    change();
  };

  it('is done at the first look when every server shows the value', async () => {
    dns.publish(fqdn, value);
    await wait();
    expect(addresses.map(looksAt)).toEqual([1, 1, 1]);
  });

  it('waits for the last server, and does not ask again where the value is', async () => {
    dns.publish(fqdn, value, addresses.slice(0, 2));
    await Promise.all([wait(), onceAsked(3, '127.0.0.4', () => dns.publish(fqdn, value, ['127.0.0.4']))]);
    expect([looksAt('127.0.0.2'), looksAt('127.0.0.3'), looksAt('127.0.0.4') > 3]).toEqual([1, 1, true]);
    expect(log.lines).toContainEqual(
      expect.stringMatching(/^waiting example\.test: 1 of 3 name servers lack the TXT record \(ns2.*, waited 0 s/u),
    );
  });

  it('D18: believes a server that lagged only when it shows the value twice in a row', async () => {
    dns.publish(fqdn, value);
    const seen = [false, true, false, true, true]; // Several machines behind one address, of which some lag.
    dns.at('127.0.0.4').hides = (n) => !seen[n - 1];
    await wait();
    expect(addresses.map(looksAt)).toEqual([1, 1, seen.length]);
  });

  it.each(['SERVFAIL', 'REFUSED'] as const)('takes %s for "not yet"', async (mood) => {
    dns.publish(fqdn, value);
    const server = dns.at('127.0.0.3');
    server.mood = mood;
    let done = false;
    const waiting = wait().then(() => {
      done = true;
    });
    await onceAsked(3, '127.0.0.3', () => {
      expect(done).toBe(false);
      server.mood = 'normal';
    });
    await waiting;
  });

  it('reports a silent server and goes on with the others', async () => {
    dns.publish(fqdn, value);
    dns.at('127.0.0.3').mood = 'silent';
    await wait();
    expect(log.lines.filter((line) => line.startsWith('warn'))).toEqual([
      'warn name server ns1.example.test (127.0.0.3) does not answer; the others show every TXT record',
    ]);
  });

  it('goes on asking the others for 100 names while one server is silent', async () => {
    const records = Array.from({ length: 100 }, (_, i) => ({ ...record, fqdn: `_acme-challenge.n${i}.${zone}` }));
    for (const each of records) dns.publish(each.fqdn, value);
    dns.at('127.0.0.3').mood = 'silent';
    await wait({}, records);
    expect(looksAt('127.0.0.2')).toBe(100);
    expect(new Set(dns.at('127.0.0.3').asked.map(({ name }) => name)).size).toBe(1);
  });

  it('fails when no server of the zone answers, and says what helps', async () => {
    for (const server of dns.servers.values()) server.mood = 'silent';
    await expect(wait({ timeoutMs: 500 })).rejects.toMatchObject({
      code: 'PROPAGATION',
      exitCode: 5,
      message: expect.stringMatching(/3 of 3 name servers lack.*no answer within/u),
      hint: expect.stringContaining('--dns.propagation.rns'),
    });
  });

  it('tells at the timeout what each server showed, and how to wait longer', async () => {
    dns.publish(fqdn, value, ['127.0.0.2']);
    dns.publish(fqdn, value.toLowerCase(), ['127.0.0.3']);
    dns.publish(fqdn, '\u001b[31mred', ['127.0.0.3']);
    dns.at('127.0.0.4').mood = 'REFUSED';
    const failing = wait({ timeoutMs: 400 });
    await expect(failing).rejects.toMatchObject({
      code: 'PROPAGATION',
      hint: expect.stringContaining('DO_PROPAGATION_TIMEOUT'),
      facts: {
        nameServers: [
          {
            server: 'ns1.example.test (127.0.0.3)',
            said: 'lacks it',
            missing: [fqdn],
            shows: [value.toLowerCase(), '[31mred'],
          },
          { server: 'ns2.example.test (127.0.0.4)', said: 'answers REFUSED', missing: [fqdn], shows: [] },
        ],
      },
    });
    await expect(failing).rejects.toThrow(
      /^example\.test: 2 of 3 name servers lack the TXT record .* after 0\.4 s: ns1/u,
    );
  });

  it('needs all values of a name, and joins the strings of long ones', async () => {
    const long = 'x'.repeat(600);
    const records = [record, { ...record, identifier: `*.${zone}`, value: long }];
    dns.publish(fqdn, value);
    await Promise.all([wait({}, records), onceAsked(2, '127.0.0.2', () => dns.publish(fqdn, long))]);
  });

  it('reads answers that need TCP', async () => {
    for (let i = 0; i < 100; i += 1) dns.publish(fqdn, `${i}`.repeat(40));
    dns.publish(fqdn, value);
    await wait();
    expect(dns.at('127.0.0.2').asked.map(({ over }) => over)).toContain('tcp');
  });

  it.each(['no-udp', 'no-edns'] as const)('copes with a server that is %s', async (mood) => {
    dns.at('127.0.0.2').mood = mood;
    dns.publish(fqdn, value);
    await wait();
    expect(log.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  it('asks the resolvers only after every name server shows the value', async () => {
    dns.publish(fqdn, value, ['127.0.0.2', '127.0.0.3']);
    const asked = () => dns.resolver.asked.filter(({ name }) => name === fqdn).length;
    const early: number[] = [];
    await Promise.all([
      wait({ recursive: true }),
      onceAsked(3, '127.0.0.4', () => {
        early.push(asked());
        dns.publish(fqdn, value, ['127.0.0.4']);
      }),
    ]);
    expect([early, asked()]).toEqual([[0], 1]);
  });

  it('asks the resolvers alone when told to, and not at once', async () => {
    for (const server of dns.servers.values()) server.mood = 'silent';
    setTimeout(() => dns.publish(fqdn, value), 20);
    await wait({ authoritative: false, recursive: true, intervalMs: 300 });
    expect(addresses.map(looksAt)).toEqual([0, 0, 0]);
    expect(dns.resolver.asked.map(({ name, type }) => `${type} ${name}`)).toEqual([`TXT ${fqdn}`]);
  });

  it('waits a fixed time and asks nobody when told to', async () => {
    await wait({ fixedWaitMs: 30 });
    expect([addresses.map(looksAt), dns.resolver.asked]).toEqual([[0, 0, 0], []]);
  });

  it.each([
    {},
    { fixedWaitMs: 60_000 },
    { authoritative: false, recursive: true, intervalMs: 60_000, timeoutMs: 60_000 },
  ])('ends with the reason of an abort (%j)', async (options) => {
    const aborted = new AbortController();
    const failing = wait({ ...options, signal: aborted.signal });
    setTimeout(() => aborted.abort(new Error('stop')), 50);
    await expect(failing).rejects.toThrow('stop');
  });
});
