import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type HookFacts, hookEnvironment, secretVariables } from '../../../src/cli/hook-environment.ts';
import { hookFlags } from '../../../src/cli/hook-options.ts';
import { checkHook, type HookOptions, runHook } from '../../../src/cli/hooks.ts';
import { type Flag, readFlags } from '../../../src/cli/options.ts';
import { defineProvider, direct, oneOf, secret, text } from '../../../src/dns/kit/index.ts';
import { HookError, Interrupted } from '../../../src/errors.ts';
import { createLog } from '../../../src/log.ts';
import { Redactor } from '../../../src/redact.ts';
import { bundle, newFolder, runChild } from '../../helpers/child.ts';
import { memoryLog } from '../../helpers/dns-server.ts';

/** execa is CommonJS in part, and what a test bundles has no `require`. */
const withRequire = `import { createRequire } from 'node:module'; globalThis.require = createRequire(import.meta.url);`;

let cwd: string;
let log: ReturnType<typeof memoryLog>;
beforeEach(() => {
  cwd = newFolder();
  log = memoryLog();
});

const facts: HookFacts = {
  name: '*.example.com',
  names: ['*.example.com', 'example.com'],
  keyType: 'ec256',
  server: 'https://ca.example/directory',
  account: { id: 'me@example.com', email: 'me@example.com' },
  action: 'renewed',
  store: '/store',
  files: { certificate: '/store/c.crt', key: '/store/c.key', issuer: '/store/c.issuer.crt' },
};
const PATH = process.env.PATH ?? '';
const optionsOf = (more: Partial<HookOptions> = {}): HookOptions => ({
  env: { PATH },
  cwd,
  secrets: [],
  log,
  signal: new AbortController().signal,
  ...more,
});
const deploy = (command: string | readonly string[], more: Partial<HookOptions> = {}, about = facts) =>
  runHook('deploy', command, about, optionsOf(more));
/** What the hook's own `env` says. */
async function seen(more: Partial<HookOptions> = {}, about = facts): Promise<Record<string, string>> {
  await deploy('env >seen', more, about);
  const lines = readFileSync(join(cwd, 'seen'), 'utf8').trim().split('\n');
  return Object.fromEntries(lines.map((line) => [line.replace(/=.*/u, ''), line.replace(/^[^=]*=/u, '')]));
}
const failure = (running: Promise<void>): Promise<HookError> =>
  running.then(
    () => Promise.reject(new Error('the hook did not fail')),
    (error: unknown) => error as HookError,
  );
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/mu.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};
async function pidIn(file: string): Promise<number> {
  const path = join(cwd, file);
  while (!existsSync(path) || readFileSync(path, 'utf8').trim() === '') await sleep(10);
  return Number(readFileSync(path, 'utf8'));
}

