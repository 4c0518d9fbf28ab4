import { setTimeout as sleep } from 'node:timers/promises';
import type { TxtChanges, TxtEditor, Zone } from '../../../src/dns/kit/contract.ts';
import { defineProvider, secret } from '../../../src/dns/kit/index.ts';
import { openSession, type SessionOptions } from '../../../src/dns/session.ts';
import { ProviderError } from '../../../src/errors.ts';
import { createLog } from '../../../src/log.ts';
import { Redactor } from '../../../src/redact.ts';

let logged: string[] = [];
beforeEach(() => {
  logged = [];
});

function open(
  editor: TxtEditor,
  options: Partial<SessionOptions> & { tuning?: object; env?: Record<string, string> } = {},
) {
  const { tuning, env, ...rest } = options;
  const provider = defineProvider({
    id: 'foo',
    name: 'Foo',
    website: 'https://foo.test',
    env: { key: secret('FOO_KEY', 'API key').optional() },
    tuning: { prefix: 'FOO', ...tuning },
    connect: () => editor,
  });
  const redactor = new Redactor();
  return openSession(provider, {
    redactor,
    env: env ?? {},
    log: createLog((level, message) => logged.push(`${level} ${message}`), redactor),
    transport: () => Promise.reject(new Error('no network here')),
    retryDelayMs: 1,
    ...rest,
  });
}
const failing = (fault: 'network' | 'auth' | 'rate' | 'api', detail: object = {}) =>
  new ProviderError(fault, `foo: ${fault}`, detail);
const zones = (...names: string[]) => ({ listZones: async () => names.map((name) => ({ name })) });
const values = (...names: string[]) => names.map((name) => ({ fqdn: `_acme-challenge.${name}`, value: 'v' }));

describe('the zone of a name', () => {
  it('is the deepest that the account has, whatever form the vendor gives names', async () => {
    const seen: string[] = [];
    const session = await open({
      ...zones('example.com', 'Sub.Example.COM.', 'xn--bcher-kva.example'),
      apply: async (zone, { add }) => void seen.push(`${zone.name}: ${add[0]?.name}`),
    });
    await session.add(values('a.sub.example.com'));
    await session.add(values('b.example.com'));
    expect(seen).toEqual(['Sub.Example.COM.: _acme-challenge.a', 'example.com: _acme-challenge.b']);
  });

  it('is asked for once', async () => {
    const asked: string[] = [];
    const editor: TxtEditor = {
      async findZone(name) {
        asked.push(name);
        await sleep(1);
        if (name === 'example.com') return { name };
        throw new ProviderError('missing', 'foo: no such zone', { status: 404 });
      },
      apply: async () => {},
    };
    const session = await open(editor);
    await session.add([...values('a.example.com', 'example.com'), ...values('example.com')]);
    await session.remove(values('example.com'));
    expect(asked.sort()).toEqual(
      ['_acme-challenge.a.example.com', '_acme-challenge.example.com', 'a.example.com', 'example.com'].sort(),
    );
  });

  it('is asked for again after a failure', async () => {
    let asked = 0;
    const session = await open({
      async listZones() {
        asked += 1;
        if (asked < 3) throw failing('network');
        return [{ name: 'example.com' }];
      },
      apply: async () => {},
    });
    await session.add(values('example.com'));
    expect(asked).toBe(3);
  });

  it('comes from DNS when the provider cannot tell', async () => {
    const seen: string[] = [];
    const apply = async (zone: Zone) => void seen.push(zone.name);
    const session = await open({ apply }, { findZoneBySoa: async () => 'example.com' });
    await session.add(values('a.example.com'));
    expect(seen).toEqual(['example.com']);
  });

  it('missing for one name: nothing is published, but what is there is removed', async () => {
    const seen: string[] = [];
    const session = await open({ ...zones('example.com'), apply: async (zone) => void seen.push(zone.name) });
    const both = values('example.org', 'example.com');
    await expect(session.add(both)).rejects.toMatchObject({
      fault: 'zone',
      message: 'foo: no zone for _acme-challenge.example.org',
      hint: 'the account has none of _acme-challenge.example.org, example.org',
    });
    expect(seen).toEqual([]);
    await expect(session.remove(both)).rejects.toMatchObject({ fault: 'zone' });
    expect(seen).toEqual(['example.com']);
  });
});

