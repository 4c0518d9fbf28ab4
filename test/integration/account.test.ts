import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startAcmeProxy } from '../helpers/acme-proxy.ts';
import { newFolder } from '../helpers/child.ts';
import { ownPlaces, type SandboxProcess, startSandboxProcess } from '../helpers/sandbox.ts';
import { bindEnv, describeWith, type Finished, type Lab, quoin, runArgs, startLab } from '../helpers/servers.ts';
import { makeCa } from '../helpers/tls.ts';
import { startVendorProxy } from '../helpers/vendor-proxy.ts';

const NAME = 'example.test';
const ME = 'me@example.test';
let store: string;
beforeEach(() => {
  store = join(newFolder(), 'store');
});
const answer = ({ stdout }: Finished) => JSON.parse(stdout);
/** The only host's folder of accounts. */
const accounts = () => join(store, 'accounts', readdirSync(join(store, 'accounts'))[0] ?? '');
const keyOf = (id: string) => readFileSync(join(accounts(), id, `${id}.key`), 'utf8');
const recordOf = (id: string) => JSON.parse(readFileSync(join(accounts(), id, 'account.json'), 'utf8'));

describe('quoin account with the sandbox', () => {
  let sandbox: SandboxProcess;
  let env: Record<string, string>;
  beforeEach(async () => {
    sandbox = await startSandboxProcess(['--state', join(newFolder(), 'state')], ownPlaces());
    const { QUOIN_EMAIL: _, ...rest } = sandbox.environment;
    env = { ...rest, QUOIN_PATH: store };
  });
  const account = (action: string, ...argv: string[]) =>
    quoin(['account', action, '--json', '--max-wait', '0s', ...argv], env).finished;
  const run = (...argv: string[]) => quoin(['run', '-d', NAME, '--json', '--renew-force', ...argv], env).finished;
  const register = async (...argv: string[]) => answer(await account('register', '-m', ME, ...argv)).account;

  it('registers once, and runs use that account', async () => {
    const first = await account('register', '-m', ME, '--account-key-type', 'ec384');
    expect([first.code, answer(first)]).toMatchObject([
      0,
      {
        action: 'registered',
        account: { id: ME, email: ME, status: 'valid', contact: [`mailto:${ME}`], keyType: 'ec384' },
      },
    ]);
    const again = await account('register', '-m', ME);
    expect([again.code, answer(again)]).toEqual([0, { action: 'unchanged', account: answer(first).account }]);
    expect((await run('-m', ME)).code).toBe(0);
    expect(readdirSync(accounts())).toEqual([ME]);
    expect((await quoin(['account', 'register', '-m', ME], env).finished).stdout).toContain(
      `already registered: account ${ME}`,
    );
  });

  it('lists what is in the store, asking nobody', async () => {
    const { url } = await register();
    await account('register', '-m', 'you@example.test', '--account-id', 'second');
    mkdirSync(join(accounts(), 'broken'));
    writeFileSync(join(accounts(), 'broken/account.json'), '{');
    await sandbox.stop();
    const ended = await account('list');
    expect([ended.code, answer(ended)]).toMatchObject([
      6,
      {
        accounts: [
          {
            id: ME,
            server: sandbox.directory,
            url,
            status: 'valid',
            paths: { account: join(accounts(), ME, 'account.json') },
          },
          { id: 'second', email: 'you@example.test' },
        ],
        problems: [{ message: expect.stringContaining('broken/account.json is damaged') }],
      },
    ]);
    expect(ended.stdout).not.toMatch(/PRIVATE KEY/u);
    expect((await quoin(['accounts', 'list'], env).finished).stdout).toContain(`\n  URL       ${url}\n`);
  });

  it('finds the account without -m where there is one, and asks for a name where there are several', async () => {
    expect(answer(await account('show')).error).toMatchObject({
      code: 'CONFIG',
      hint: expect.stringContaining('quoin account register'),
    });
    const { url } = await register();
    expect(answer(await account('show')).account.url).toBe(url);
    await account('register', '-m', 'you@example.test');
    const several = await account('show');
    expect([several.code, answer(several).error]).toMatchObject([2, { accounts: [ME, 'you@example.test'] }]);
    expect(answer(await account('show', '-m', ME)).account.url).toBe(url);
    expect(answer(await account('show', '-m', 'nobody@example.test')).error.hint).toContain(`there are ${ME}`);
  });

  it('changes the address at the CA and in the store, and goes on finding the account by both', async () => {
    const { url } = await register();
    const changed = await account('update', '-m', 'new@example.test');
    expect([changed.code, answer(changed)]).toMatchObject([
      0,
      { action: 'updated', account: { id: ME, email: 'new@example.test', contact: ['mailto:new@example.test'], url } },
    ]);
    expect(answer(await account('show')).account.contact).toEqual(['mailto:new@example.test']);
    for (const email of [ME, 'new@example.test']) {
      expect((await run('-m', email)).code).toBe(0);
      expect(answer(await account('show', '-m', email)).account.url).toBe(url);
    }
    expect(readdirSync(accounts())).toEqual([ME]);
    const refused = await account('update', '-m', 'no address');
    expect([refused.code, answer(refused).error.code, recordOf(ME).email]).toEqual([
      3,
      'ACME_INVALID_CONTACT',
      'new@example.test',
    ]);
    expect(answer(await account('update', '-m', '')).account.contact).toEqual([]);
    expect(answer(await account('update'))).toMatchObject({ error: { code: 'CONFIG' } });
  });

  it('gives the account a new key, or one of the user', async () => {
    const { thumbprint, url } = await register();
    const old = keyOf(ME);
    const changed = await account('rollover', '--account-key-type', 'rsa2048');
    expect([changed.code, answer(changed)]).toMatchObject([
      0,
      { action: 'keyChanged', account: { url, keyType: 'rsa2048' } },
    ]);
    expect(answer(changed).account.thumbprint).not.toBe(thumbprint);
    expect(keyOf(ME)).not.toBe(old);
    expect((await run('-m', ME)).code).toBe(0);
    const file = join(newFolder(), 'mine.pem');
    execFileSync('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384', '-out', file]);
    // lego 5 has these words for it.
    const mine = await quoin(['accounts', 'keyrollover', '--json', '--private-key', file], env).finished;
    expect([mine.code, answer(mine).account.keyType]).toEqual([0, 'ec384']);
    expect(answer(await account('show')).account).toMatchObject({ url, status: 'valid', keyType: 'ec384' });
  });

  it.each(['ec384', 'rsa2048'])('obtains a certificate with an account key of type %s', async (type) => {
    expect(await register('--account-key-type', type)).toMatchObject({ keyType: type });
    expect((await run('-m', ME)).code).toBe(0);
  });

  it('recovers the account of a key: on another machine, and when account.json is lost or damaged', async () => {
    const { url, thumbprint } = await register();
    const key = join(accounts(), ME, `${ME}.key`);
    rmSync(join(accounts(), ME, 'account.json'));
    expect(answer(await account('show')).error.hint).toContain('quoin account recover');
    const back = await account('recover');
    expect([back.code, answer(back)]).toMatchObject([0, { action: 'recovered', account: { id: ME, email: ME, url } }]);

    const elsewhere = { ...env, QUOIN_PATH: join(newFolder(), 'other') };
    const argv = ['account', 'recover', '--json', '--account-key', key];
    const found = await quoin(argv, elsewhere).finished;
    expect([found.code, answer(found).account]).toMatchObject([0, { id: ME, url, thumbprint }]);
    expect((await quoin(['run', '-d', NAME, '-m', ME, '--json'], elsewhere).finished).code).toBe(0);

    writeFileSync(join(accounts(), ME, 'account.json'), '{"id"');
    expect(answer(await account('show')).error).toMatchObject({
      code: 'STORAGE',
      hint: expect.stringContaining('quoin account recover'),
    });
  });

  it('does not recover a key that the CA does not know, nor over another account', async () => {
    await register();
    const file = join(newFolder(), 'mine.pem');
    execFileSync('openssl', ['genrsa', '-traditional', '-out', file, '2048'], { stdio: 'ignore' });
    const unknown = await account('recover', '--account-key', file);
    expect([unknown.code, answer(unknown).error.code]).toEqual([3, 'ACME_ACCOUNT_DOES_NOT_EXIST']);
    const second = await account('register', '-m', ME, '--account-id', 'second', '--account-key', file);
    expect([second.code, answer(second).account.keyType]).toEqual([0, 'rsa2048']);
    const over = await account('recover', '--account-key', file, '--account-id', ME);
    expect([over.code, answer(over).error.message]).toEqual([2, expect.stringContaining(`another account ${ME}`)]);
    expect(answer(await account('register', '-m', ME, '--account-key', file)).error.hint).toContain('account rollover');
    expect(answer(await account('recover', '--account-key', join(store, 'no.pem'))).error.message).toContain('ENOENT');
  });

  it('deactivates when it is sure, and says what is the matter afterwards', async () => {
    const { url } = await register();
    const asked = await account('deactivate');
    expect([asked.code, answer(asked).error.hint, recordOf(ME).registration.status]).toEqual([
      2,
      'pass --yes to do it',
      'valid',
    ]);
    const ended = await account('deactivate', '--yes');
    expect([ended.code, answer(ended)]).toMatchObject([
      0,
      { action: 'deactivated', account: { url, status: 'deactivated' } },
    ]);
    expect(answer(await account('deactivate', '--yes')).action).toBe('alreadyDeactivated');
    const refused = await run('-m', ME);
    expect([refused.code, answer(refused).error ?? answer(refused).certificates?.[0]?.error]).toMatchObject([
      2,
      {
        code: 'CONFIG',
        message: expect.stringContaining(`account ${ME}`),
        hint: expect.stringContaining('account register'),
      },
    ]);
    expect(answer(await account('show')).account.status).toBe('deactivated');
    // What is missing for the new one is said before the old one goes.
    const unsure = await quoin(['account', 'register', '-m', ME, '--json'], { ...env, QUOIN_ACCEPT_TOS: 'false' })
      .finished;
    expect([unsure.code, existsSync(join(store, 'archives'))]).toEqual([2, false]);
    const another = answer(await account('register', '-m', ME));
    expect(another).toMatchObject({ action: 'registered', account: { id: ME, status: 'valid' } });
    expect(another.account.url).not.toBe(url);
    expect(existsSync(join(another.archived, `${ME}.key`))).toBe(true);
    expect((await run('-m', ME)).code).toBe(0);
  });

  it('learns from the CA that an account was deactivated elsewhere', async () => {
    await register();
    const copy = join(newFolder(), 'copy');
    execFileSync('cp', ['-r', store, copy]);
    await quoin(['account', 'deactivate', '--yes'], { ...env, QUOIN_PATH: copy }).finished;
    const refused = await run('-m', ME);
    expect([refused.code, refused.stdout]).toEqual([3, expect.stringContaining('quoin account show')]);
    const ended = await account('deactivate', '--yes');
    expect([ended.code, answer(ended).action, recordOf(ME).registration.status]).toEqual([
      0,
      'alreadyDeactivated',
      'deactivated',
    ]);
  });

  it.each([
    ['Enter', '\r', 0, 'deactivated'],
    ['Ctrl-C', '\u0003', 130, 'valid'],
  ])('asks at a terminal, and takes %s for an answer', async (_, typed, code, status) => {
    await register();
    const program = fileURLToPath(new URL('../../bin/quoin.js', import.meta.url));
    // The shell that runs it gets the Ctrl-C too, and goes on.
    const command = `trap : INT; '${process.execPath}' '${program}' account deactivate; echo "exit code $?"`;
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { PATH: process.env.PATH, TERM: 'xterm', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let said = '';
    let isAsked = false;
    child.stdout.on('data', (chunk) => {
      said += chunk;
      if (!isAsked && said.includes('press Enter')) {
        isAsked = true;
        child.stdin.write(typed);
      }
    });
    await new Promise((resolve) => child.once('close', resolve));
    expect([said.match(/exit code \d+/u)?.[0], recordOf(ME).registration.status]).toEqual([
      `exit code ${code}`,
      status,
    ]);
  });

  it('registers with an account that the CA has forgotten, with the same key', async () => {
    const { thumbprint } = await register();
    await sandbox.stop();
    const port = new URL(sandbox.directory).port;
    // With another state: a CA that was reset.
    sandbox = await startSandboxProcess(['--port', port], ownPlaces());
    const { QUOIN_EMAIL: _, ...rest } = sandbox.environment;
    env = { ...rest, QUOIN_PATH: store };
    const shown = await account('show');
    expect([shown.code, answer(shown).error]).toMatchObject([
      3,
      { code: 'ACME_ACCOUNT_DOES_NOT_EXIST', hint: expect.stringContaining('quoin account register') },
    ]);
    const failed = await run('-m', ME);
    expect([failed.code, failed.stdout]).toEqual([3, expect.stringContaining('quoin account register')]);
    const again = answer(await account('register', '-m', ME));
    expect(again).toMatchObject({ action: 'registered', account: { thumbprint } });
    expect((await run('-m', ME)).code).toBe(0);
  });
});