describe('what a hook sees', () => {
  const provider = defineProvider({
    id: 'dummy',
    name: 'Dummy',
    website: 'https://dummy.example',
    apiDocs: 'https://dummy.example/api',
    env: {
      account: text('DUMMY_ACCOUNT', 'Account'),
      auth: oneOf({
        token: { token: secret(['DUMMY_TOKEN', 'DUMMY_API_TOKEN'], 'Token') },
        password: { user: text('DUMMY_USER', 'User'), password: secret('DUMMY_PASSWORD', 'Password') },
      }),
    },
    tuning: { prefix: 'DUMMY' },
    connect: () => direct({ add: async () => {}, remove: async () => {} }),
  });
  const env = {
    PATH,
    HOME: '/root',
    DUMMY_ACCOUNT: 'a',
    DUMMY_API_TOKEN: 's1',
    DUMMY_PASSWORD_FILE: '/run/secrets/dummy',
    ORG_DUMMY_TOKEN: 's2',
    ORG_DUMMY_TOKEN_FILE: 's3',
    QUOIN_EAB_HMAC: 's4',
    LEGO_EAB_HMAC: 's5',
    LEGO_PFX_PASSWORD: 's6',
  };
  const secrets = secretVariables(provider, ['ORG']);

  it('has the environment without credentials, in none of their spellings', async () => {
    const found = await seen({ env, secrets });
    expect(found).toMatchObject({ HOME: '/root', DUMMY_ACCOUNT: 'a' });
    expect(Object.keys(found).filter((name) => /TOKEN|PASS|HMAC/u.test(name))).toEqual([]);
  });

  it('has a credential that --hook-env names, and no other', async () => {
    const found = await seen({ env, secrets, passed: ['DUMMY_API_TOKEN', 'LEGO_PFX_PASSWORD'] });
    expect(found).toMatchObject({ DUMMY_API_TOKEN: 's1', LEGO_PFX_PASSWORD: 's6' });
    expect(Object.keys(found).filter((name) => /TOKEN|PASS|HMAC/u.test(name))).toHaveLength(2);
  });

  it('is not given what this process has besides', async () => {
    process.env.QUOIN_TEST_ONLY_HERE = 'yes';
    try {
      expect(await seen()).not.toHaveProperty('QUOIN_TEST_ONLY_HERE');
    } finally {
      delete process.env.QUOIN_TEST_ONLY_HERE;
    }
  });

  it('is told the facts under the names of quoin, of lego 4 and of lego 5', async () => {
    expect(await seen()).toMatchObject({
      QUOIN_HOOK: 'deploy',
      QUOIN_ACTION: 'renewed',
      QUOIN_CERTIFICATE: '*.example.com',
      QUOIN_DOMAINS: '*.example.com,example.com',
      QUOIN_PATH: '/store',
      QUOIN_CERTIFICATE_PATH: '/store/c.crt',
      LEGO_ACCOUNT_EMAIL: 'me@example.com',
      LEGO_CERT_DOMAIN: '*.example.com',
      LEGO_CERT_PATH: '/store/c.crt',
      LEGO_CERT_KEY_PATH: '/store/c.key',
      LEGO_ISSUER_CERT_PATH: '/store/c.issuer.crt',
      LEGO_HOOK_CERT_NAME_SANITIZED: '_.example.com',
      LEGO_HOOK_CERT_KEY_TYPE: 'EC256',
      LEGO_HOOK_CERT_KEY_PATH: '/store/c.key',
      LEGO_HOOK_ACCOUNT_SERVER: 'https://ca.example/directory',
    });
  });

  it('is told absolute paths, and of an outcome only where there is one', async () => {
    const about = { ...facts, store: 'store', files: { certificate: 'store/c.crt' } };
    // Of a run whose hook runs this one.
    const around = { PATH, QUOIN_OUTCOME: 'failed', QUOIN_ERROR: 'CONFIG', LEGO_CERT_KEY_PATH: '/other' };
    const found = hookEnvironment('pre', about, { env: around, secrets: [] });
    expect(found.QUOIN_CERTIFICATE_PATH).toBe(join(process.cwd(), 'store/c.crt'));
    for (const name of ['QUOIN_OUTCOME', 'QUOIN_ERROR', 'LEGO_CERT_KEY_PATH', 'LEGO_CERT_PEM_PATH'])
      expect(found).not.toHaveProperty(name);
    const ended = hookEnvironment('post', { ...facts, outcome: 'failed', error: 'ACME_CAA' }, { env: {}, secrets: [] });
    expect(ended).toMatchObject({ QUOIN_OUTCOME: 'failed', QUOIN_ERROR: 'ACME_CAA' });
  });

  it('is in docs/guides/hooks.md: every variable', () => {
    const page = readFileSync(new URL('../../../docs/guides/hooks.md', import.meta.url), 'utf8');
    const all = {
      ...facts,
      files: { ...facts.files, certificate: 'c', pem: 'p', pfx: 'x' },
      outcome: 'failed',
      error: 'X',
    } as const;
    for (const name of Object.keys(hookEnvironment('post', all, { env: {}, secrets: [] })))
      expect(page).toContain(`\`${name}\``);
  });
});

describe('how a hook runs', () => {
  it('gives a text to a shell, in the folder of the run, and waits for its end', async () => {
    await deploy('for i in 1 2; do echo $i >>here; done && pwd -P >>here');
    expect(readFileSync(join(cwd, 'here'), 'utf8')).toBe(`1\n2\n${execFileSync('pwd', ['-P'], { cwd })}`);
  });

  it('runs a list without a shell', async () => {
    await deploy(['touch', '$(id); *', 'b c']);
    expect([existsSync(join(cwd, '$(id); *')), existsSync(join(cwd, 'b c'))]).toEqual([true, true]);
  });

  it('has no standard input to wait for', async () => {
    await deploy('cat; read line || echo none');
    expect(log.lines).toContain('info deploy hook: none');
  });

  it('does not wait for a daemon that it leaves behind, and lets that live', async () => {
    const begun = performance.now();
    await deploy('sleep 60 & echo $! >pid', { timeoutMs: 30_000 });
    expect(performance.now() - begun).toBeLessThan(10_000);
    const pid = await pidIn('pid');
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
  });
});

