import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { newFolder } from '../helpers/child.ts';
import { ownPlaces, startSandboxProcess } from '../helpers/sandbox.ts';
import { bindEnv, describeWith, type Finished, pairMatches, quoin, runArgs, startLab } from '../helpers/servers.ts';

const HMAC = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';
const EAB = `kid-1:${HMAC}`;
const NAMES = ['-d', 'example.test', '-d', '*.example.test'];
let places: Record<string, string>;
let store: string;
beforeEach(() => {
  places = ownPlaces();
  store = join(newFolder(), 'store');
});

/** `quoin sandbox FLAGS -- COMMAND`, in a folder of its own, with nothing in its environment but PATH. */
const around = (flags: readonly string[], command: readonly string[], env: Record<string, string> = {}) =>
  quoin(['sandbox', ...flags, '--', ...command], { ...places, ...env }, newFolder());
const run = (...more: string[]) => ['quoin', 'run', '--path', store, '--json', ...more];
const shell = (script: string) => ['sh', '-euc', script];
const actionOf = ({ stdout }: Finished): string => JSON.parse(stdout).action;
const certificate = (name: string) => new X509Certificate(readFileSync(join(store, `certificates/${name}.crt`)));
const isOpen = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.once('error', () => resolve(false)).once('connect', () => socket.destroy());
  });
const portOf = (url: string) => Number(new URL(url).port);

