import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder } from '../helpers/child.ts';
import { loadedBy, traced } from '../helpers/loaded.ts';
import { ownPlaces, startSandboxProcess } from '../helpers/sandbox.ts';
import { describeWith, quoin } from '../helpers/servers.ts';

const SERVERS = ['--server', 'sandbox', '--dns', 'sandbox'];
const HOUR_MS = 3_600_000;

describeWith(['dig'], 'quoin renew with the sandbox', () => {
  let store: string;
  let env: Record<string, string>;
  beforeEach(() => {
    store = join(newFolder(), 'store');
    env = ownPlaces();
  });

  const run = (args: readonly string[], more: Record<string, string> = {}) =>
    quoin([...args, '--path', store], { ...env, ...more }).finished;
  /** Ends well, and gives the document. */
  const document = async (args: readonly string[], more: Record<string, string> = {}) => {
    const ended = await run([...args, '--json'], more);
    expect([ended.stderr, ended.code]).toEqual([expect.any(String), 0]);
    return JSON.parse(ended.stdout);
  };
  const obtain = (name: string, ...more: string[]) => document(['run', ...SERVERS, '-d', name, ...more]);
  const renew = (...more: string[]) => document(['renew', '--no-random-sleep', ...more]);
  const stateFile = (name: string) => join(store, 'renewals', `${name}.json`);
  const stateOf = (name: string) => JSON.parse(readFileSync(stateFile(name), 'utf8'));
  const change = (name: string, part: object) =>
    writeFileSync(stateFile(name), JSON.stringify({ ...stateOf(name), ...part }));
  const actions = (found: { certificates: { name: string; action: string }[] }) =>
    Object.fromEntries(found.certificates.map(({ name, action }) => [name, action]));

  it('asks the CA when to renew, keeps the point that it chose, and does nothing before', async () => {
    const sandbox = await startSandboxProcess(['--lifetime', '90d', '--renewal-window', '30d-60d'], env);
    await obtain('a.example.test');
    const found = await renew();
    expect(found).toMatchObject({
      certificates: [{ name: 'a.example.test', action: 'unchanged' }],
      summary: { unchanged: 1, renewed: 0, failed: 0 },
    });
    const { ari } = stateOf('a.example.test');
    const [start = 0, end = 0, chosen = 0] = [ari.start, ari.end, ari.chosen].map((time) => Date.parse(time));
    expect(end - start).toBe(30 * 24 * HOUR_MS);
    expect([chosen >= start, chosen <= end]).toEqual([true, true]);
    expect(found.certificates[0].renewAt).toBe(ari.chosen);
    // Not asked again before the CA's time; the same point all the while.
    await sandbox.stop();
    expect((await renew()).certificates[0].renewAt).toBe(ari.chosen);
  });

  it('renews what the CA wants renewed, by the record alone, and tells which certificate it replaces', async () => {
    await startSandboxProcess(['--renewal-window', 'now'], env);
    const { certificate: before } = await obtain('a.example.test', '-k', 'ec384', '--pem', '--disable-cn');
    const { certificates } = await renew();
    expect(certificates).toMatchObject([{ name: 'a.example.test', action: 'renewed' }]);
    expect(certificates[0].serial).not.toBe(before.serial);
    expect(certificates[0].paths.pem).toBe(join(store, 'certificates/a.example.test.pem'));
    const { quoin: record } = JSON.parse(readFileSync(join(store, 'certificates/a.example.test.json'), 'utf8'));
    expect(record).toMatchObject({ keyType: 'ec384', commonName: false, dns: ['sandbox'], servers: ['sandbox'] });
  });

  it('renews one that is due and leaves alone the others; one failure stops nobody', async () => {
    await startSandboxProcess(['--zone', 'example.test'], env);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await obtain(`${name}.example.test`);
    await renew();
    const past = {
      ari: { url: 'https://127.0.0.1:1/', id: 'x.y', askAgain: '2099-01-01T00:00:00Z', chosen: '2020-01-01T00:00:00Z' },
    };
    for (const name of ['a', 'b', 'c']) change(`${name}.example.test`, past);
    writeFileSync(join(store, 'certificates/b.example.test.key'), 'no key');
    // Somebody has edited a record, and a disk has lost the end of what was noted.
    const record = join(store, 'certificates/e.example.test.json');
    writeFileSync(record, readFileSync(record, 'utf8').replace(/"servers": \[[^\]]*\]/u, '"servers": 5'));
    writeFileSync(stateFile('e.example.test'), '');
    change('f.example.test', { notAfter: 'soon' });
    const ended = await run(['renew', '--no-random-sleep', '--json']);
    expect(ended.code).toBe(6);
    const found = JSON.parse(ended.stdout);
    expect(actions(found)).toEqual({
      'a.example.test': 'renewed',
      'b.example.test': 'failed',
      'c.example.test': 'renewed',
      'd.example.test': 'unchanged',
      'e.example.test': 'failed',
      'f.example.test': 'unchanged',
    });
    expect(found.summary).toEqual({ issued: 0, renewed: 2, unchanged: 2, postponed: 0, failed: 2 });
    expect(found.certificates[4].error.message).toContain('quoin.servers is not a list');
    expect(found.certificates[1].error.message).toContain('b.example.test.key');
  });

  it('renews those that are named, and says when there is none of that name', async () => {
    await startSandboxProcess([], env);
    for (const name of ['a', 'b']) await obtain(`${name}.example.test`);
    expect(actions(await renew('b.example.test', '--renew-force'))).toEqual({ 'b.example.test': 'renewed' });
    expect(actions(await document(['-d', 'a.example.test', 'renew', '--renew-force']))).toEqual({
      'a.example.test': 'renewed',
    });
    expect(await run(['renew', 'x.example.test'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there are a.example.test, b.example.test'),
    });
  });

  it('adds domains that lego 4 users name behind the first', async () => {
    await startSandboxProcess([], env);
    await obtain('a.example.test');
    const { certificates } = await document(['-d', 'a.example.test', '-d', 'b.example.test', 'renew']);
    expect(certificates[0]).toMatchObject({ action: 'renewed', names: ['a.example.test', 'b.example.test'] });
  });

  it('comes back later after failures: 1, 10, 100 minutes, and --renew-force does not wait', async () => {
    const sandbox = await startSandboxProcess(['--renewal-window', 'now'], env);
    await obtain('a.example.test', '--max-wait', '0s');
    await renew();
    await sandbox.stop();
    const past = {
      ari: { ...stateOf('a.example.test').ari, chosen: '2020-01-01T00:00:00Z', askAgain: '2099-01-01T00:00:00Z' },
    };
    change('a.example.test', past);
    // As if its CA could be found, and were down.
    const record = join(store, 'certificates/a.example.test.json');
    const metadata = JSON.parse(readFileSync(record, 'utf8'));
    metadata.quoin.servers = ['https://127.0.0.1:1/directory'];
    metadata.quoin.directoryUrl = 'https://127.0.0.1:1/directory';
    metadata.quoin.dns = ['exec'];
    writeFileSync(record, JSON.stringify(metadata));
    const script = { EXEC_PATH: '/bin/true' };
    const args = ['renew', '--no-random-sleep', '--max-wait', '0s', '--json'];
    const waits: number[] = [];
    for (let failures = 1; failures <= 3; failures += 1) {
      const ended = await run([...args, '--renew-force'], script);
      expect([ended.code, JSON.parse(ended.stdout).certificates[0]]).toMatchObject([
        3,
        { action: 'failed', error: { code: 'ACME_UNAVAILABLE' } },
      ]);
      const { failure } = stateOf('a.example.test');
      expect(failure.count).toBe(failures);
      waits.push(Math.round((Date.parse(failure.notBefore) - Date.parse(failure.at)) / 60_000));
    }
    expect(waits).toEqual([1, 10, 100]);
    const ended = await run(args, script);
    expect([ended.code, JSON.parse(ended.stdout).certificates[0]]).toMatchObject([
      3,
      {
        action: 'postponed',
        error: { code: 'ACME_UNAVAILABLE', notBefore: stateOf('a.example.test').failure.notBefore },
      },
    ]);
    expect(stateOf('a.example.test').failure.count).toBe(3);
  });

  it('sleeps a random time before anything else only where nobody watches and something is due', async () => {
    await startSandboxProcess(['--renewal-window', 'now'], env);
    const hooked = join(store, 'pre-hook-ran');
    await obtain('a.example.test', '--pre-hook', `touch ${hooked}`);
    const { unlinkSync, existsSync } = await import('node:fs');
    unlinkSync(hooked);
    const sleeping = quoin(['renew', '--path', store], env);
    await new Promise<void>((resolve) => {
      let text = '';
      sleeping.child.stderr!.on('data', (chunk: Buffer) => {
        text += chunk;
        if (/waiting \d+ s/u.test(text)) resolve();
      });
    });
    sleeping.child.kill('SIGINT');
    expect((await sleeping.finished).code).toBe(130);
    expect(existsSync(hooked)).toBe(false);
    // Nothing due: no pause.
    change('a.example.test', {
      ari: { ...stateOf('a.example.test').ari, chosen: '2099-01-01T00:00:00Z', askAgain: '2099-01-01T00:00:00Z' },
    });
    expect((await run(['renew'])).stdout).toContain('not due');
  });

  it('runs a deploy hook that failed again, until it succeeds, without another certificate', async () => {
    await startSandboxProcess([], env);
    const hook = join(store, '..', 'hook-works');
    const ended = await run(['run', ...SERVERS, '-d', 'a.example.test', '--json', '--deploy-hook', `test -e ${hook}`]);
    expect(ended.code).toBe(7);
    expect(JSON.parse(ended.stdout)).toMatchObject({ action: 'issued', error: { code: 'HOOK' } });
    const again = await run(['renew', '--json']);
    expect([again.code, JSON.parse(again.stdout).certificates[0]]).toMatchObject([7, { action: 'unchanged' }]);
    writeFileSync(hook, '');
    expect((await run(['renew'])).code).toBe(0);
    expect(stateOf('a.example.test').deploy).toBeUndefined();
    // Not once more.
    const quiet = await run(['renew']);
    expect([quiet.code, quiet.stderr.includes('deploy hook')]).toEqual([0, false]);
  });

  it('waits for a failure that a wrong clock noted no longer than for any other', async () => {
    await startSandboxProcess([], env);
    await obtain('a.example.test');
    await renew();
    const failure = { count: 1, code: 'ACME_UNAVAILABLE', exitCode: 3, message: 'down' };
    const { ari } = stateOf('a.example.test');
    const due = { ...ari, chosen: '2020-01-01T00:00:00Z' };
    const soon = new Date(Date.now() + HOUR_MS).toISOString();
    change('a.example.test', { ari: due, failure: { ...failure, at: new Date().toISOString(), notBefore: soon } });
    expect((await run(['renew', '--no-random-sleep'])).stdout).toContain('postponed a.example.test');
    change('a.example.test', {
      failure: { ...failure, at: '2099-01-01T00:00:00Z', notBefore: '2099-01-01T01:00:00Z' },
    });
    expect(actions(await renew())).toEqual({ 'a.example.test': 'renewed' });
  });

  it('waits for the time that the CA suggests, also when a timer cannot hold it', async () => {
    await startSandboxProcess(['--lifetime', '90d', '--renewal-window', '40d-50d'], env);
    await obtain('a.example.test');
    const args = ['renew', '--no-random-sleep', '--ari-wait-to-renew-duration', '60d', '--path', store];
    const waiting = quoin(args, env);
    await waiting.sees('when the CA suggests to renew');
    await new Promise((resolve) => setTimeout(resolve, 300));
    waiting.child.kill('SIGINT');
    const ended = await waiting.finished;
    expect([ended.code, ended.stderr]).toEqual([130, expect.not.stringMatching(/TimeoutOverflow|published/u)]);
  });

  it('renews with the same key where that was asked for, and with another one where not', async () => {
    await startSandboxProcess([], env);
    const key = () => readFileSync(join(store, 'certificates/a.example.test.key'), 'utf8');
    await obtain('a.example.test', '--reuse-key');
    const first = key();
    await renew('--renew-force');
    expect(key()).toBe(first);
    await obtain('a.example.test', '--renew-force');
    expect(key()).not.toBe(first);
  });

  it('loads no ACME package to find that nothing is due', async () => {
    await startSandboxProcess([], env);
    await obtain('a.example.test');
    await renew();
    const trace = traced();
    const ended = await run(['renew'], trace);
    expect(ended.stdout).toContain('1 certificate is not due');
    const loaded = loadedBy(trace);
    expect(loaded.length).toBeGreaterThan(0);
    for (const text of loaded)
      expect(/Pkcs10CertificateRequest|class AcmeClient|getPaginatedChain/u.test(text)).toBe(false);
  });
});

