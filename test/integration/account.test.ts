import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { accounts, answer, keyOf, ME, NAME, recordOf, store } from '../helpers/account-files.ts';
import { newFolder } from '../helpers/child.ts';
import { ownPlaces, type SandboxProcess, startSandboxProcess } from '../helpers/sandbox.ts';
import { quoin } from '../helpers/servers.ts';

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