describe('quoin sandbox -- command', () => {
  it('gives a certificate on disk with one line and nothing else', async () => {
    const folder = newFolder();
    const { code, stdout, stderr } = await quoin(['sandbox', '--', 'quoin', 'run', ...NAMES], places, folder).finished;
    expect([code, stderr.match(/error.*/u)]).toEqual([0, null]);
    expect(stderr).toContain('never for production');
    expect(stdout).toContain('issued example.test, *.example.test');
    store = join(folder, '.quoin');
    expect(pairMatches(store, 'example.test')).toBe(true);
    const leaf = certificate('example.test');
    expect(leaf.subjectAltName).toBe('DNS:example.test, DNS:*.example.test');
    expect(leaf.issuer).toMatch(/test/iu); // Whoever looks at it sees what it is.
    expect(readdirSync(places.TMPDIR!)).toEqual([]);
  });

  it('hands out the root that the certificate leads to, and facts for any client', async () => {
    const folder = newFolder();
    const script = `quoin run --path "$0" ${NAMES.map((word) => `'${word}'`).join(' ')}
      openssl verify -CAfile "$QUOIN_SANDBOX_ROOT" -untrusted "$0/certificates/example.test.issuer.crt" "$0/certificates/example.test.crt"
      curl --silent --fail --cacert "$QUOIN_SANDBOX_ROOT" "$QUOIN_SANDBOX_DIRECTORY"
      dig +short -p "\${QUOIN_SANDBOX_DNS#*:}" "@\${QUOIN_SANDBOX_DNS%:*}" ns.example.test`;
    const { code, stdout, stderr } = await around([], [...shell(script), folder]).finished;
    expect([code, stderr.match(/error.*/u)]).toEqual([0, null]);
    expect(stdout).toContain('example.test.crt: OK');
    expect(stdout).toContain('"newOrder"');
    expect(stdout).toContain('127.0.0.1\n');
  });

  it('finds nothing due at the second run', async () => {
    const { code, stdout } = await around(
      [],
      [...shell(`quoin run --path "$0" "$@" >/dev/null; quoin run --path "$0" --json "$@"`), store, ...NAMES],
    ).finished;
    expect([code, JSON.parse(stdout).action]).toEqual([0, 'unchanged']);
  });

  it('is waited for when the DNS server lags behind', async () => {
    const begin = performance.now();
    const ended = await around(['--propagation', '2s'], run(...NAMES, '--debug')).finished;
    expect([ended.code, actionOf(ended)]).toEqual([0, 'issued']);
    expect(performance.now() - begin).toBeGreaterThan(2000);
    expect(ended.stderr).toContain('lack the TXT record');
  });

  it('is survived with all its noise', async () => {
    const noise = ['--nonce-reject', '40', '--fail', '503:0.15', '--processing', '1s', '--retry-after', '1'];
    const ended = await around([...noise, '--delay', '20ms'], run(...NAMES, '-d', 'a.b.example.test')).finished;
    expect([ended.code, ended.stderr.match(/error.*/u)]).toEqual([0, null]);
    expect(actionOf(ended)).toBe('issued');
  });

  it('fails as a CA does that is out of order', async () => {
    const { code, stderr } = await around(['--fail', '503:1'], run('--max-wait', '1s', ...NAMES)).finished;
    // As a problem document or as a page of HTML, by chance.
    expect([code, /a failure, as was asked for|answered 503/u.test(stderr)]).toEqual([3, true]);
  });

  it('issues for the lifetime that was asked for, in the zones that were', async () => {
    const flags = ['--lifetime', '2h', '--zone', 'a.test,b.example', '--zone', 'C.invalid'];
    const ended = await around(flags, run('-d', 'www.a.test', '-d', 'b.example', '-d', '*.c.invalid')).finished;
    expect([ended.code, ended.stderr.match(/error.*/u)]).toEqual([0, null]);
    const { validFrom, validTo } = certificate('www.a.test');
    expect(Date.parse(validTo) - Date.parse(validFrom)).toBeLessThan(3 * 3_600_000);
  });

  it('binds accounts, and hands out what is needed for it', async () => {
    expect(actionOf(await around(['--eab', EAB], run(...NAMES)).finished)).toBe('issued');
    store = join(newFolder(), 'other');
    const unbound = ['env', '-u', 'QUOIN_EAB', '-u', 'QUOIN_EAB_KID', '-u', 'QUOIN_EAB_HMAC'];
    const lego = ['-u', 'LEGO_EAB', '-u', 'LEGO_EAB_KID', '-u', 'LEGO_EAB_HMAC'];
    const missing = await around(['--eab', EAB], [...unbound, ...lego, ...run(...NAMES)]).finished;
    expect([missing.code, missing.stderr.includes('--kid and --hmac')]).toEqual([2, true]);
    const wrong = await around(['--eab', EAB], run('--hmac', 'A'.repeat(43), ...NAMES)).finished;
    expect(wrong.code).toBe(3);
  });

  it('ends with the exit code of the command', async () => {
    expect((await around([], shell('exit 7')).finished).code).toBe(7);
    expect((await around([], shell('kill -KILL $$')).finished).code).toBe(137);
    const missing = await around([], ['no-such-program-here']).finished;
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('cannot run no-such-program-here')]);
    expect(readdirSync(places.TMPDIR!)).toEqual([]);
  });

  it('hands a signal on, waits for the command to clean up, and closes everything', async () => {
    const script = `trap 'echo "cleaned up" >&2; exit 5' TERM; echo "$QUOIN_SANDBOX_DIRECTORY is up" >&2; while :; do sleep 0.1; done`;
    const running = around([], shell(script));
    await running.sees('is up');
    running.child.kill('SIGTERM');
    const { code, stderr } = await running.finished;
    expect([code, stderr.includes('cleaned up')]).toEqual([5, true]);
    const url = /(https:\S+) is up/u.exec(stderr)?.[1] ?? '';
    expect(await isOpen(portOf(url))).toBe(false);
    expect(readdirSync(places.TMPDIR!)).toEqual([]);
  });

  it('lets an interrupted run remove its TXT records', async () => {
    const running = around(['--propagation', '1h'], run(...NAMES, '--debug'));
    await running.sees('published 2');
    running.child.kill('SIGINT');
    const { code, stderr } = await running.finished;
    expect([code, stderr.includes('removed 2 TXT records')]).toEqual([130, true]);
  });

  it('passes words on as they are, and does not need the --', async () => {
    const ended = await around([], ['printf', '%s|', 'a b', '--zone', '$HOME', '-d', "it's"]).finished;
    expect(ended.stdout).toBe("a b|--zone|$HOME|-d|it's|");
    const bare = await quoin(['sandbox', '-q', 'printf', '%s', '--debug'], places).finished;
    expect([bare.code, bare.stdout, bare.stderr]).toEqual([0, '--debug', '']);
  });

  it('asks another DNS server when it is told to', async () => {
    const other = await startSandboxProcess(['--zone', 'other.test']);
    const rfc2136 = Object.fromEntries(Object.entries(other.environment).filter(([name]) => /RFC2136|DNS/u.test(name)));
    const ended = await around(['--dns-server', `127.0.0.1:${other.dns.port}`], run('-d', 'other.test'), rfc2136)
      .finished;
    expect([ended.code, actionOf(ended)]).toEqual([0, 'issued']);
  });

  it.each([
    [['--zone', 'example.com'], 'may belong to somebody'],
    [['--zone', 'a..test'], 'is no zone name'],
    [['--port', '70000'], '--port 70000'],
    [['--eab', 'kid'], 'kid:hmac'],
    [['--fail', '200:1'], '--fail 200:1'],
    [['--nonce-reject', '101'], '--nonce-reject 101'],
    [['--renewal-window', '9d-3d'], 'ends before it begins'],
    [['--lifetime', 'long'], '--lifetime long'],
    [['--dns-server', '127.0.0.1:53', '--zone', 'a.test'], '--dns-server does not go together'],
  ])('refuses %j before anything is started', async (flags, words) => {
    const { code, stdout, stderr } = await around(flags, ['echo', 'ran']).finished;
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(words);
  });
});