describe('changes', () => {
  /** An editor that holds every change until it is let go. */
  function slow(...names: string[]) {
    const batches: { zone: string; changes: TxtChanges; done: () => void }[] = [];
    const editor: TxtEditor = {
      ...zones(...names),
      apply: (zone, changes) => new Promise((resolve) => batches.push({ zone: zone.name, changes, done: resolve })),
    };
    const running = async (count: number) => {
      for (let n = 0; batches.length < count && n < 1000; n += 1) await sleep(1);
    };
    return { editor, batches, running };
  }

  it('are made zone by zone side by side, one at a time within a zone, and those that wait in one go', async () => {
    const { editor, batches, running } = slow('a.test', 'b.test');
    const session = await open(editor);
    const all = [session.add(values('1.a.test')), session.add(values('1.b.test'))];
    await running(2);
    all.push(session.add(values('2.a.test')), session.add(values('3.a.test')));
    await sleep(5);
    expect(batches.map(({ zone }) => zone).sort()).toEqual(['a.test', 'b.test']);
    for (const { done } of batches) done();
    await running(3);
    expect(batches[2]?.changes.add.map(({ fqdn }) => fqdn)).toEqual([
      '_acme-challenge.2.a.test',
      '_acme-challenge.3.a.test',
    ]);
    batches[2]?.done();
    await Promise.all(all);
  });

  it('keep their order: what is removed after it was added is gone', async () => {
    const order: string[] = [];
    const session = await open({
      ...zones('a.test'),
      async apply(_, { add, remove }) {
        await sleep(2);
        order.push(`+${add.length} -${remove.length}`);
      },
    });
    await Promise.all([
      session.add(values('1.a.test')),
      session.add(values('2.a.test')),
      session.remove(values('2.a.test')),
      session.add(values('3.a.test')),
    ]);
    expect(order).toEqual(['+2 -0', '+0 -1', '+1 -0']);
  });

  it('of one zone go on when another one fails, and the failure is thrown', async () => {
    const done: string[] = [];
    const session = await open({
      ...zones('a.test', 'b.test'),
      async apply(zone) {
        if (zone.name === 'a.test') throw failing('api');
        await sleep(5);
        done.push(zone.name);
      },
    });
    await expect(session.remove(values('a.test', 'b.test'))).rejects.toThrow('foo: api');
    expect(done).toEqual(['b.test']);
  });

  describe('of several certificates that were joined', () => {
    /** Three additions that are done in one go; `refuse` decides about each call. */
    async function joined(refuse: (names: string[], n: number) => Error | undefined) {
      const calls: string[][] = [];
      const session = await open({
        ...zones('example.com'),
        async apply(_, { add }) {
          await sleep(5);
          calls.push(add.map(({ fqdn }) => fqdn.replace('_acme-challenge.', '').replace('.example.com', '')));
          const error = refuse(calls.at(-1) ?? [], calls.length);
          if (error) throw error;
        },
      });
      const all = ['a', 'b', 'c'].map((name) => session.add(values(`${name}.example.com`)));
      const outcomes = (await Promise.allSettled(all)).map(({ status }) => status);
      return { calls, outcomes };
    }

    it('fail only for the one that is refused', async () => {
      const { calls, outcomes } = await joined((names) => (names.includes('b') ? failing('api') : undefined));
      expect(calls).toEqual([['a', 'b', 'c'], ['a'], ['b'], ['c']]);
      expect(outcomes).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    });

    it('are not tried apart where all would fare alike', async () => {
      const { calls, outcomes } = await joined(() => failing('auth'));
      expect(calls).toEqual([['a', 'b', 'c']]);
      expect(outcomes).toEqual(['rejected', 'rejected', 'rejected']);
    });
  });

  it('carry the TTL, raised to what the vendor takes', async () => {
    const ttls: number[] = [];
    const apply = async (_: Zone, { add }: TxtChanges) => void ttls.push(add[0]?.ttl ?? 0);
    const tuning = { minTtl: 300 };
    await (await open({ ...zones('a.test'), apply }, { tuning, env: { FOO_TTL: '60' } })).add(values('a.test'));
    await (await open({ ...zones('a.test'), apply }, { tuning, env: { FOO_TTL: '10m' } })).add(values('a.test'));
    expect(ttls).toEqual([300, 600]);
  });

  it('pause for FOO_SEQUENCE_INTERVAL before the next addition, not after the last', async () => {
    const session = await open({ ...zones('a.test'), apply: async () => {} }, { env: { FOO_SEQUENCE_INTERVAL: '1' } });
    await session.add(values('a.test'));
    await session.remove(values('a.test'));
    expect(logged).toEqual([]);
    await session.add(values('a.test'));
    expect(logged).toEqual(['waiting foo: waiting 1 s before the next change']);
  });
});