describeWith(['pebble', 'named', 'dig', 'openssl'], 'quoin account with Pebble', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab();
  });
  afterAll(() => lab.stop());
  const argvFor = (action: string, server: string, ...argv: string[]) => [
    ...['account', action, '--json', '--path', store, '--server', server, '--ca-certificates', lab.caFile],
    ...['--accept-tos', '--max-wait', '0s', ...argv],
  ];
  const account = (action: string, ...argv: string[]) => quoin(argvFor(action, lab.directoryUrl, ...argv), {}).finished;
  const run = (name: string) => quoin(runArgs(lab, store, [name]), bindEnv(lab)).finished;
  const email = 'lab@example.test'; // Of runArgs.

  it('goes through the life of an account', async () => {
    const registered = answer(await account('register', '-m', email, '--account-key-type', 'rsa2048'));
    expect(registered).toMatchObject({ action: 'registered', account: { keyType: 'rsa2048' } });
    const { url } = registered.account;
    expect(answer(await account('rollover'))).toMatchObject({
      action: 'keyChanged',
      account: { url, keyType: 'ec256' },
    });
    expect(answer(await account('update', '-m', 'new@example.test')).account.contact).toEqual([
      'mailto:new@example.test',
    ]);
    expect((await run(`life.${NAME}`)).code).toBe(0);
    renameSync(join(accounts(), email, 'account.json'), join(store, 'gone.json'));
    expect(answer(await account('recover')).account).toMatchObject({ id: email, url, status: 'valid' });
    expect(answer(await account('deactivate', '--yes'))).toMatchObject({ action: 'deactivated', account: { url } });
    expect(await run(`life.${NAME}`)).toMatchObject({ code: 0 });
    const refused = await quoin(runArgs(lab, store, [`other.${NAME}`]), bindEnv(lab)).finished;
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('is deactivated')]);
    // The same, when only the CA knows.
    writeFileSync(
      join(accounts(), email, 'account.json'),
      JSON.stringify({
        ...recordOf(email),
        registration: { ...recordOf(email).registration, body: { status: 'valid' } },
      }),
    );
    expect(answer(await account('show')).account.status).toBe('deactivated');
    expect(recordOf(email).registration.body.status).toBe('deactivated');
  });

  const lego = spawnSync('lego', ['--version']).status === 0;
  (lego ? it : it.skip)(
    'leaves an account that lego uses, after a rollover and with another address',
    async () => {
      await account('register', '-m', email);
      await account('rollover', '--account-key-type', 'ec384');
      await account('update', '-m', 'new@example.test');
      const { url } = answer(await account('show')).account;
      const argv = [
        '--path',
        store,
        '--server',
        lab.directoryUrl,
        '--email',
        email,
        '--accept-tos',
        '--dns',
        'rfc2136',
      ];
      const more = ['--dns.resolvers', `127.0.0.1:${lab.dnsPort}`, '--dns.disable-cp', '-d', `lego.${NAME}`, 'run'];
      // Not waited for synchronously: Pebble's and BIND's logs are read by nobody but their own files.
      const child = spawn('lego', [...argv, ...more], {
        env: { PATH: process.env.PATH, LEGO_CA_CERTIFICATES: lab.caFile, ...bindEnv(lab) },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
      const code = await new Promise((resolve) => child.once('close', resolve));
      expect([code, said]).toEqual([0, expect.stringContaining('Server responded with a certificate')]);
      expect(answer(await account('show')).account.url).toBe(url);
      expect(readdirSync(accounts())).toEqual([email]);
    },
    60_000,
  );

  it('finds out which key the CA has when it changed it and its answer got lost', async () => {
    const proxy = await startAcmeProxy(lab);
    const through = (action: string, ...argv: string[]) =>
      quoin(argvFor(action, proxy.directoryUrl, '-m', email, ...argv), {}).finished;
    try {
      await through('register');
      const old = keyOf(email);
      let isChanged = false;
      proxy.intercept = async (step, when) => {
        if (step === 'other' && when === 'after') isChanged = true;
        return undefined;
      };
      // The CA cannot be reached any more once it has changed the key.
      const { intercept } = proxy;
      proxy.intercept = async (step, when) => {
        await intercept(step, when);
        if (isChanged) throw new Error('the answer is lost');
        return undefined;
      };
      const failed = await through('rollover');
      expect([failed.code, answer(failed).error.hint]).toEqual([3, expect.stringContaining('the new key is kept')]);
      expect(keyOf(email)).toBe(old);
      expect(
        answer(await quoin(['account', 'list', '--json', '--path', store], {}).finished).accounts[0].keyChange,
      ).toBe(true);
      proxy.intercept = undefined;
      const shown = await through('show');
      expect([shown.code, answer(shown).account.keyChange]).toEqual([0, undefined]);
      expect(keyOf(email)).not.toBe(old);
      expect((await through('rollover')).code).toBe(0);
    } finally {
      await proxy.stop();
    }
  });
});