describe('quoin sandbox', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('runs until %s, which is a good end, and leaves nothing', async (signal) => {
    const sandbox = await startSandboxProcess([], places);
    expect(statSync(join(places.XDG_RUNTIME_DIR!, 'quoin-sandbox', `${sandbox.pid}.json`)).mode & 0o777).toBe(0o600);
    expect([await isOpen(portOf(sandbox.directory)), await isOpen(sandbox.dns.port)]).toEqual([true, true]);
    const { code, stderr } = await sandbox.stop(signal);
    expect([code, stderr.match(/error.*/u)]).toEqual([0, null]);
    expect([await isOpen(portOf(sandbox.directory)), await isOpen(sandbox.dns.port)]).toEqual([false, false]);
    expect([existsSync(sandbox.root), readdirSync(join(places.XDG_RUNTIME_DIR!, 'quoin-sandbox'))]).toEqual([
      false,
      [],
    ]);
  });

  it('prints a banner with lines that a shell takes, and says what it is', async () => {
    const running = quoin(['sandbox', '--zone', 'my.test', '--quiet'], places);
    const banner = await new Promise<string>((resolve) => {
      let text = '';
      running.child.stdout!.on('data', (chunk: Buffer) => {
        text += chunk;
        if (text.includes('Ctrl-C')) resolve(text);
      });
    });
    expect(banner).toMatch(/^This is a test CA.*Never use it/u);
    expect(banner).toContain("quoin run --server sandbox --dns sandbox -d my.test -d '*.my.test'");
    const exports = banner.split('\n').filter((line) => line.startsWith('  export '));
    const script = [...exports, `quoin run --path "$0" --json -d my.test`].join('\n');
    const bin = newFolder();
    execFileSync('ln', ['-s', join(process.cwd(), 'bin/quoin.js'), join(bin, 'quoin')]);
    const env = { PATH: `${bin}:${process.env.PATH}` };
    const out = execFileSync('sh', ['-euc', script, store], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(JSON.parse(out).action).toBe('issued');
    running.child.kill('SIGINT');
    expect((await running.finished).code).toBe(0);
  });

  it('goes on after a restart with --state: same address, same root, same accounts', async () => {
    const state = join(newFolder(), 'state');
    const first = await startSandboxProcess(['--state', state]);
    const args = (...more: string[]) => ['run', '--path', store, '--json', ...NAMES, ...more];
    expect(actionOf(await quoin(args(), first.environment).finished)).toBe('issued');
    const root = readFileSync(first.root, 'utf8');
    await first.stop();
    const second = await startSandboxProcess(['--state', state]);
    expect([second.environment, readFileSync(second.root, 'utf8')]).toEqual([first.environment, root]);
    expect(actionOf(await quoin(args(), second.environment).finished)).toBe('unchanged');
    const forced = await quoin(args('--renew-force'), second.environment).finished;
    expect([forced.code, actionOf(forced), forced.stderr.includes('registered account')]).toEqual([
      0,
      'renewed',
      false,
    ]);
    for (const file of readdirSync(state, { recursive: true, encoding: 'utf8' }))
      if (!statSync(join(state, file)).isDirectory() && file !== 'root.pem')
        expect([file, statSync(join(state, file)).mode & 0o077]).toEqual([file, 0]);
  });

  it('says that a port is taken, for both', async () => {
    const first = await startSandboxProcess();
    const ports = [
      ['--port', String(portOf(first.directory))],
      ['--dns-port', String(first.dns.port)],
    ] as const;
    for (const [flag, port] of ports) {
      const { code, stderr } = await quoin(['sandbox', flag, port], places).finished;
      expect([flag, code, stderr.includes(`${port} of 127.0.0.1 is in use`) || stderr]).toEqual([flag, 2, true]);
    }
  });
});