describe('what a hook says', () => {
  it('becomes lines of the log, without control characters and secrets', async () => {
    const redactor = new Redactor();
    redactor.hide('hunter2hunter2');
    const lines: string[] = [];
    const clean = createLog((level, message) => lines.push(`${level} ${message}`), redactor);
    await deploy(`printf 'one\\n\\033[31mred\\033[0m\\a\\n10%%\\r20%%\\r\\n\\nhunter2hunter2\\nlast'; echo err >&2`, {
      log: clean,
    });
    expect(lines.filter((line) => line.startsWith('info deploy hook: ')).sort()).toEqual(
      ['one', 'red', '20%', '***', 'last', 'err'].map((line) => `info deploy hook: ${line}`).sort(),
    );
  });

  it('may be no UTF-8, and lines without an end', async () => {
    // A character may come in two pieces.
    await deploy(
      `printf '\\377\\376 caf\\303'; sleep 0.2; printf '\\251 \\200\\n'; head -c 3000000 /dev/zero | tr '\\0' x`,
    );
    expect(log.lines).toContain('info deploy hook: \uFFFD\uFFFD café \uFFFD');
    const long = log.lines.find((line) => line.includes('xxx')) ?? '';
    expect([long.length < 600, long.endsWith('...')]).toEqual([true, true]);
  });

  it('is cut short after 200 MB, and takes neither memory nor long', async () => {
    const script = bundle(`
      ${withRequire}
      import { runHook } from './src/cli/hooks.ts';
      let lines = 0, bytes = 0, most = 0;
      const count = (message) => { lines += 1; bytes += message.length; };
      const log = { debug: count, info: count, warn: count, waiting() {} };
      const timer = setInterval(() => { most = Math.max(most, process.memoryUsage().rss); }, 20);
      const options = { env: process.env, cwd: '.', secrets: [], log, signal: new AbortController().signal };
      const facts = ${JSON.stringify(facts)};
      const before = process.memoryUsage().rss;
      let error;
      try {
        await runHook('deploy', 'yes "a line of some length that repeats for ever" | head -c 100000000; head -c 100000000 /dev/zero; echo the end; exit 3', facts, options);
      } catch (caught) { error = caught; }
      clearInterval(timer);
      console.log(JSON.stringify({ lines, bytes, grown: most - before, message: error?.message, output: error?.facts.output }));
    `);
    const { stdout, stderr } = await runChild(script, []);
    expect(stderr).toBe('');
    const { lines, bytes, grown, message, output } = JSON.parse(stdout);
    expect(message).toContain('exited with 3');
    expect(lines).toBeLessThan(510);
    expect(bytes).toBeLessThan(500_000);
    expect(grown).toBeLessThan(100 * 1024 * 1024);
    expect(output).toHaveLength(5);
  });
});

