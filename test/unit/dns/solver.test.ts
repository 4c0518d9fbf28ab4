import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findLeftovers, type Journal, openJournal } from '../../../src/dns/journal.ts';
import { createLookup, type Lookup } from '../../../src/dns/lookup.ts';
import type { DnsSession, TxtValue } from '../../../src/dns/session.ts';
import { createSolver, removeLeftovers, type SolverOptions } from '../../../src/dns/solver.ts';
import { ProviderError } from '../../../src/errors.ts';
import { memoryLog, type Row, startDns, type TestDns } from '../../helpers/dns-server.ts';

const rows = (zone: string, ...more: Row[]): Row[] => [
  [zone, 'NS', `ns.${zone}`],
  [`ns.${zone}`, 'A', '127.0.0.2'],
  ...more,
];
const challenge = (name: string, value: string) => ({
  identifier: name,
  fqdn: `_acme-challenge.${name.replace('*.', '')}`,
  value,
});
const key = ({ fqdn, value }: TxtValue) => `${fqdn} ${value}`;

describe('the solver', () => {
  let dns: TestDns;
  let folder: string;
  let journal: Journal;
  let log: ReturnType<typeof memoryLog>;
  let lookup: Lookup;
  let abort: AbortController;
  beforeEach(async () => {
    dns = await startDns({
      '127.0.0.2': {
        'example.test': rows('example.test', [
          '_acme-challenge.www.example.test',
          'CNAME',
          '_acme-challenge.other.test',
        ]),
        'other.test': rows('other.test'),
      },
    });
    folder = join(mkdtempSync(join(tmpdir(), 'quoin-test-')), 'journal');
    log = memoryLog();
    abort = new AbortController();
    journal = await openJournal(folder);
    lookup = createLookup({ resolvers: [dns.resolverAddress], log, timeoutMs: 500, authoritativePort: dns.port });
  });
  afterEach(async () => {
    await journal.close();
    await dns.stop();
  });

  /** Publishes in the test's own name server; `fail` may refuse. */
  function newSession(fail: (kind: 'add' | 'remove', values: readonly TxtValue[]) => unknown = () => {}) {
    const calls: string[] = [];
    const session: Pick<DnsSession, 'add' | 'remove' | 'oneValueAtATime'> = {
      oneValueAtATime: false,
      async add(values) {
        calls.push(...values.map((value) => `add ${key(value)}`));
        await fail('add', values);
        for (const { fqdn, value } of values) dns.publish(fqdn, value);
      },
      async remove(values) {
        calls.push(...values.map((value) => `remove ${key(value)}`));
        await fail('remove', values);
        for (const { fqdn, value } of values) dns.withdraw(fqdn, value);
      },
    };
    return { session: session as DnsSession, calls };
  }
  const solver = (session: DnsSession, options: Partial<SolverOptions> = {}) =>
    createSolver({
      session,
      provider: 'fake',
      lookup,
      journal,
      propagation: { timeoutMs: 5000, intervalMs: 100, timeoutVariable: 'FAKE_PROPAGATION_TIMEOUT' },
      log,
      signal: abort.signal,
      ...options,
    });
  const inJournal = () =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')).entries.map(key));
  const inDns = () =>
    [...dns.at('127.0.0.2').zones.values()]
      .flat()
      .filter(([, type]) => type === 'TXT')
      .map(([name, , value]) => `${name} ${value}`);
  const both = ['_acme-challenge.example.test a', '_acme-challenge.other.test b'];
  const names = [challenge('example.test', 'a'), challenge('www.example.test', 'b')];

  it('publishes at the end of CNAMEs, runs while everything is visible, and removes it', async () => {
    const { session, calls } = newSession();
    const result = await solver(session).solve(names, async () => {
      expect([inDns(), inJournal()]).toEqual([both, both]);
      return 'done';
    });
    expect([result, inDns(), inJournal()]).toEqual(['done', [], []]);
    expect(calls).toEqual([...both.map((value) => `add ${value}`), ...both.map((value) => `remove ${value}`)]);
  });

  it('has the journal on disk before anything is published', async () => {
    const seen: string[][] = [];
    const { session } = newSession((kind) => kind === 'add' && seen.push(inJournal()));
    await solver(session).solve(names, async () => {});
    expect(seen).toEqual([both]);
  });

  it('publishes a value once that several challenges share, and two values of one name', async () => {
    const { session, calls } = newSession();
    const shared = [...names, challenge('other.test', 'b'), challenge('*.example.test', 'c')];
    await solver(session).solve(shared, async () => {
      expect(inDns()).toHaveLength(3);
    });
    expect(calls.filter((call) => call.startsWith('add'))).toHaveLength(3);
  });

  it('publishes nothing when a look-up fails', async () => {
    const { session, calls } = newSession();
    dns.resolver.mood = 'SERVFAIL';
    await expect(solver(session).solve(names, async () => {})).rejects.toMatchObject({ code: 'DNS_LOOKUP' });
    expect([calls, inJournal()]).toEqual([[], []]);
  });

  it('removes everything when publishing fails halfway', async () => {
    const { session } = newSession((kind) => {
      if (kind === 'remove') return;
      dns.publish(names[0]!.fqdn, 'a');
      throw new Error('halfway');
    });
    await expect(solver(session).solve(names, async () => {})).rejects.toThrow('halfway');
    expect([inDns(), inJournal()]).toEqual([[], []]);
  });

  it('removes everything when the values do not show in time, without running what needs them', async () => {
    dns.at('127.0.0.2').mood = 'normal';
    const { session } = newSession();
    let ran = false;
    const blind = { ...session, add: async () => {} };
    const propagation = { timeoutMs: 200, intervalMs: 100, timeoutVariable: 'FAKE_PROPAGATION_TIMEOUT' };
    const failing = solver(blind, { propagation }).solve(names, async () => {
      ran = true;
    });
    await expect(failing).rejects.toMatchObject({ code: 'PROPAGATION' });
    expect([ran, inJournal()]).toEqual([false, []]);
  });

  it('removes everything when what runs fails', async () => {
    const { session } = newSession();
    const failing = solver(session).solve(names, () => Promise.reject(new Error('the CA said no')));
    await expect(failing).rejects.toThrow('the CA said no');
    expect([inDns(), inJournal()]).toEqual([[], []]);
  });

  it.each(['add', 'wait', 'run'])('removes everything after an abort during %s', async (step) => {
    const { session } = newSession((kind) => {
      if (kind === 'add' && step === 'add') {
        dns.publish(names[0]!.fqdn, 'a');
        abort.abort(new Error('Ctrl-C'));
        abort.signal.throwIfAborted();
      }
    });
    const unseen = { ...session, add: async () => void setTimeout(() => abort.abort(new Error('Ctrl-C')), 100) };
    const failing = solver(step === 'wait' ? unseen : session).solve(names, async () => {
      abort.abort(new Error('Ctrl-C'));
      abort.signal.throwIfAborted();
    });
    await expect(failing).rejects.toThrow('Ctrl-C');
    expect([inDns(), inJournal()]).toEqual([[], []]);
  });

  it('does not remove before an addition has come to its end', async () => {
    const { session, calls } = newSession(async (kind) => {
      if (kind === 'remove') return;
      abort.abort(new Error('Ctrl-C'));
      await new Promise((resolve) => setTimeout(resolve, 50));
      calls.push('add ended');
      throw abort.signal.reason;
    });
    await expect(solver(session).solve(names.slice(0, 1), async () => {})).rejects.toThrow('Ctrl-C');
    expect(calls).toEqual([`add ${both[0]}`, 'add ended', `remove ${both[0]}`]);
  });

  it('keeps the first error when clean-up fails, and warns of what is left, which stays in the journal', async () => {
    const { session } = newSession((kind, values) => {
      if (kind === 'remove' && values[0]?.zone === 'other.test') throw new Error('API is down');
    });
    const failing = solver(session).solve(names, () => Promise.reject(new Error('first')));
    await expect(failing).rejects.toThrow('first');
    expect([inDns(), inJournal()]).toEqual([[both[1]], [both[1]]]);
    expect(log.lines.filter((line) => line.startsWith('warn'))).toEqual([
      'warn could not remove the TXT records of _acme-challenge.other.test: API is down; the next run or quoin cleanup tries again',
    ]);
  });

  it('keeps nothing in the journal when the account has no such zone', async () => {
    const { session } = newSession(() => {
      throw new ProviderError('zone', 'fake: no zone for it');
    });
    await expect(solver(session).solve(names, async () => {})).rejects.toThrow('no zone for it');
    expect([inJournal(), log.lines.filter((line) => line.startsWith('warn'))]).toEqual([[], []]);
  });

  describe('leftovers', () => {
    const leave = async (provider: string, value: string) => {
      const dead = await openJournal(folder);
      const fqdn = '_acme-challenge.example.test';
      await dead.add([{ provider, identifier: 'example.test', fqdn, zone: 'example.test', value, since: '' }]);
      await dead.close();
      dns.publish(fqdn, value);
    };
    const clean = async (session: DnsSession) => {
      const found = await findLeftovers(folder, log);
      const left = await removeLeftovers(found, 'fake', session, log);
      for (const each of found) await each.close();
      return left;
    };

    it('are removed for one provider; those of others stay', async () => {
      await leave('fake', 'mine');
      await leave('another', 'other');
      expect(await clean(newSession().session)).toBe(0);
      expect(inDns()).toEqual(['_acme-challenge.example.test other']);
      expect(inJournal()).toEqual(['_acme-challenge.example.test other']);
    });

    it('that cannot be removed are counted and stay in the journal', async () => {
      await leave('fake', 'mine');
      const { session } = newSession(() => {
        throw new ProviderError('zone', 'fake: no zone for it');
      });
      expect([await clean(session), inJournal()]).toEqual([1, ['_acme-challenge.example.test mine']]);
    });

    it('of a run that lives are not touched', async () => {
      await leave('fake', 'mine');
      await solver(newSession().session).solve([challenge('example.test', 'mine')], async () => {
        expect(await clean(newSession().session)).toBe(0);
        expect(inDns()).toContain('_acme-challenge.example.test mine');
      });
      expect(inJournal()).toEqual([]);
    });
  });
});
