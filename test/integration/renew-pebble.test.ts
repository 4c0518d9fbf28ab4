import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder } from '../helpers/child.ts';
import { bindEnv, describeWith, type Lab, NEW_PEBBLE, quoin, startLab } from '../helpers/servers.ts';

const DAY_MS = 86_400_000;
const day = (n: number) => new Date(Date.now() + n * DAY_MS);

describeWith([existsSync(NEW_PEBBLE) ? 'pebble' : NEW_PEBBLE, 'named', 'dig'], 'quoin renew with Pebble', () => {
  let lab: Lab;
  let store: string;
  beforeAll(async () => {
    lab = await startLab({ zones: ['example.test'] });
  });
  afterAll(() => lab.stop());
  beforeEach(() => {
    store = join(newFolder(), 'store');
  });

  const run = async (...args: string[]) => {
    const flags = ['--path', store, '--ca-certificates', lab.caFile, '--dns.resolvers', `127.0.0.1:${lab.dnsPort}`];
    const ended = await quoin([...args, ...flags, '--json'], bindEnv(lab)).finished;
    expect([ended.stderr, ended.code]).toEqual([expect.any(String), 0]);
    return { ...JSON.parse(ended.stdout), log: ended.stderr };
  };
  const obtain = (name: string, ...more: string[]) =>
    run('run', '-a', '--server', lab.directoryUrl, '--dns', 'rfc2136', '-d', name, ...more);
  const renew = (...more: string[]) => run('renew', '--no-random-sleep', ...more);
  const certificate = (name: string) => readFileSync(join(store, `certificates/${name}.crt`), 'utf8');
  const stateFile = (name: string) => join(store, 'renewals', `${name}.json`);
  const stateOf = (name: string) => JSON.parse(readFileSync(stateFile(name), 'utf8'));
  /** As if the time that the CA gave had gone by. */
  const askAgain = (name: string) => {
    const state = stateOf(name);
    writeFileSync(
      stateFile(name),
      JSON.stringify({ ...state, ari: { ...state.ari, askAgain: '2020-01-01T00:00:00Z' } }),
    );
  };

  it('is told when to renew, and renews when the CA changes its mind, telling what is replaced', async () => {
    await obtain('a.example.test');
    expect((await renew()).summary).toMatchObject({ unchanged: 1, renewed: 0 });
    const { ari } = stateOf('a.example.test');
    expect(Date.parse(ari.start)).toBeGreaterThan(Date.now());
    // As Let's Encrypt does for certificates that it has to revoke.
    await lab.suggestRenewal(certificate('a.example.test'), day(-1 / 24), day(-1 / 48));
    // Not before the CA wants to be asked again.
    expect((await renew()).summary).toMatchObject({ unchanged: 1 });
    askAgain('a.example.test');
    const { summary, log } = await renew('--debug');
    expect(summary).toMatchObject({ renewed: 1 });
    expect(log).toContain(`"replaces": "${ari.id}"`);
    expect(log).not.toContain('ordering again');
  });

  it('renews although the CA says that the certificate was replaced already', async () => {
    await obtain('b.example.test');
    await renew();
    const first = certificate('b.example.test');
    const record = readFileSync(join(store, 'certificates/b.example.test.json'), 'utf8');
    const key = readFileSync(join(store, 'certificates/b.example.test.key'), 'utf8');
    await run('renew', 'b.example.test', '--renew-force');
    // An old backup comes back: its certificate has a successor at the CA.
    writeFileSync(join(store, 'certificates/b.example.test.crt'), first);
    writeFileSync(join(store, 'certificates/b.example.test.json'), record);
    writeFileSync(join(store, 'certificates/b.example.test.key'), key);
    const { summary, log } = await run('renew', 'b.example.test', '--renew-force', '--debug');
    expect(summary).toMatchObject({ renewed: 1 });
    expect(log).toContain('ordering again without telling which certificate is replaced');
    expect(log).toContain('alreadyReplaced');
  });
});