describe('--server sandbox --dns sandbox', () => {
  const args = (...more: string[]) => [
    'run',
    '--server',
    'sandbox',
    '--dns',
    'sandbox',
    '--path',
    store,
    '--json',
    ...more,
    ...NAMES,
  ];

  it('finds the one that runs in another terminal, and renews with it', async () => {
    const sandbox = await startSandboxProcess(['--eab', EAB], places);
    // Settings for other servers must not get in the way.
    const elsewhere = { QUOIN_DNS_RESOLVERS: '127.0.0.1:1', RFC2136_NAMESERVER: '127.0.0.1:1', RFC2136_TSIG_KEY: 'x' };
    expect(actionOf(await quoin(args(), { ...places, ...elsewhere }).finished)).toBe('issued');
    expect(actionOf(await quoin(args('--renew-force'), places).finished)).toBe('renewed');
    expect(sandbox.txt('_acme-challenge.example.test')).toEqual([]);
    const byEnvironment = { QUOIN_SERVER: 'sandbox', QUOIN_DNS: 'sandbox', QUOIN_PATH: store, QUOIN_JSON: '1' };
    expect(actionOf(await quoin(['run', ...NAMES], { ...places, ...byEnvironment }).finished)).toBe('unchanged');
  });

  it('is the own one below quoin sandbox -- command, whatever else runs', async () => {
    await startSandboxProcess(['--zone', 'other.test'], places);
    await startSandboxProcess(['--zone', 'other.test'], places);
    const ended = await around([], ['quoin', ...args()]).finished;
    expect([ended.code, actionOf(ended)]).toEqual([0, 'issued']);
  });

  it('cleans up what a killed run left', async () => {
    const sandbox = await startSandboxProcess(['--processing', '10m'], places);
    const killed = quoin(args('--debug'), places);
    await killed.sees('the CA is validating');
    killed.child.kill('SIGKILL');
    await killed.finished;
    expect(sandbox.txt('_acme-challenge.example.test').length).toBe(2);
    const cleaned = await quoin(['cleanup', '--dns', 'sandbox', '--path', store, '--json'], places).finished;
    expect(JSON.parse(cleaned.stdout)).toEqual({ removed: 2, left: 0 });
    expect(sandbox.txt('_acme-challenge.example.test')).toEqual([]);
  });

  it('says that none is running, that it has died, or that there are two', async () => {
    const none = await quoin(args(), places).finished;
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('no sandbox is running\n  → start one')]);
    const dead = await startSandboxProcess([], places);
    await dead.stop('SIGKILL');
    const died = await quoin(args(), places).finished;
    expect([died.code, died.stderr]).toEqual([
      2,
      expect.stringContaining(`process ${dead.pid}, in which one ran, has`),
    ]);
    const [a, b] = [await startSandboxProcess([], places), await startSandboxProcess([], places)];
    const { code, stderr } = await quoin(args(), places).finished;
    expect([code, stderr.includes(a.directory), stderr.includes(b.directory)]).toEqual([2, true, true]);
  });

  it('takes no description that others could have written', async () => {
    await startSandboxProcess([], places);
    execFileSync('chmod', ['777', join(places.XDG_RUNTIME_DIR!, 'quoin-sandbox')]);
    const { code, stderr } = await quoin(args(), places).finished;
    expect([code, stderr.includes('no sandbox is running')]).toEqual([2, true]);
  });

  it('says what is missing when the sandbox has no DNS server', async () => {
    await startSandboxProcess(['--dns-server', '127.0.0.1:53'], places);
    const { code, stderr } = await quoin(args(), places).finished;
    expect([code, stderr.includes('no DNS server of its own')]).toEqual([2, true]);
  });
});