describe('a failure', () => {
  const failingTimes = (times: number, error: () => Error) => {
    let tries = 0;
    const editor: TxtEditor = {
      ...zones('a.test'),
      async apply() {
        tries += 1;
        if (tries <= times) throw error();
      },
    };
    return { editor, tries: () => tries };
  };

  it.each([
    ['no answer', () => failing('network')],
    ['too many requests', () => failing('rate', { retryAfter: 0 })],
    ['a server error', () => failing('api', { status: 502 })],
  ])('that passes is tried again, and told: %s', async (_, error) => {
    const { editor, tries } = failingTimes(3, error);
    await (await open(editor)).add(values('a.test'));
    expect(tries()).toBe(4);
    expect(logged.filter((line) => /^warn foo: .*; trying again in \d+ s$/u.test(line))).toHaveLength(3);
  });

  it('that passes too slowly ends the run', async () => {
    const { editor, tries } = failingTimes(9, () => failing('network'));
    await expect((await open(editor)).add(values('a.test'))).rejects.toThrow('foo: network');
    expect(tries()).toBe(4);
  });

  it.each([
    ['wrong credentials', () => failing('auth', { status: 401 })],
    ['a refusal', () => failing('api', { status: 422 })],
    ['a bug of the provider', () => new TypeError('x is undefined')],
  ])('that lasts is not tried again: %s', async (_, error) => {
    const { editor, tries } = failingTimes(9, error);
    const thrown = await (await open(editor)).add(values('a.test')).catch((e: unknown) => e);
    expect(thrown).toBeInstanceOf(ProviderError);
    expect(tries()).toBe(1);
  });

  it('with a longer Retry-After than the run may wait ends it at once, and says so', async () => {
    const { editor, tries } = failingTimes(9, () => failing('rate', { retryAfter: 3600, status: 429 }));
    const thrown = (await open(editor, { maxWaitSeconds: 100 })).add(values('a.test'));
    await expect(thrown).rejects.toMatchObject({
      fault: 'rate',
      retryAfter: 3600,
      message: 'foo: rate; it asks to wait 3600 s',
      hint: expect.stringContaining('--max-wait'),
    });
    expect(tries()).toBe(1);
  });
});

describe('an abort', () => {
  it('ends a wait at once, and leaves clean-up its own time', async () => {
    const abort = new AbortController();
    let tries = 0;
    const session = await open(
      {
        ...zones('a.test'),
        async apply(_, { add }) {
          tries += 1;
          if (add.length > 0) throw failing('network');
        },
      },
      { signal: abort.signal, retryDelayMs: 60_000 },
    );
    const adding = session.add(values('a.test'));
    for (let n = 0; logged.length === 0 && n < 1000; n += 1) await sleep(1);
    abort.abort(new Error('Ctrl-C'));
    await expect(adding).rejects.toThrow();
    await expect(session.add(values('a.test'))).rejects.toThrow('Ctrl-C');
    await session.remove(values('a.test'));
    expect(tries).toBe(2);
  });

  it('does not reach the clean-up that runs beside an addition', async () => {
    const abort = new AbortController();
    const signals: Record<string, boolean> = {};
    let signal: () => AbortSignal = () => abort.signal;
    const provider = defineProvider({
      id: 'foo',
      name: 'Foo',
      website: 'https://foo.test',
      env: {},
      tuning: { prefix: 'FOO' },
      connect(context) {
        signal = context.signal;
        return {
          ...zones('a.test', 'b.test'),
          async apply(zone) {
            await sleep(5);
            signals[zone.name] = signal().aborted;
          },
        };
      },
    });
    const redactor = new Redactor();
    const session = await openSession(provider, {
      redactor,
      env: {},
      log: createLog(() => {}, redactor),
      transport: () => Promise.reject(new Error('no network here')),
      signal: abort.signal,
    });
    const adding = session.add(values('a.test'));
    await sleep(1);
    abort.abort();
    await Promise.allSettled([adding, session.remove(values('b.test'))]);
    expect(signals).toEqual({ 'a.test': true, 'b.test': false });
  });
});

it('with a prefix has the values of that account, and says so in messages', async () => {
  const { label, tuning, timeoutVariable, ...session } = await open(
    {
      ...zones('example.org'),
      apply: async () => {},
    },
    { prefix: 'ORG', env: { FOO_TTL: '60', FOO_PROPAGATION_TIMEOUT: '10', ORG_FOO_PROPAGATION_TIMEOUT: '20' } },
  );
  expect([label, tuning.ttl, tuning.propagationTimeout]).toEqual(['foo@ORG', 60, 20]);
  expect(timeoutVariable).toBe('ORG_FOO_PROPAGATION_TIMEOUT');
  await expect(session.add(values('example.com'))).rejects.toThrow('foo@ORG: no zone for _acme-challenge.example.com');
});

it('with a prefix calls the provider and its variables in their own messages what they are called there', async () => {
  const editor = {
    ...zones('example.com'),
    apply: async () => {
      throw new ProviderError('auth', 'foo: the foo server says no', { hint: 'check FOO_KEY, FOO_KEYS or MY_FOO_KEY' });
    },
  };
  const refused = { message: 'foo@ORG: the foo server says no', hint: 'check ORG_FOO_KEY, FOO_KEYS or MY_FOO_KEY' };
  const session = await open(editor, { prefix: 'ORG', env: { ORG_FOO_KEY: 'k' } });
  for (let n = 0; n < 2; n += 1) await expect(session.add(values('example.com'))).rejects.toMatchObject(refused);
  const plain = await open(editor, { env: { FOO_KEY: 'k' } });
  await expect(plain.add(values('example.com'))).rejects.toMatchObject({ message: 'foo: the foo server says no' });
});

it('closes in any case, and a failure to do so is a warning', async () => {
  let tries = 0;
  const session = await open({
    apply: async () => {},
    async close() {
      tries += 1;
      throw failing('network');
    },
  });
  await session.close();
  expect(tries).toBe(4);
  expect(logged.at(-1)).toBe('warn foo: network');
});
