import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { accounts, answer, keyOf, ME, NAME, recordOf, store } from '../helpers/account-files.ts';
import { startAcmeProxy } from '../helpers/acme-proxy.ts';
import { newFolder } from '../helpers/child.ts';
import { ownPlaces, startSandboxProcess } from '../helpers/sandbox.ts';
import { bindEnv, describeWith, type Lab, quoin, runArgs, startLab } from '../helpers/servers.ts';
import { makeCa } from '../helpers/tls.ts';
import { startVendorProxy } from '../helpers/vendor-proxy.ts';

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
    const read = 'fetch(process.argv[1]).then((found) => found.text()).then(console.log)';
    const directory = execFileSync(process.execPath, ['-e', read, sandbox.directory], {
      env: { NODE_EXTRA_CA_CERTS: root },
    });
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
