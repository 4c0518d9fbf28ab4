import { createLookup, type LookupOptions } from '../../../src/dns/lookup.ts';
import { memoryLog, type Row, startDns, type TestDns } from '../../helpers/dns-server.ts';

const { signal } = new AbortController();
const ns = (zone: string, ...addresses: string[]): Row[] =>
  addresses.flatMap((address, i): Row[] => [
    [zone, 'NS', `ns${i}.${zone}`],
    [`ns${i}.${zone}`, 'A', address],
  ]);
const chain = (count: number): Row[] =>
  Array.from({ length: count }, (_, i): Row => [`hop${i}.example.test`, 'CNAME', `hop${i + 1}.example.test`]);

const example: Row[] = [
  ...ns('example.test', '127.0.0.2', '127.0.0.3'),
  ['example.test', 'A', '192.0.2.1'],
  ['_acme-challenge.www.example.test', 'CNAME', 'www.delegated.test'],
  ['www.example.test', 'CNAME', 'delegated.test'],
  ['_acme-challenge.loop.example.test', 'CNAME', 'loop.delegated.test'],
  ['_acme-challenge.gone.example.test', 'CNAME', 'nowhere.example.test'],
  ['_acme-challenge.lost.example.test', 'CNAME', 'a.no-such-zone'],
  ['_acme-challenge.apex.example.test', 'NS', 'ns.apex.example.test'],
  ['ns.apex.example.test', 'A', '127.0.0.4'],
  ['old.example.test', 'DNAME', 'delegated.test'],
  ['*.wild.example.test', 'CNAME', 'web.delegated.test'],
  ['*.texts.example.test', 'TXT', 'anything'],
  ['sub.example.test', 'NS', 'ns0.sub.example.test'],
  ['ns0.sub.example.test', 'A', '127.0.0.4'],
  ...chain(17),
];
const delegated: Row[] = [
  ...ns('delegated.test', '127.0.0.4'),
  ['loop.delegated.test', 'CNAME', '_acme-challenge.loop.example.test'],
];
const zones = {
  '127.0.0.2': { 'example.test': example },
  '127.0.0.3': { 'example.test': example },
  '127.0.0.4': {
    'delegated.test': delegated,
    '_acme-challenge.apex.example.test': ns('_acme-challenge.apex.example.test', '127.0.0.4'),
    'sub.example.test': [
      ...ns('sub.example.test', '127.0.0.4'),
      ['back.sub.example.test', 'CNAME', 'example.test'],
    ] as Row[],
  },
};

