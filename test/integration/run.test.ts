import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  argsFor,
  bindEnv,
  countIn,
  describeWith,
  type Lab,
  type LabOptions,
  pairMatches,
  quoin,
  runArgs,
  startLab,
} from '../helpers/servers.ts';

const challenge = '_acme-challenge.example.test';
const newStore = () => mkdtempSync(join(tmpdir(), 'quoin-store-'));

async function within(options: LabOptions, run: (lab: Lab, store: string) => Promise<void>): Promise<void> {
  const lab = await startLab(options);
  const store = newStore();
  try {
    await run(lab, store);
  } finally {
    await lab.stop();
    rmSync(store, { recursive: true, force: true });
  }
}

describeWith(['pebble', 'named', 'dig', 'openssl'], 'quoin run with Pebble and BIND', () => {
  let lab: Lab;
  let store: string;
  beforeAll(async () => {
    lab = await startLab({
      zones: ['example.test', 'other.test'],
      records: [
        '_acme-challenge.www CNAME www-example.other.test.',
        '_acme-challenge.loop CNAME _acme-challenge.loop',
      ].join('\n'),
    });
  });
  afterAll(() => lab.stop());
  beforeEach(() => {
    store = newStore();
  });
  afterEach(() => {
    // Whatever happened: nothing of ours is left in DNS, and values of others are still there.
    expect(lab.txt(challenge)).toEqual(['someone-else']);
    rmSync(store, { recursive: true, force: true });
  });
  const run = (names: readonly string[], ...more: string[]) => quoin(runArgs(lab, store, names, ...more), bindEnv(lab));
  const issued = () => countIn(lab.pebbleLog(), 'Issued certificate serial');

  it('obtains a certificate for one name, and finds nothing due the second time', async () => {
    const first = await run(['example.test'], '--json').finished;
    expect([first.code, first.stderr.includes('error')]).toEqual([0, false]);
    expect(JSON.parse(first.stdout)).toMatchObject({ action: 'issued', certificate: { names: ['example.test'] } });
    expect(pairMatches(store, 'example.test')).toBe(true);
    expect(statSync(join(store, 'certificates/example.test.key')).mode & 0o777).toBe(0o600);
    const before = issued();
    const second = await run(['example.test'], '--json').finished;
    expect([second.code, JSON.parse(second.stdout).action, issued()]).toEqual([0, 'unchanged', before]);
  });

  it('renews when the names change', async () => {
    await run(['example.test']).finished;
    const changed = await run(['example.test', 'a.example.test'], '--json').finished;
    expect(JSON.parse(changed.stdout)).toMatchObject({
      action: 'renewed',
      certificate: { names: ['example.test', 'a.example.test'] },
    });
  });

  it('obtains apex and wildcard in one certificate, two values at one name', async () => {
    const { code, stderr } = await run(['*.example.test', 'example.test']).finished;
    expect([code, stderr.includes('published 2 TXT records')]).toEqual([0, true]);
    expect(readdirSync(join(store, 'certificates')).sort()).toEqual(
      ['_.example.test.crt', '_.example.test.issuer.crt', '_.example.test.json', '_.example.test.key'].sort(),
    );
    expect(pairMatches(store, '*.example.test')).toBe(true);
  });

  it('obtains 100 names in two zones', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `n${i}.${i % 2 ? 'example' : 'other'}.test`);
    const { code, stdout } = await run(names, '--json').finished;
    expect(code).toBe(0);
    expect([...JSON.parse(stdout).certificate.names].sort()).toEqual([...names].sort());
    expect(lab.txt('_acme-challenge.n1.example.test')).toEqual([]);
    expect(lab.txt('_acme-challenge.n2.other.test')).toEqual([]);
  });

  it('follows a CNAME into another zone', async () => {
    const running = run(['www.example.test'], '--debug');
    await running.sees('the CA is validating');
    const { code, stderr } = await running.finished;
    expect(code).toBe(0);
    expect(stderr).toContain('_acme-challenge.www.example.test → www-example.other.test');
    expect(lab.txt('www-example.other.test')).toEqual([]);
  });

  it('hands a program the challenge itself, in mode RAW of exec', async () => {
    const program = join(store, 'dns.sh');
    const { name, secret, algorithm } = lab.tsig;
    const script = [
      '#!/bin/sh -e',
      '# Is called: present|cleanup -- <domain> <token> <keyAuth>, and works the value out by itself (RFC 8555 section 8.4).',
      'action=$1 domain=$3 token=$4 keyAuth=$5',
      'case $keyAuth in "$token".*) ;; *) exit 3 ;; esac',
      'value=$(printf %s "$keyAuth" | openssl dgst -sha256 -binary | openssl base64 | tr +/ -_ | tr -d =)',
      'case $action in present) change="add _acme-challenge.$domain. 60" ;; *) change="delete _acme-challenge.$domain." ;; esac',
      `printf 'server 127.0.0.1 ${lab.dnsPort}\\nupdate %s TXT "%s"\\nsend\\n' "$change" "$value" |`,
      `  nsupdate -y ${algorithm}:${name}:${secret}`,
    ];
    writeFileSync(program, `${script.join('\n')}\n`, { mode: 0o700 });
    const env = { ...bindEnv(lab), EXEC_PATH: program, EXEC_MODE: 'RAW', EXEC_SEQUENCE_INTERVAL: '0' };
    const args = argsFor('exec', lab, store, ['example.test', '*.example.test']);
    const { code, stderr } = await quoin(args, env).finished;
    expect([code, stderr.match(/error.*/u)]).toEqual([0, null]);
    expect(pairMatches(store, 'example.test')).toBe(true);
  });

  it('says that CNAMEs run in a circle', async () => {
    const { code, stderr } = await run(['loop.example.test']).finished;
    expect([code, stderr.includes('run in a circle')]).toEqual([5, true]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('cleans up after %s, at every step', async (signal) => {
    const steps = ['order-plz', 'publishing 2', 'published 2', 'the CA is validating'];
    for (const step of steps) {
      const path = join(store, step.replaceAll(' ', '-'));
      const running = quoin(runArgs(lab, path, ['example.test', '*.example.test'], '--debug'), bindEnv(lab));
      await running.sees(step);
      running.child.kill(signal);
      const { code, stderr } = await running.finished;
      expect([step, code]).toEqual([step, signal === 'SIGINT' ? 130 : 143]);
      expect(stderr).toContain(`interrupted by ${signal}`);
      expect([step, lab.txt(challenge)]).toEqual([step, ['someone-else']]);
      expect(readdirSync(join(path, 'journal'))).toEqual([]);
    }
  });

  it('resumes after SIGKILL at every step: no TXT record is left, no second certificate ordered', async () => {
    for (const step of [
      'order-plz',
      'publishing 1',
      'published 1',
      'the CA is validating',
      'finalize-order',
      'certZ',
    ]) {
      const path = join(store, step.replaceAll(' ', '-'));
      const before = issued();
      const args = runArgs(lab, path, ['killed.example.test'], '--debug');
      const killed = quoin(args, bindEnv(lab));
      await killed.sees(step);
      killed.child.kill('SIGKILL');
      await killed.finished;
      const again = await quoin([...args, '--json'], bindEnv(lab)).finished;
      expect([step, again.code, again.stderr.match(/error.*/u)]).toEqual([step, 0, null]);
      expect([step, issued() - before]).toEqual([step, 1]);
      expect([step, lab.txt('_acme-challenge.killed.example.test')]).toEqual([step, []]);
      expect(pairMatches(path, 'killed.example.test')).toBe(true);
      expect(readdirSync(join(path, 'journal'))).toEqual([]);
      // What a process was about to write when it was killed lies about for ten minutes, and is then swept away.
      const orders = readdirSync(join(path, 'orders')).filter((file) => !file.endsWith('.tmp'));
      expect(orders).toEqual([]);
    }
  });

  it('cleans up what a killed run left, by quoin cleanup', async () => {
    const killed = run(['left.example.test'], '--debug');
    await killed.sees('published 1');
    killed.child.kill('SIGKILL');
    await killed.finished;
    expect(lab.txt('_acme-challenge.left.example.test')).toHaveLength(1);
    const args = ['cleanup', '--path', store, '--dns.resolvers', `127.0.0.1:${lab.dnsPort}`, '--json'];
    const cleaned = await quoin(args, bindEnv(lab)).finished;
    expect([cleaned.code, JSON.parse(cleaned.stdout)]).toEqual([0, { removed: 1, left: 0 }]);
    expect(lab.txt('_acme-challenge.left.example.test')).toEqual([]);
  });

  it('lets two runs at once make one account and one certificate', async () => {
    const before = issued();
    const results = await Promise.all([
      run(['example.test'], '--json').finished,
      run(['example.test'], '--json').finished,
    ]);
    expect(results.map(({ code }) => code)).toEqual([0, 0]);
    expect(results.map(({ stdout }) => JSON.parse(stdout).action).sort()).toEqual(['issued', 'unchanged']);
    expect(issued() - before).toBe(1);
  });

  it('registers one account for two certificates at once', async () => {
    const results = await Promise.all([run(['a.example.test']).finished, run(['b.example.test']).finished]);
    expect(results.map(({ code }) => code)).toEqual([0, 0]);
    expect(countIn(results.map(({ stderr }) => stderr).join(), 'registered account')).toBe(1);
  });

  it('keeps the old files when the disk is full', async () => {
    if (process.getuid?.() !== 0) {
      process.stderr.write('SKIPPED disk full: mounting a tmpfs needs root\n');
      return;
    }
    const disk = join(store, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]);
    try {
      const args = runArgs(lab, disk, ['full.example.test'], '--renew-force');
      expect((await quoin(args, bindEnv(lab)).finished).code).toBe(0);
      const old = readFileSync(join(disk, 'certificates/full.example.test.crt'), 'utf8');
      try {
        writeFileSync(join(disk, 'filler'), Buffer.alloc(1024 * 1024));
      } catch {
        // Full now, which is the point.
      }
      const before = issued();
      const { code, stderr } = await quoin(args, bindEnv(lab)).finished;
      expect([code, stderr.includes('no space left on the device'), issued()]).toEqual([6, true, before]);
      expect(readFileSync(join(disk, 'certificates/full.example.test.crt'), 'utf8')).toBe(old);
      expect(pairMatches(disk, 'full.example.test')).toBe(true);
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  it('names the variable when credentials are wrong or missing, and shows no secret', async () => {
    const wrong = 'd3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmctd3I=';
    const args = runArgs(lab, store, ['example.test'], '--debug');
    const refused = await quoin(args, { ...bindEnv(lab), RFC2136_TSIG_SECRET: wrong }).finished;
    expect([refused.code, refused.stderr.includes('check RFC2136_TSIG_SECRET')]).toEqual([4, true]);
    expect(refused.stderr + refused.stdout).not.toContain(wrong);
    const { RFC2136_NAMESERVER: _, ...missing } = bindEnv(lab);
    const unset = await quoin(args, missing).finished;
    expect([unset.code, unset.stderr.includes('RFC2136_NAMESERVER')]).toEqual([2, true]);
    const bad = await quoin(args, { ...bindEnv(lab), RFC2136_TTL: 'soon' }).finished;
    expect([bad.code, bad.stderr.includes('RFC2136_TTL')]).toEqual([2, true]);
    const json = await quoin([...args, '--json'], missing).finished;
    expect(JSON.parse(json.stdout)).toMatchObject({
      error: { code: 'CONFIG', hint: expect.stringContaining('dnshelp') },
    });
  });

  it('leaves a store that lego reads and renews from, with the same account', async () => {
    try {
      execFileSync('which', ['lego'], { stdio: 'ignore' });
    } catch {
      if (process.env.CI) throw new Error('lego must be installed in CI');
      process.stderr.write('SKIPPED lego: not installed\n');
      return;
    }
    expect((await run(['lego.example.test']).finished).code).toBe(0);
    const env = { ...process.env, ...bindEnv(lab), LEGO_CA_CERTIFICATES: lab.caFile };
    const lego = (...args: string[]) =>
      execFileSync('lego', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    expect(lego('--path', store, 'list')).toContain('Domains: lego.example.test');
    const account = readFileSync(
      join(store, `accounts/127.0.0.1_${new URL(lab.directoryUrl).port}/lab@example.test/account.json`),
      'utf8',
    );
    const before = issued();
    const accounts = countIn(lab.pebbleLog(), 'POST /sign-me-up');
    const common = [
      '--path',
      store,
      '--server',
      lab.directoryUrl,
      '--email',
      'lab@example.test',
      '--domains',
      'lego.example.test',
    ];
    lego(
      ...common,
      '--dns',
      'rfc2136',
      '--dns.resolvers',
      `127.0.0.1:${lab.dnsPort}`,
      '--dns.disable-cp',
      'renew',
      '--days',
      '9999',
      '--no-random-sleep',
    );
    expect([issued() - before, countIn(lab.pebbleLog(), 'POST /sign-me-up')]).toEqual([1, accounts]);
    expect(
      readFileSync(
        join(store, `accounts/127.0.0.1_${new URL(lab.directoryUrl).port}/lab@example.test/account.json`),
        'utf8',
      ),
    ).toBe(account);
    expect(pairMatches(store, 'lego.example.test')).toBe(true);
    expect(JSON.parse((await run(['lego.example.test'], '--json').finished).stdout).action).toBe('unchanged');
  });

  it('waits while the DNS server is silent, and goes on when it is back', async () => {
    const running = run(['slow.example.test'], '--debug');
    await running.sees('published 1');
    lab.dns.kill('SIGSTOP');
    await sleep(1500);
    lab.dns.kill('SIGCONT');
    expect((await running.finished).code).toBe(0);
  });
});

describeWith(['pebble', 'named', 'dig', 'openssl'], 'a CA with moods', () => {
  it.each([15, 50])('survives badNonce at %i %%', (nonceReject) =>
    within({ nonceReject }, async (lab, store) => {
      const { code, stderr } = await quoin(runArgs(lab, store, ['example.test', '*.example.test']), bindEnv(lab))
        .finished;
      expect([code, stderr.match(/error.*/u)]).toEqual([0, null]);
    }),
  );

  it('publishes nothing for authorizations that are valid already', () =>
    within({ authzReuse: 100 }, async (lab, store) => {
      await quoin(runArgs(lab, store, ['example.test']), bindEnv(lab)).finished;
      const again = await quoin(runArgs(lab, store, ['example.test'], '--renew-force'), bindEnv(lab)).finished;
      expect([again.code, again.stderr.includes('published')]).toEqual([0, false]);
    }));

  it('binds the account when the CA asks for it, and says what is missing or wrong', () =>
    within(
      { eab: { kid: 'kid-1', hmac: 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W' } },
      async (lab, store) => {
        const run = (...more: string[]) => quoin(runArgs(lab, store, ['example.test'], ...more), bindEnv(lab)).finished;
        const missing = await run();
        expect([missing.code, missing.stderr.includes('--kid and --hmac')]).toEqual([2, true]);
        const wrong = await run('--eab', '--kid', 'kid-1', '--hmac', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
        expect(wrong.code).toBe(3);
        const right = await run(
          '--eab',
          '--kid',
          'kid-1',
          '--hmac',
          'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W',
        );
        expect([right.code, right.stderr.match(/error.*/u)]).toEqual([0, null]);
      },
    ));
});