describeWith(['dig'], 'quoin renew, killed when the new certificate is in place', () => {
  it('owes the deploy hook, and the next run calls it', async () => {
    const env = ownPlaces();
    const store = join(newFolder(), 'store');
    const deployed = join(store, '..', 'deployed');
    await startSandboxProcess([], env);
    const run = (args: readonly string[], more: Record<string, string> = {}) =>
      quoin([...args, '--path', store], { ...env, ...more }).finished;
    const hook = `cp "$QUOIN_CERTIFICATE_PATH" ${deployed}`;
    expect(await run(['run', ...SERVERS, '-d', 'a.example.test', '--deploy-hook', hook])).toMatchObject({ code: 0 });
    const crt = join(store, 'certificates/a.example.test.crt');
    const first = readFileSync(crt, 'utf8');
    const kill = killedAtRemovalOf(join(store, 'writes/a.example.test.json'));
    const killed = await run(['renew', '--renew-force', '--no-random-sleep'], kill);
    expect(killed.signal).toBe('SIGKILL');
    expect(readFileSync(crt, 'utf8')).not.toBe(first);
    expect(readFileSync(deployed, 'utf8')).toBe(first);
    expect(await run(['renew'])).toMatchObject({ code: 0 });
    expect(readFileSync(deployed, 'utf8')).toBe(readFileSync(crt, 'utf8'));
  });
});

/** The last step of having a certificate's files in place is to remove the note that they are on their way. */
function killedAtRemovalOf(path: string): Record<string, string> {
  const preload = join(newFolder(), 'kill.mjs');
  writeFileSync(
    preload,
    `import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
const { rm } = fs;
fs.rm = async (path, ...more) => {
  if (path === ${JSON.stringify(path)} && existsSync(path)) process.kill(process.pid, 'SIGKILL');
  return rm(path, ...more);
};
syncBuiltinESMExports();
`,
  );
  return { NODE_OPTIONS: `--import=${preload}` };
}