describe('look-ups', () => {
  let dns: TestDns;
  let log: ReturnType<typeof memoryLog>;
  beforeEach(async () => {
    dns = await startDns(zones);
    log = memoryLog();
  });
  afterEach(() => dns.stop());
  const lookup = (options: Partial<LookupOptions> = {}) =>
    createLookup({
      resolvers: [dns.resolverAddress],
      log,
      timeoutMs: 5000,
      authoritativePort: dns.port,
      ...options,
    });
  const follow = (name: string) => lookup().follow(name, signal);

  it('finds the zone of a name', async () => {
    const target = { fqdn: '_acme-challenge.a.b.example.test', zone: 'example.test' };
    expect(await follow('_acme-challenge.a.b.example.test')).toEqual(target);
  });

  it('finds the deeper of two zones that hold a name', async () => {
    expect(await follow('_acme-challenge.x.sub.example.test')).toMatchObject({ zone: 'sub.example.test' });
  });

  it('finds the zone of a name that is a CNAME into another zone itself', async () => {
    expect(await follow('x.www.example.test')).toMatchObject({ zone: 'example.test' });
    expect(await follow('x.back.sub.example.test')).toMatchObject({ zone: 'sub.example.test' });
  });

  it('follows a CNAME into another zone', async () => {
    const target = { fqdn: 'www.delegated.test', zone: 'delegated.test' };
    expect(await follow('_acme-challenge.www.example.test')).toEqual(target);
  });

  it('follows 16 CNAMEs and refuses 17, telling the chain', async () => {
    expect(await follow('hop1.example.test')).toMatchObject({ fqdn: 'hop17.example.test' });
    await expect(follow('hop0.example.test')).rejects.toMatchObject({
      code: 'DNS_LOOKUP',
      message: expect.stringContaining('do not end after 16 steps'),
    });
  });

  it('tells that CNAMEs run in a circle, and which', async () => {
    await expect(follow('_acme-challenge.loop.example.test')).rejects.toThrow(
      'in a circle: _acme-challenge.loop.example.test → loop.delegated.test → _acme-challenge.loop.example.test',
    );
  });

  it('follows a CNAME whose target does not exist yet', async () => {
    const target = { fqdn: 'nowhere.example.test', zone: 'example.test' };
    expect(await follow('_acme-challenge.gone.example.test')).toEqual(target);
  });

  it('tells the chain when the target is in no zone', async () => {
    await expect(follow('_acme-challenge.lost.example.test')).rejects.toThrow(
      /no zone holds .*_acme-challenge\.lost\.example\.test → a\.no-such-zone/u,
    );
  });

  it('finds the zone that begins at the challenge name', async () => {
    const name = '_acme-challenge.apex.example.test';
    expect(await follow(name)).toEqual({ fqdn: name, zone: name });
  });

  it('follows DNAME', async () => {
    const target = { fqdn: '_acme-challenge.delegated.test', zone: 'delegated.test' };
    expect(await follow('_acme-challenge.old.example.test')).toEqual(target);
  });

  it('does not follow a wildcard CNAME, and says so', async () => {
    const name = '_acme-challenge.wild.example.test';
    expect(await follow(name)).toEqual({ fqdn: name, zone: 'example.test' });
    expect(log.lines).toContainEqual(expect.stringContaining('only by the wildcard *.wild.example.test'));
  });

  it('is not distracted by a wildcard TXT', async () => {
    expect(await follow('_acme-challenge.texts.example.test')).toMatchObject({ zone: 'example.test' });
  });

  it('never asks a resolver for the challenge name', async () => {
    await follow('_acme-challenge.a.example.test');
    await follow('_acme-challenge.www.example.test');
    const names = dns.resolver.asked.map(({ name }) => name);
    expect(names).toContain('a.example.test');
    expect(names.filter((name) => name.startsWith('_acme') || name === 'www.delegated.test')).toEqual([]);
  });

  it('asks a resolver for name servers and addresses once, and twice for each of many names', async () => {
    const shared = lookup();
    const names = Array.from({ length: 100 }, (_, i) => `_acme-challenge.n${i}.example.test`);
    await shared.follow('_acme-challenge.example.test', signal);
    const before = [dns.resolver, ...dns.servers.values()].reduce((sum, { asked }) => sum + asked.length, 0);
    await Promise.all(names.map((name) => shared.follow(name, signal)));
    const after = [dns.resolver, ...dns.servers.values()].reduce((sum, { asked }) => sum + asked.length, 0);
    expect(dns.resolver.asked.filter(({ type }) => type === 'NS')).toHaveLength(1);
    expect(dns.resolver.asked.filter(({ type }) => type === 'A')).toHaveLength(2);
    expect(after - before).toBe(200);
  });

  it.each(['silent', 'SERVFAIL', 'REFUSED', 'lame'] as const)('asks another server when one is %s', async (mood) => {
    dns.at('127.0.0.2').mood = mood;
    expect(await follow('_acme-challenge.www.example.test')).toMatchObject({ fqdn: 'www.delegated.test' });
    expect(log.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  it.each(['no-udp', 'truncates', 'no-edns'] as const)('copes with servers of which each is %s', async (mood) => {
    for (const server of dns.servers.values()) server.mood = mood;
    expect(await follow('_acme-challenge.www.example.test')).toMatchObject({ fqdn: 'www.delegated.test' });
    expect(log.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  it('asks the resolvers when no name server can be reached, and warns once', async () => {
    for (const server of dns.servers.values()) server.mood = 'silent';
    const shared = lookup({ timeoutMs: 200 });
    const names = ['www', 'a', 'b'].map((label) => `_acme-challenge.${label}.example.test`);
    const [www] = await Promise.all(names.map((name) => shared.follow(name, signal)));
    expect(www).toMatchObject({ fqdn: 'www.delegated.test', zone: 'delegated.test' });
    expect(log.lines.filter((line) => line.startsWith('warn'))).toEqual([
      expect.stringMatching(/no name server of example\.test answers from here \(ns0.*asking the resolvers/u),
    ]);
  });

  it('asks the next resolver when one fails, and the failing one last from then on', async () => {
    dns.at('127.0.0.4').mood = 'silent';
    const shared = lookup({ resolvers: [`127.0.0.4:${dns.port}`, dns.resolverAddress], timeoutMs: 200 });
    await shared.follow('_acme-challenge.example.test', signal);
    expect(dns.at('127.0.0.4').asked.filter(({ over }) => over === 'tcp')).toHaveLength(1);
  });

  it.each([
    ['SERVFAIL', 'answered SERVFAIL'],
    ['silent', 'no answer within 0.2 s'],
  ] as const)('never takes %s for "no CNAME" or for the parent zone', async (mood, said) => {
    dns.resolver.mood = mood;
    const failing = lookup({ timeoutMs: 200 }).follow('_acme-challenge.www.example.test', signal);
    await expect(failing).rejects.toMatchObject({
      code: 'DNS_LOOKUP',
      message: expect.stringMatching(new RegExp(`${dns.resolverAddress}:? ${said}`, 'u')),
    });
  });

  it('recovers from a failure: it is not remembered', async () => {
    const shared = lookup({ timeoutMs: 200 });
    dns.resolver.mood = 'SERVFAIL';
    await expect(shared.follow('_acme-challenge.example.test', signal)).rejects.toThrow('SERVFAIL');
    dns.resolver.mood = 'normal';
    expect(await shared.follow('_acme-challenge.example.test', signal)).toMatchObject({ zone: 'example.test' });
  });

  it('ends with the reason of an abort', async () => {
    dns.resolver.mood = 'silent';
    const aborted = new AbortController();
    const failing = lookup().follow('_acme-challenge.example.test', aborted.signal);
    aborted.abort(new Error('stop'));
    await expect(failing).rejects.toThrow('stop');
  });

  it.each(['', '9.9.9.9:0', '9.9.9.9:70000', 'udp://9.9.9.9', '[nonsense]:53', 'https://'])(
    'refuses %j as a resolver',
    (text) => {
      expect(() => lookup({ resolvers: [text] })).toThrow(expect.objectContaining({ code: 'CONFIG' }));
    },
  );
});
