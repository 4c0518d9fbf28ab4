import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder } from '../helpers/child.ts';
import { bindEnv, describeWith, type Lab, quoin, startLab } from '../helpers/servers.ts';

const challenge = '_acme-challenge.example.test';
const SERVER = ['--server', 'letsencrypt'];

describeWith(['named', 'knotd', 'dig', 'pebble', 'openssl'], 'quoin check with BIND, and Knot that lags behind', () => {
  let lab: Lab;
  let store: string;
  beforeAll(async () => {
    lab = await startLab({
      zones: ['example.test', 'other.test'],
      secondary: true,
      records: [
        '_acme-challenge.www CNAME www-example.other.test.',
        '_acme-challenge.loop CNAME _acme-challenge.loop',
        'forbidden CAA 0 issue "ca.example"',
        'allowed CAA 0 issue "letsencrypt.org; accounturi=https://ca.example/acct/1"',
        'allowed CAA 0 issuewild ";"',
        'alias CNAME forbidden',
      ].join('\n'),
    });
  });
  afterAll(() => lab.stop());
  beforeEach(() => {
    store = join(newFolder(), 'store');
  });
  afterEach(() => {
    // Whatever happened: nothing of ours is left in DNS or in the journal, and values of others are still there.
    expect(lab.txt(challenge)).toEqual(['someone-else']);
    expect(readdirSync(join(store, 'journal'))).toEqual([]);
  });
  const check = (names: readonly string[], ...more: string[]) => {
    const args = ['check', '--dns', 'rfc2136', '--path', store, '--dns.resolvers', `127.0.0.1:${lab.dnsPort}`];
    return quoin([...args, ...names.flatMap((name) => ['-d', name]), ...SERVER, ...more], bindEnv(lab));
  };
  const documentOf = ({ stdout }: { readonly stdout: string }) => JSON.parse(stdout);

  it('tells when each name server showed the values, the one that lags too', async () => {
    const ended = await check(['example.test', '*.example.test'], '--json').finished;
    expect([ended.code, ended.stderr.match(/error.*/u)]).toEqual([0, null]);
    const [{ nameServers }] = documentOf(ended).challenges;
    const [first, second] = nameServers as { server: string; seconds: number }[];
    expect([first?.server, second?.server]).toEqual(['ns1.example.test (127.0.0.1)', 'ns2.example.test (127.0.0.2)']);
    expect(first?.seconds).toBeLessThan(1);
    expect(second?.seconds).toBeGreaterThan(first?.seconds ?? 0);
    expect(lab.pebbleLog()).not.toContain('new-order');
  });

  it('follows a CNAME into another zone', async () => {
    const ended = await check(['www.example.test'], '--json').finished;
    expect(ended.code).toBe(0);
    expect(documentOf(ended).challenges).toMatchObject([
      { target: 'www-example.other.test', zone: 'other.test', providerZone: 'other.test', removed: true },
    ]);
    expect(lab.txt('www-example.other.test')).toEqual([]);
  });

  it('says that CNAMEs run in a circle', async () => {
    const { code, stdout } = await check(['loop.example.test']).finished;
    expect([code, stdout.includes('run in a circle')]).toEqual([5, true]);
  });

  it('says what CAA records forbid, by a CNAME and for wildcards too, and still rehearses', async () => {
    const names = ['forbidden.example.test', 'alias.example.test', 'allowed.example.test', '*.allowed.example.test'];
    const ended = await check(names, '--json').finished;
    const { challenges, problems, warnings } = documentOf(ended);
    expect(ended.code).toBe(3);
    const verdicts = challenges.flatMap(({ caa }: { caa: { name: string; verdict: string }[] }) =>
      caa.map(({ name, verdict }) => [name, verdict]),
    );
    expect(verdicts).toEqual([
      ['forbidden.example.test', 'forbidden'],
      ['alias.example.test', 'forbidden'],
      ['allowed.example.test', 'allowed'],
      ['*.allowed.example.test', 'forbidden'],
    ]);
    expect(problems.map(({ code }: { code: string }) => code)).toEqual(['ACME_CAA', 'ACME_CAA', 'ACME_CAA']);
    expect(warnings).toEqual([expect.stringContaining('https://ca.example/acct/1')]);
    expect(challenges.map(({ removed }: { removed: boolean }) => removed)).toEqual([true, true, true]);
  });

  it('ends with 5 when a server does not show the value in time', async () => {
    const args = ['check', '--dns', 'rfc2136', '--path', store, '--dns.resolvers', `127.0.0.1:${lab.dnsPort}`];
    const env = { ...bindEnv(lab), RFC2136_PROPAGATION_TIMEOUT: '0' };
    const { code, stdout } = await quoin([...args, '-d', 'late.example.test'], env).finished;
    expect([code, stdout.includes('RFC2136_PROPAGATION_TIMEOUT')]).toEqual([5, true]);
    expect(stdout).toMatch(/ns2\.example\.test \(127\.0\.0\.2\) {2}lacks it/u);
    expect(lab.txt('_acme-challenge.late.example.test')).toEqual([]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('removes what it wrote after %s', async (signal) => {
    for (const step of ['publishing 2', 'published 2']) {
      const running = check(['example.test', '*.example.test'], '--debug', '--json');
      await running.sees(step);
      running.child.kill(signal);
      const { code, stdout } = await running.finished;
      expect([step, code]).toEqual([step, signal === 'SIGINT' ? 130 : 143]);
      expect(JSON.parse(stdout).error.code).toBe('INTERRUPTED');
      expect([step, lab.txt(challenge)]).toEqual([step, ['someone-else']]);
    }
  });
});