describeWith(['pebble', 'named', 'dig'], 'the same run on Pebble and on the sandbox', () => {
  const wrong = { RFC2136_TSIG_SECRET: Buffer.alloc(32).toString('base64') };
  const bound = ['--eab', '--kid', 'kid-1', '--hmac', HMAC];
  const three = ['-d', 'a.example.test', '-d', 'b.example.test', '-d', 'c.d.example.test'];

  it.each([
    ['apex and wildcard', NAMES, {}, false],
    ['three names', three, {}, false],
    ['a name of no zone', ['-d', 'example.invalid'], {}, false],
    ['wrong credentials', NAMES, wrong, false],
    ['no binding where it is needed', NAMES, {}, true],
    ['a wrong binding', [...NAMES, ...bound.slice(0, -1), 'A'.repeat(43)], {}, true],
    ['a binding', [...NAMES, ...bound], {}, true],
    ['an unknown profile', [...NAMES, '--profile', 'no-such-profile'], {}, false],
    ['an RSA key', [...NAMES, '--key-type', 'rsa2048'], {}, false],
  ])('%s', async (_, args, env, eab) => {
    const lab = await startLab(eab ? { eab: { kid: 'kid-1', hmac: HMAC } } : {});
    const sandbox = await startSandboxProcess(eab ? ['--eab', EAB] : [], places);
    const outcome = ({ code, stdout }: Finished) => {
      const { action, certificate: issued, error } = JSON.parse(stdout);
      return { code, action, names: issued?.names, error: error?.code };
    };
    try {
      const [pebbleStore, ourStore] = [join(store, 'pebble'), join(store, 'sandbox')];
      for (const folder of [pebbleStore, ourStore]) mkdirSync(folder, { recursive: true });
      const onPebble = await quoin(runArgs(lab, pebbleStore, [], '--json', ...args), { ...bindEnv(lab), ...env })
        .finished;
      const { QUOIN_EAB: _a, QUOIN_EAB_KID: _b, QUOIN_EAB_HMAC: _c, ...unbound } = sandbox.environment;
      const { LEGO_EAB: _d, LEGO_EAB_KID: _e, LEGO_EAB_HMAC: _f, ...facts } = unbound;
      const email = ['--email', 'lab@example.test'];
      const ourArgs = ['run', '--path', ourStore, '--json', ...email, ...args];
      const onSandbox = await quoin(ourArgs, { ...facts, ...env }).finished;
      expect(outcome(onSandbox)).toEqual(outcome(onPebble));
    } finally {
      await lab.stop();
    }
  });
});