describe('a hook that fails', () => {
  it('tells its exit code and what it said last', async () => {
    const error = await failure(deploy('for i in 1 2 3 4 5 6 7; do echo line $i; done; exit 9'));
    expect(error).toBeInstanceOf(HookError);
    expect(error.message).toBe(
      'the deploy hook of *.example.com exited with 9: line 3 / line 4 / line 5 / line 6 / line 7',
    );
    expect(error).toMatchObject({
      exitCode: 7,
      hint: expect.stringContaining('next run calls it again'),
      facts: { hook: 'deploy', certificate: '*.example.com', exitCode: 9, output: expect.arrayContaining(['line 7']) },
    });
  });

  it.each([
    ['kill -9 $$', 'was ended by SIGKILL'],
    ['no-such-program-here', 'exited with 127'],
    [['./no-such-program-here'], 'could not be run: ./no-such-program-here was not found'],
    [['no-such-program-here', 'now'], 'could not be run: no-such-program-here was not found'],
    [['./plain'], 'could not be run: ./plain may not be executed'],
  ])('%j %s', async (command, how) => {
    writeFileSync(join(cwd, 'plain'), 'echo', { mode: 0o600 });
    expect((await failure(deploy(command))).message).toContain(how);
  });

  it('ends with all that it started when it takes too long', async () => {
    // The second one hears of no polite request.
    const command = `sleep 61 & echo $! >one; (trap '' TERM; sleep 62 & echo $! >two; wait; wait; sleep 63) & wait`;
    const running = failure(deploy(command, { timeoutMs: 700 }));
    const pids = [await pidIn('one'), await pidIn('two')];
    const error = await running;
    expect([error.exitCode, error.message]).toEqual([7, 'the deploy hook of *.example.com did not end within 0.7 s']);
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

describe('Ctrl-C while a hook runs', () => {
  const interrupted = new Interrupted('SIGINT');

  it('lets it end, and says what is being waited for', async () => {
    const controller = new AbortController();
    const running = deploy('echo $$ >pid; while ! test -e go; do sleep 0.02; done; touch done', {
      signal: controller.signal,
    });
    await pidIn('pid');
    controller.abort(interrupted);
    expect(log.lines).toContain('warn waiting for the deploy hook of *.example.com to end');
    writeFileSync(join(cwd, 'go'), '');
    await running;
    expect(existsSync(join(cwd, 'done'))).toBe(true);
  });

  it('ends it the second time', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const running = deploy('echo $$ >pid; sleep 64', { signal: first.signal, hurry: second.signal });
    const pid = await pidIn('pid');
    first.abort(interrupted);
    second.abort(interrupted);
    await expect(running).rejects.toBe(interrupted);
    expect(isAlive(pid)).toBe(false);
  });

  it('is not sent to it by the terminal, and the end of quoin is its end', async () => {
    const script = bundle(`
      ${withRequire}
      import { runHook } from './src/cli/hooks.ts';
      process.on('SIGINT', () => process.exit(130));
      const log = { debug() {}, info(message) { console.log(message); process.kill(0, 'SIGINT'); }, warn() {}, waiting() {} };
      const options = { env: process.env, cwd: '.', secrets: [], log, signal: new AbortController().signal };
      await runHook('deploy', \`trap "echo heard" INT; echo $$; sleep 65 & wait\`, ${JSON.stringify(facts)}, options);
    `);
    // A process group of its own, as a shell in a terminal gives every command one.
    const { stdout } = await runChild('-e', [
      `const { spawn } = require('node:child_process');
       spawn(process.execPath, [${JSON.stringify(script)}], { detached: true, stdio: 'inherit' })`,
    ]);
    expect(stdout).toMatch(/^deploy hook: \d+\n$/u);
    const pid = Number(/\d+/u.exec(stdout)?.[0]);
    for (let tries = 0; isAlive(pid) && tries < 100; tries += 1) await sleep(20);
    expect(isAlive(pid)).toBe(false);
  });
});

describe('what is found out before a certificate is asked for', () => {
  const check = (command: string | readonly string[]) => checkHook('deploy', command, { cwd, env: { PATH } });
  beforeEach(() => {
    writeFileSync(join(cwd, 'good.sh'), '#!/bin/sh\n', { mode: 0o700 });
    writeFileSync(join(cwd, 'plain.sh'), '#!/bin/sh\n', { mode: 0o600 });
  });

  it.each([
    './good.sh',
    './good.sh and "its arguments"',
    'systemctl-of-another-machine reload nginx',
    './missing.sh || true',
    'test -x ./missing.sh && ./missing.sh',
    'cd / && touch here',
    '',
    ['./good.sh', 'now'],
    ['sh', '-c', 'true'],
  ])('%j passes, and is not run', async (command) => {
    await check(command);
  });

  it.each([
    ['./missing.sh now', './missing.sh, which is missing or not executable'],
    ['./plain.sh', './plain.sh, which is missing or not executable'],
    [['./plain.sh'], './plain.sh, which is missing or not executable'],
    [['no-such-program-here'], 'no-such-program-here, which is missing'],
    [[], 'names nothing'],
    ['if true; then', 'sh does not understand the deploy hook'],
    ['echo "x', 'sh does not understand the deploy hook'],
  ])('%j does not: %s', async (command, message) => {
    await expect(check(command)).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(message) });
  });
});

describe('the flags of hooks', () => {
  const read = (given: Record<string, string>, env: Record<string, string> = {}) =>
    readFlags(hookFlags, new Map(Object.entries(given).map(([name, value]) => [name, [value]])), env);

  it.each(['--deploy-hook', '--run-hook', '--renew-hook'])('%s is the deploy hook', (name) => {
    expect(read({ [name]: './d.sh', [`${name}-timeout`]: '5m' })).toMatchObject({
      deployHook: './d.sh',
      deployHookTimeout: 300_000,
      preHook: undefined,
      preHookTimeout: 120_000,
    });
  });

  it("reads lego 5's variables", () => {
    const env = { LEGO_PRE_HOOK: 'a', LEGO_DEPLOY_HOOK: 'b', LEGO_POST_HOOK: 'c', LEGO_POST_HOOK_TIMEOUT: '9' };
    expect(read({}, env)).toMatchObject({ preHook: 'a', deployHook: 'b', postHook: 'c', postHookTimeout: 9000 });
  });

  it('takes names of variables, not their values', () => {
    expect(read({ '--hook-env': 'A_TOKEN, B_KEY' }).hookEnv).toEqual(['A_TOKEN', 'B_KEY']);
    expect(() => read({ '--hook-env': 'A_TOKEN=hunter2' })).toThrow('--hook-env A_TOKEN=... is no name of a variable');
    expect(() => read({ '--pre-hook-timeout': '0' })).toThrow('leaves the hook no time');
  });

  it('are in docs/guides/hooks.md', () => {
    const page = readFileSync(new URL('../../../docs/guides/hooks.md', import.meta.url), 'utf8');
    for (const { flags, older = [], env } of Object.values(hookFlags) as Flag<unknown>[]) {
      for (const spelling of [flags, ...older]) expect(page).toContain(/--[a-z-]+/u.exec(spelling)?.[0]);
      expect(page).toContain(`\`QUOIN_${env}\``);
    }
  });
});