describe('quoin account register --server zerossl', () => {
  it('gets the binding by e-mail, and a run does so too', async () => {
    const kid = 'GD-VvWydSVFuss_GhBwYQQ';
    const hmac = 'MjXU3MH-Z0WQ7piMAnVsCpD1shgMiWx6ggPWiTmydgUaj7dWWWfQfA';
    const sandbox = await startSandboxProcess(['--eab', `${kid}:${hmac}`], ownPlaces());
    const root = sandbox.environment.QUOIN_SANDBOX_ROOT ?? '';
    const rest = Object.fromEntries(Object.entries(sandbox.environment).filter(([name]) => !/EMAIL|EAB/u.test(name)));
    const tls = makeCa();
    const roots = join(newFolder(), 'roots.pem');
    writeFileSync(roots, tls.cert + readFileSync(root, 'utf8'));
    // Plays ZeroSSL: its service, and a directory that leads to the sandbox.
    const directory = execFileSync('curl', ['-sS', '--cacert', root, sandbox.directory], { encoding: 'utf8' });
    const asked: string[] = [];
    const gateway = createServer(async (incoming, outgoing) => {
      let body = '';
      for await (const chunk of incoming) body += chunk;
      asked.push(`${incoming.method} ${incoming.url} ${body}`);
      const isService = incoming.url?.startsWith('/https/api.zerossl.com/');
      outgoing.setHeader('content-type', 'application/json');
      outgoing.end(isService ? JSON.stringify({ success: true, eab_kid: kid, eab_hmac_key: hmac }) : directory);
    });
    await new Promise<void>((resolve) => void gateway.listen(0, '127.0.0.1', resolve));
    const proxy = await startVendorProxy(tls, `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`);
    const env = {
      ...rest,
      ...{
        HTTPS_PROXY: proxy.url,
        NO_PROXY: '127.0.0.1',
        QUOIN_CA_CERTIFICATES: roots,
        QUOIN_SERVER: 'zerossl',
      },
    };
    try {
      const registered = await quoin(['account', 'register', '-m', ME, '-a', '--path', store, '--json', '--debug'], env)
        .finished;
      expect([registered.code, answer(registered).action]).toEqual([0, 'registered']);
      const posted = () => asked.filter((line) => line.startsWith('POST'));
      expect(posted()).toEqual(['POST /https/api.zerossl.com/acme/eab-credentials-email email=me%40example.test']);
      for (const text of [registered.stderr, registered.stdout, JSON.stringify(recordOf(ME))])
        expect(text).not.toContain(hmac);
      expect(recordOf(ME).server).toBe('https://acme.zerossl.com/v2/DV90');

      const path = join(newFolder(), 'another');
      const run = ['run', '-m', 'you@example.test', '-a', '-d', NAME, '--path', path, '--json'];
      expect((await quoin(run, env).finished).code).toBe(0);
      expect((await quoin([...run, '--renew-force'], env).finished).code).toBe(0);
      expect(posted()).toHaveLength(2);
    } finally {
      await proxy.stop();
      gateway.close();
      tls.remove();
    }
  });
});
