import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAssignments } from '../../../src/dns/assignments.ts';
import { findLeftovers, type Journal, openJournal } from '../../../src/dns/journal.ts';
import { createKeyLocks } from '../../../src/dns/key-locks.ts';
import { createLookup, type Lookup } from '../../../src/dns/lookup.ts';
import type { DnsSession, TxtValue } from '../../../src/dns/session.ts';
import { createSolver, type SolverOptions } from '../../../src/dns/solver.ts';
import { removeLeftovers } from '../../../src/dns/withdraw.ts';
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
  function newSession(
    fail: (kind: 'add' | 'remove', values: readonly TxtValue[]) => unknown = () => {},
    more: Partial<DnsSession> = {},
  ) {
    const calls: string[] = [];
    const session: Omit<DnsSession, 'provider' | 'close'> = {
      label: 'fake',
      oneValueAtATime: false,
      tuning: { ttl: 1, propagationTimeout: 5, pollingInterval: 0.1, httpTimeout: 1, sequenceInterval: 0 },
      timeoutVariable: 'FAKE_PROPAGATION_TIMEOUT',
      ...more,
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
      assignments: [{ code: 'fake', label: 'fake' }],
      env: {},
      sessions: { open: async () => session, locks: createKeyLocks() },
      lookup,
      journal,
      propagation: {},
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
    const blind = { ...session, add: async () => {}, tuning: { ...session.tuning, propagationTimeout: 0.2 } };
    const failing = solver(blind).solve(names, async () => {
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

  describe('with several providers', () => {
    const assignments = parseAssignments(['fake', 'other.test=acme@ORG']);
    /** Each session by its label. */
    const solverOf = (sessions: readonly DnsSession[], options: Partial<SolverOptions> = {}) =>
      solver(sessions[0]!, {
        assignments,
        sessions: {
          open: async ({ assignment: { label } }) => sessions.find((session) => session.label === label)!,
          locks: createKeyLocks(),
        },
        ...options,
      });
    const pair = (fail: Parameters<typeof newSession>[0] = () => {}) => [
      newSession(undefined, { label: 'fake' }),
      newSession(fail, { label: 'acme@ORG' }),
    ];
    const entriesInJournal = () =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.json'))
        .flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')).entries);

    it('writes each record by the one that is meant for where it goes, and journals who that was', async () => {
      const [mine, theirs] = pair();
      await solverOf([mine!.session, theirs!.session]).solve(names, async () => {
        expect(inDns()).toEqual(both);
        expect(
          entriesInJournal().map(({ provider, fqdn }: { provider: string; fqdn: string }) => [provider, fqdn]),
        ).toEqual([
          ['fake', '_acme-challenge.example.test'],
          ['acme@ORG', '_acme-challenge.other.test'],
        ]);
      });
      expect(mine!.calls).toEqual([`add ${both[0]}`, `remove ${both[0]}`]);
      expect(theirs!.calls).toEqual([`add ${both[1]}`, `remove ${both[1]}`]);
      expect([inDns(), inJournal()]).toEqual([[], []]);
    });

    it('V8: cleans the first up when the second fails after the first has published', async () => {
      let published = (): void => {};
      const firstIsThere = new Promise<void>((resolve) => {
        published = resolve;
      });
      const mine = newSession(undefined, { label: 'fake' });
      const add = async (values: readonly TxtValue[]) => {
        await mine.session.add(values);
        published();
      };
      const theirs = newSession(
        async (kind) => {
          if (kind === 'remove') return;
          await firstIsThere;
          throw new ProviderError('api', 'acme: the disk is full');
        },
        { label: 'acme@ORG' },
      );
      let ran = false;
      const failing = solverOf([{ ...mine.session, add }, theirs.session]).solve(names, async () => {
        ran = true;
      });
      await expect(failing).rejects.toThrow('acme: the disk is full');
      expect(mine.calls).toEqual([`add ${both[0]}`, `remove ${both[0]}`]);
      expect([ran, inDns(), inJournal()]).toEqual([false, [], []]);
    });

    it('does not wait for what will never show once another one has failed, and tells the first failure', async () => {
      const blind = newSession(undefined, { label: 'fake' });
      const patient = { ...blind.session.tuning, propagationTimeout: 600 };
      const [, theirs] = pair((kind) => {
        if (kind === 'add') throw new ProviderError('api', 'acme: no');
      });
      const failing = solverOf([{ ...blind.session, add: async () => {}, tuning: patient }, theirs!.session]).solve(
        names,
        async () => {},
      );
      await expect(failing).rejects.toThrow('acme: no');
    });

    it('waits for each as long as its own settings say', async () => {
      const slow = newSession(undefined, { label: 'acme@ORG', timeoutVariable: 'ORG_ACME_PROPAGATION_TIMEOUT' });
      const short = {
        ...slow.session,
        add: async () => {},
        tuning: { ...slow.session.tuning, propagationTimeout: 0.2 },
      };
      const [mine] = pair();
      await expect(solverOf([mine!.session, short]).solve(names, async () => {})).rejects.toMatchObject({
        message: expect.stringMatching(/www\.example\.test.* after 0\.2 s/u),
        hint: expect.stringContaining('ORG_ACME_PROPAGATION_TIMEOUT'),
      });
      expect([inDns(), inJournal()]).toEqual([[], []]);
    });

    it('says before anything is ordered that a name has no provider, and opens only what is needed', async () => {
      const opened: string[] = [];
      const sessions = {
        open: async ({ assignment: { label } }: { assignment: { label: string } }) => {
          opened.push(label);
          return newSession(undefined, { label }).session;
        },
        locks: createKeyLocks(),
      };
      const only = parseAssignments(['other.test=acme@ORG', 'else.test=fake']);
      const prepare = (name: string) =>
        solver(newSession().session, { assignments: only, sessions }).prepare([challenge(name, '')]);
      await prepare('www.example.test');
      expect(opened).toEqual(['acme@ORG']);
      await expect(prepare('example.test')).rejects.toMatchObject({
        code: 'CONFIG',
        message: 'none of the DNS providers is meant for example.test',
      });
    });
  });

  describe('where only so many values can be shown', () => {
    const three = ['a', 'b', 'c'].map((value, index) => challenge(`n${index}.example.test`, value));
    const pointed = () => {
      const rows = dns.at('127.0.0.2').zones.get('example.test')!;
      for (const { fqdn } of three) rows.push([fqdn, 'CNAME', 'account.other.test']);
    };
    const limited = (more: Partial<DnsSession>) => newSession(undefined, more).session;
    const turnsOf = async (session: DnsSession, challenges = three) =>
      (await solver(session).turns(challenges)).map((turn) => turn.map(({ value }) => value).join(' '));

    it('makes one turn of all where there is no limit, without looking anything up', async () => {
      expect(await turnsOf(limited({}))).toEqual(['a b c']);
      expect(await turnsOf(limited({}), [])).toEqual([]);
      expect(dns.resolver.asked).toEqual([]);
    });

    it('makes turns of what leads to one name by CNAMEs', async () => {
      expect(await turnsOf(limited({ valuesPerName: 2 }))).toEqual(['a b c']);
      pointed();
      expect(await turnsOf(limited({ valuesPerName: 2 }))).toEqual(['a b', 'c']);
      expect(await turnsOf(limited({ oneValueAtATime: true }))).toEqual(['a', 'b', 'c']);
    });

    it('fails when a name cannot be looked up, before anything is published', async () => {
      dns.resolver.mood = 'SERVFAIL';
      await expect(turnsOf(limited({ valuesPerName: 2 }))).rejects.toMatchObject({ code: 'DNS_LOOKUP' });
    });

    it.each([
      [{ valuesPerName: 2 }, 1],
      [{ oneValueAtATime: true }, 1],
      [{}, 3],
    ])('lets certificates with %j show values there one after the other: at most %i', async (limits, most) => {
      pointed();
      const { session } = newSession(undefined, limits);
      const shared = { open: async () => session, locks: createKeyLocks() };
      let [now, peak] = [0, 0];
      const certificates = three.map((one) =>
        solver(session, { sessions: shared }).solve([one], async () => {
          now += 1;
          peak = Math.max(peak, now);
          for (let n = 0; n < 20 && now < most; n += 1) await new Promise((resolve) => setTimeout(resolve, 10));
          now -= 1;
        }),
      );
      await Promise.all(certificates);
      expect([peak, inDns(), inJournal()]).toEqual([most, [], []]);
    });

    it('lets a certificate that waits for another one be aborted', async () => {
      pointed();
      const { session, calls } = newSession(undefined, { valuesPerName: 2 });
      const shared = { open: async () => session, locks: createKeyLocks() };
      await solver(session, { sessions: shared }).solve([three[0]!], async () => {
        const stop = new AbortController();
        const waiting = solver(session, { sessions: shared, signal: stop.signal }).solve([three[1]!], async () => {});
        waiting.catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 50));
        stop.abort(new Error('Ctrl-C'));
        await expect(waiting).rejects.toThrow('Ctrl-C');
      });
      expect(calls).toEqual(['add account.other.test a', 'remove account.other.test a']);
    });
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
      const left = await removeLeftovers(found, session, log);
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

    it('are those of one account', async () => {
      await leave('fake@ORG', 'theirs');
      await leave('Fake', 'mine');
      expect(await clean(newSession().session)).toBe(0);
      expect(inDns()).toEqual(['_acme-challenge.example.test theirs']);
      expect(await clean(newSession(undefined, { label: 'fake@ORG' }).session)).toBe(0);
      expect([inDns(), inJournal()]).toEqual([[], []]);
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
