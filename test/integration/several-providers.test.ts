import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder } from '../helpers/child.ts';
import { bindEnv, describeWith, type Lab, pairMatches, quoin, startLab, type Tsig } from '../helpers/servers.ts';

const BIND = '127.0.0.1';
const PDNS = '127.0.0.3';

describeWith(
  ['named', 'pdns_server', 'sqlite3', 'dig', 'pebble', 'openssl'],
  'several DNS providers in one certificate, with BIND, PowerDNS and Pebble',
  () => {
    let lab: Lab;
    let store: string;
    beforeAll(async () => {
      lab = await startLab({
        zones: ['one.test', 'two.test'],
        pdnsZones: ['three.test'],
        ownKeys: true,
        records: '_acme-challenge.moved CNAME moved-one.three.test.',
      });
    }, 30_000);
    afterAll(() => lab.stop());
    beforeEach(() => {
      store = join(newFolder(), 'store');
    });
    afterEach(() => {
      // Whatever happened: nothing but what others have written is left, and nothing in the journal.
      const apexes = [
        ['one.test', BIND],
        ['two.test', BIND],
        ['three.test', PDNS],
      ] as const;
      expect(apexes.map(([zone, server]) => lab.txt(`_acme-challenge.${zone}`, server))).toEqual(
        Array(3).fill(['someone-else']),
      );
      const journal = join(store, 'journal');
      expect(existsSync(journal) ? readdirSync(journal) : []).toEqual([]);
    });

    const keyEnv = ({ name, secret }: Tsig, prefix = '') => ({
      [`${prefix}RFC2136_TSIG_KEY`]: name,
      [`${prefix}RFC2136_TSIG_SECRET`]: secret,
    });
    /** The key of one.test as usual, that of two.test with the prefix TWO_. */
    const world = (): Record<string, string> => ({
      ...bindEnv(lab),
      ...keyEnv(lab.keys['one.test']!),
      ...keyEnv(lab.keys['two.test']!, 'TWO_'),
      ...lab.pdnsEnv,
    });
    const start = (command: string, dns: readonly string[], names: readonly string[], env = world()) =>
      quoin(
        [
          command,
          ...dns.flatMap((text) => ['--dns', text]),
          ...names.flatMap((name) => ['-d', name]),
          ...(command === 'run' ? ['--accept-tos', '--ca-certificates', lab.caFile] : []),
          ...['--server', lab.directoryUrl, '--path', store, '--dns.resolvers', `${BIND}:${lab.dnsPort}`],
          ...['--json', '--debug'],
        ],
        env,
      );
    const ALL = ['rfc2136', 'two.test=rfc2136@TWO', 'three.test=pdns'];
    const NAMES = ['one.test', 'www.one.test', 'moved.one.test', 'two.test', '*.two.test', 'b.three.test'];

    it('writes each name with the account that is meant for it', async () => {
      const { code, stdout, stderr } = await start('run', ALL, NAMES).finished;
      expect([code, stderr.match(/error: .*/u)?.[0]]).toEqual([0, undefined]);
      expect(JSON.parse(stdout)).toMatchObject({ action: 'issued', certificate: { names: NAMES } });
      expect(pairMatches(store, 'one.test')).toBe(true);
      // The CNAME of moved.one.test leads to a zone of PowerDNS.
      expect([...(stderr.match(/published \d TXT records? with \S+/gu) ?? [])].sort()).toEqual([
        'published 2 TXT records with pdns',
        'published 2 TXT records with rfc2136',
        'published 2 TXT records with rfc2136@TWO',
      ]);
      const { quoin: kept } = JSON.parse(readFileSync(join(store, 'certificates/one.test.json'), 'utf8'));
      expect(kept.dns).toEqual(ALL);
    });

    it('rehearses with the account that is meant for each name', async () => {
      const { code, stdout } = await start('check', [...ALL, 'else.test=pdns@ELSE'], NAMES).finished;
      const { problems, providers, challenges } = JSON.parse(stdout);
      expect([code, problems]).toEqual([0, []]);
      expect(providers).toEqual([
        { code: 'rfc2136', domain: null, credentials: 'accepted' },
        { code: 'rfc2136@TWO', domain: 'two.test', credentials: 'accepted' },
        { code: 'pdns', domain: 'three.test', credentials: 'accepted' },
        { code: 'pdns@ELSE', domain: 'else.test', credentials: 'unused' },
      ]);
      const by = challenges.map(({ names: [name], provider, removed }: Record<string, any>) => [
        name,
        provider,
        removed,
      ]);
      expect(by).toEqual([
        ['one.test', 'rfc2136', true],
        ['www.one.test', 'rfc2136', true],
        ['moved.one.test', 'pdns', true],
        ['two.test', 'rfc2136@TWO', true],
        ['b.three.test', 'pdns', true],
      ]);
    });

    it('V8: removes what one provider has published when another one refuses', async () => {
      const env = { ...world(), TWO_RFC2136_TSIG_SECRET: lab.keys['one.test']!.secret };
      const { code, stdout, stderr } = await start('run', ALL, NAMES, env).finished;
      const { error } = JSON.parse(stdout);
      expect([code, error]).toEqual([4, expect.objectContaining({ code: 'PROVIDER_AUTH' })]);
      expect([error.message, error.hint]).toEqual([
        expect.stringMatching(/^rfc2136@TWO: updating two\.test/u),
        'check TWO_RFC2136_TSIG_SECRET and the algorithm',
      ]);
      expect(stderr).toContain('published 2 TXT records with rfc2136\n');
      for (const [name, server] of [
        ['www.one.test', BIND],
        ['b.three.test', PDNS],
      ] as const)
        expect(lab.txt(`_acme-challenge.${name}`, server)).toEqual([]);
      // What the refused account may have written is known to whoever comes with the right key.
      expect(JSON.parse((await start('cleanup', [], []).finished).stdout)).toEqual({ removed: 2, left: 0 });
    });

    it('says before anything is asked of the network what is missing, of all accounts at once', async () => {
      const { PDNS_API_KEY: _, RFC2136_NAMESERVER: __, ...env } = world();
      const { code, stdout } = await start('run', ALL, NAMES, { ...env, QUOIN_DNS_RESOLVERS: '127.0.0.1:1' }).finished;
      expect(code).toBe(2);
      for (const told of ['rfc2136: RFC2136_NAMESERVER', 'rfc2136@TWO: TWO_RFC2136_NAMESERVER', 'pdns: PDNS_API_KEY'])
        expect(JSON.parse(stdout).error.message).toContain(`${told} is not set`);
    });

    it('says which name has no provider, before the CA is asked for anything', async () => {
      const { code, stdout } = await start('run', ALL.slice(1), ['a.two.test', 'a.one.test', 'moved.one.test'])
        .finished;
      expect([code, JSON.parse(stdout).error.message]).toEqual([
        2,
        'none of the DNS providers is meant for a.one.test',
      ]);
      expect(lab.pebbleLog()).not.toContain('a.one.test');
    });

    it('cleans up after a killed run with the account that each value belongs to', async () => {
      const names = ['killed.one.test', 'killed.two.test', 'killed.three.test'];
      const running = start('run', ALL, names, { ...world(), QUOIN_DNS_PROPAGATION_WAIT: '60s' });
      await Promise.all(['rfc2136\n', 'rfc2136@TWO\n', 'pdns\n'].map((who) => running.sees(`with ${who}`)));
      running.child.kill('SIGKILL');
      await running.finished;
      const { code, stdout } = await start('cleanup', [], []).finished;
      expect([code, JSON.parse(stdout)]).toEqual([0, { removed: 3, left: 0 }]);
      for (const [index, name] of names.entries())
        expect(lab.txt(`_acme-challenge.${name}`, index === 2 ? PDNS : BIND)).toEqual([]);
    });

    it('removes in the next run what a killed one left with any of its providers', async () => {
      const names = ['again.two.test', 'again.three.test'];
      const running = start('run', ALL, names, { ...world(), QUOIN_DNS_PROPAGATION_WAIT: '60s' });
      await Promise.all(['rfc2136@TWO\n', 'pdns\n'].map((who) => running.sees(`with ${who}`)));
      running.child.kill('SIGKILL');
      await running.finished;
      const { code, stderr } = await start('run', ALL, ['other.two.test', 'other.three.test']).finished;
      expect([code, stderr.match(/an earlier run left 1 TXT record behind/gu)?.length]).toEqual([0, 2]);
      expect([
        lab.txt('_acme-challenge.again.two.test', BIND),
        lab.txt('_acme-challenge.again.three.test', PDNS),
      ]).toEqual([[], []]);
    });
  },
);
