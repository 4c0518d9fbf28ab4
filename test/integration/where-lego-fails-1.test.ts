import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { newFolder } from '../helpers/child.ts';
import { problem } from '../helpers/hostile-ca.ts';
import { belongTogether } from '../helpers/pairs.ts';
import { startSandboxProcess } from '../helpers/sandbox.ts';
import { quoin } from '../helpers/servers.ts';
import { ended, type SmallWorld, startSmallWorld } from '../helpers/small-world.ts';

/** What is known to go wrong with lego, and must not with quoin: one test for each, by its words. The second half: -2. */
const NAME = 'example.test';
let world: SmallWorld;
beforeEach(async () => {
  world = await startSmallWorld();
});
afterEach(() => world.stop());

const certificates = () => join(world.store, 'certificates');
const fileOf = (extension: string, name = NAME) => readFileSync(join(certificates(), `${name}.${extension}`), 'utf8');
const callsOf = (step: string) => world.ca.calls.filter((call) => call.step === step);

it('a first run that fails poisons the account', async () => {
  const { ca } = world;
  ca.mood = ({ step }) => (step === 'account' ? problem(500, 'serverInternal') : undefined);
  const failed = await world.runJson([NAME], ['--max-wait', '0s']);
  expect([failed.code, failed.json.error.code]).toEqual([3, 'ACME_SERVER_INTERNAL']);
  ca.mood = undefined;
  const again = await world.runJson([NAME]);
  expect([again.code, again.json.action]).toEqual([0, 'issued']);
  // Whatever the CA did the first time, it is the same account now.
  const keys = new Set(callsOf('account').map(({ header }) => JSON.stringify(header.jwk)));
  expect(keys.size).toBe(1);
});

it('a store of the other major version loses the account', async () => {
  const { ca, store } = world;
  const keyPem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' });
  const put = (path: string, content: string | object) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
  };
  const shapes = {
    lego4: (folder: string, id: string, url: string) => {
      put(join(folder, 'keys', `${id}.key`), keyPem);
      put(join(folder, 'account.json'), { email: id, registration: { body: { status: 'valid' }, uri: url } });
    },
    lego5: (folder: string, id: string, url: string) => {
      const registration = { status: 'valid', accountURL: url };
      put(join(folder, `${id}.key`), keyPem);
      put(join(folder, 'account.json'), { id, email: id, keyType: 'EC256', server: ca.directoryUrl, registration });
    },
  };
  for (const [version, make] of Object.entries(shapes)) {
    const id = `${version}@example.test`;
    const url = `${ca.url}/account/${version}`;
    make(join(store, 'accounts', new URL(ca.url).host.replace(':', '_'), id), id, url);
    const ran = await world.runJson([`${version}.${NAME}`], ['-m', id]);
    expect([version, ran.code]).toEqual([version, 0]);
    expect([callsOf('account'), callsOf('newOrder').at(-1)?.header.kid]).toEqual([[], url]);
  }
});

it('`replaces` refused is fatal', async () => {
  const sandbox = await startSandboxProcess();
  const [store, copy] = [join(newFolder(), 'store'), join(newFolder(), 'store')];
  expect((await quoin(['run', '--path', store, '-d', NAME], sandbox.environment).finished).code).toBe(0);
  // Two machines with one certificate: the CA refuses the second one's order, which replaces what is replaced already.
  cpSync(store, copy, { recursive: true });
  const renew = (path: string) =>
    ended(quoin(['renew', '--path', path, '--renew-force', '--json', '--debug'], sandbox.environment));
  const first = await renew(store);
  expect([first.code, first.stderr]).toEqual([0, expect.not.stringContaining('replaced already')]);
  const second = await renew(copy);
  expect(second.stderr).toContain('replaced already');
  expect([second.code, second.json.certificates]).toMatchObject([0, [{ name: NAME, action: 'renewed' }]]);
});

it('429 with a long Retry-After hangs silently', async () => {
  world.ca.mood = ({ step }) => {
    if (step !== 'newOrder') return undefined;
    const refused = problem(429, 'rateLimited', { detail: 'too many certificates (50) already issued' });
    return { ...refused, headers: { ...refused.headers, 'retry-after': '122400' } };
  };
  const before = Date.now();
  const { code, json, stderr } = await world.runJson([NAME]);
  expect(Date.now() - before).toBeLessThan(20_000);
  expect([code, json.error.code]).toEqual([3, 'ACME_RATE_LIMITED']);
  expect(stderr).toContain('too many certificates (50) already issued');
  const away = Date.parse(json.error.notBefore) - before;
  expect(Math.abs(away - 122_400_000)).toBeLessThan(60_000);
});

it("5xx loses the CA's text", async () => {
  const answers = {
    'We are down until noon': problem(503, 'serverInternal', { detail: 'We are down until noon' }),
    'Web server is down, error 521': {
      status: 521,
      headers: { 'content-type': 'text/html' },
      body: '<html><style>b{}</style><h1>Web server is down,</h1> error <b>521</b></html>',
    },
  };
  for (const [text, answer] of Object.entries(answers)) {
    world.ca.mood = ({ step }) => (step === 'newOrder' ? answer : undefined);
    const { code, json, stderr } = await world.runJson([NAME], ['--max-wait', '0s']);
    expect([code, json.error.message, stderr]).toEqual([
      3,
      expect.stringContaining(text),
      expect.stringContaining(text),
    ]);
  }
});

it('Ctrl-C leaves the TXT record', async () => {
  const { api, dns } = world;
  for (const { hides } of [{ hides: () => true }, { hides: () => false }]) {
    // Once while DNS is waited for, once while the CA is.
    for (const server of dns.servers.values()) server.hides = hides;
    world.ca.verdict = () => 'pending';
    api.calls.length = 0;
    const running = world.run([NAME, `*.${NAME}`], ['--debug']);
    api.handle = (call) => {
      // A second Ctrl-C comes in the middle of the clean-up that the first one began.
      if (api.calls.filter(({ action }) => action === 'cleanup').length === 1) running.child.kill('SIGINT');
      api.publish(call);
      return 200;
    };
    await running.sees(hides() ? 'published 2' : 'the CA is validating');
    expect(world.txt().length).toBeGreaterThan(0);
    running.child.kill('SIGINT');
    expect((await running.finished).code).toBe(130);
    expect(world.txt()).toEqual([]);
    const values = (action: string) => api.calls.filter((call) => call.action === action).map(({ value }) => value);
    expect(new Set(values('cleanup'))).toEqual(new Set(values('present')));
    expect(readdirSync(join(world.store, 'journal'))).toEqual([]);
  }
});

it('revoke-all revokes nothing and exits 0', async () => {
  const sandbox = await startSandboxProcess();
  const path = join(newFolder(), 'store');
  const names = ['a.example.test', 'b.example.test'];
  const runs = names.map((name) => quoin(['run', '--path', path, '-d', name], sandbox.environment).finished);
  expect((await Promise.all(runs)).map(({ code }) => code)).toEqual([0, 0]);
  const revoke = async (...more: string[]) => {
    const { code, stdout } = await quoin(['revoke', '--path', path, '--json', ...more], sandbox.environment).finished;
    return { code, ...JSON.parse(stdout) };
  };
  expect(await revoke()).toMatchObject({ code: 2, error: { message: 'no certificate was named' } });
  const certificatesAre = (action: string) => names.map((name) => ({ name, action }));
  expect(await revoke(...names, '--keep')).toMatchObject({ code: 0, certificates: certificatesAre('revoked') });
  // The CA says so, too.
  expect(await revoke(...names)).toMatchObject({ code: 0, certificates: certificatesAre('alreadyRevoked') });
  expect(await revoke(...names)).toMatchObject({ code: 2, certificates: certificatesAre('failed') });
});

it('one bad certificate stops the rest', async () => {
  const { api, ca, env } = world;
  ca.validity = [-80, 10]; // Due at once.
  const names = ['a', 'broken', 'c', 'damaged'].map((name) => `${name}.${NAME}`);
  const ran = await Promise.all(names.map((name) => world.run([name]).finished));
  expect(ran.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  // One whose credentials are missing when it is to be renewed.
  const exec = await world.run([`poor.${NAME}`], ['--dns', 'exec'], world.execEnv()).finished;
  expect(exec.code).toBe(0);
  writeFileSync(join(certificates(), `damaged.${NAME}.crt`), 'no certificate');
  api.handle = ({ fqdn }) => (fqdn.includes('broken') ? 422 : undefined);
  ca.validity = [0, 90];
  const { code, json } = await ended(quoin(['renew', '--no-random-sleep', '--json'], env));
  const actions = json.certificates.map(({ name, action }: { name: string; action: string }) => [name, action]);
  expect(Object.fromEntries(actions)).toMatchObject({ [`a.${NAME}`]: 'renewed', [`c.${NAME}`]: 'renewed' });
  expect(Object.fromEntries(actions)).toMatchObject({ [`broken.${NAME}`]: 'failed', [`poor.${NAME}`]: 'failed' });
  expect([code, ca.issued]).toEqual([4, 7]);
  // The file that cannot be read is told, too.
  expect(JSON.stringify(json)).toContain(`damaged.${NAME}`);
});

it('CSR with `--pem` fails after issuing', async () => {
  const { ca } = world;
  const folder = newFolder();
  const [key, csr] = [join(folder, 'key.pem'), join(folder, 'csr.pem')];
  const subject = ['-subj', `/CN=${NAME}`, '-addext', `subjectAltName=DNS:${NAME}`];
  const request = ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', csr, ...subject];
  execFileSync('openssl', request, { stdio: 'ignore' });
  const refused = await world.runJson([], ['--csr', csr, '--pem']);
  expect([refused.code, refused.json.error.message, ca.count('newOrder')]).toEqual([
    2,
    expect.stringContaining('--pem'),
    0,
  ]);
  const good = await world.runJson([], ['--csr', csr]);
  expect([good.code, good.json.action]).toEqual([0, 'issued']);
  expect(belongTogether(fileOf('crt'), readFileSync(key, 'utf8'))).toBe(true);
});

it('renaming a certificate removes the live files before the new one exists', async () => {
  const { ca, env, store } = world;
  const config = join(newFolder(), 'quoin.yaml');
  const apply = async (name: string) => {
    const certificate = { domains: [NAME], dns: 'httpreq' };
    const accounts = { main: { server: ca.directoryUrl, email: 'me@example.test', acceptTos: true } };
    // JSON is YAML.
    writeFileSync(config, JSON.stringify({ store, accounts, certificates: { [name]: certificate } }));
    return ended(quoin(['apply', config, '--json', '--max-wait', '0s', '--no-random-sleep'], env));
  };
  expect(await apply('old')).toMatchObject({ code: 0, json: { certificates: [{ name: 'old', action: 'issued' }] } });
  const live = ['crt', 'key', 'issuer.crt', 'json'].map((extension) => fileOf(extension, 'old'));
  const still = () => ['crt', 'key', 'issuer.crt', 'json'].map((extension) => fileOf(extension, 'old'));

  // The CA is down when the new name is asked for.
  ca.mood = ({ step }) => (step === 'newOrder' ? problem(500, 'serverInternal') : undefined);
  expect(await apply('new')).toMatchObject({ code: 3, json: { certificates: [{ name: 'new', action: 'failed' }] } });
  expect(still()).toEqual(live);
  ca.mood = undefined;
  expect(await apply('new')).toMatchObject({ code: 0, json: { certificates: [{ name: 'new', action: 'issued' }] } });
  expect(belongTogether(fileOf('crt', 'new'), fileOf('key', 'new'))).toBe(true);
  // Whoever still uses the old files finds them.
  expect(still()).toEqual(live);
});

it('the private key is lost when finalize times out', async () => {
  const { ca } = world;
  ca.mood = ({ step }) => {
    if (step !== 'finalize' && (step !== 'order' || ca.count('finalize') === 0)) return undefined;
    const body = { status: 'processing', authorizations: [], finalize: `${ca.url}/finalize/1` };
    return { headers: { 'retry-after': '0' }, body, afterwards: step === 'finalize' };
  };
  const late = await world.runJson([NAME], ['--cert.timeout', '1s']);
  expect([late.code, late.json.error.code, ca.issued]).toEqual([3, 'ACME_TIMEOUT', 1]);
  ca.mood = undefined;
  const again = await world.runJson([NAME]);
  // The certificate that the CA made for the first run, with the key of the first run.
  expect([again.code, again.json.action, ca.issued, ca.orders.length]).toEqual([0, 'issued', 1, 1]);
  expect(belongTogether(fileOf('crt'), fileOf('key'))).toBe(true);
  expect(new X509Certificate(fileOf('crt')).raw).toEqual(new X509Certificate(ca.orders[0]?.pem ?? '').raw);
});

it('an invalid order is polled until the timeout', async () => {
  const { ca } = world;
  ca.verdict = () => 'invalid';
  const before = performance.now();
  const { code, json } = await world.runJson([NAME], ['--cert.timeout', '1h']);
  expect(performance.now() - before).toBeLessThan(20_000);
  expect([code, json.error.message]).toEqual([3, expect.stringContaining('no TXT record at example.test')]);
  expect(ca.count('order')).toBeLessThan(5);
});

it('a failed deploy hook is never retried', async () => {
  const { ca, env, store } = world;
  const [tries, mended] = [join(newFolder(), 'tries'), join(newFolder(), 'mended')];
  const triesSoFar = () => readFileSync(tries, 'utf8').length;
  const hook = `printf x >>'${tries}'; echo deploying; test -e '${mended}'`;
  const first = await world.runJson([NAME], ['--deploy-hook', hook]);
  expect([first.code, first.json.action, first.json.error]).toMatchObject([7, 'issued', { code: 'HOOK', exitCode: 1 }]);
  expect(belongTogether(fileOf('crt'), fileOf('key'))).toBe(true);

  // Nothing is due; the hook is run again all the same, by `run` and by `renew`, until it has done its work.
  const again = await world.run([NAME], ['--deploy-hook', hook]).finished;
  expect([again.code, triesSoFar()]).toEqual([7, 2]);
  writeFileSync(mended, '');
  const renew = () => quoin(['renew', '--no-random-sleep'], env).finished;
  expect([(await renew()).code, triesSoFar()]).toEqual([0, 3]);
  expect([(await renew()).code, triesSoFar()]).toEqual([0, 3]);
  expect([ca.issued, readdirSync(join(store, 'orders'))]).toEqual([1, []]);
});

it('the pre-hook runs before the random sleep', async () => {
  const { ca } = world;
  ca.validity = [-80, 10];
  expect((await world.run([NAME]).finished).code).toBe(0);
  const ran = join(newFolder(), 'ran');
  const flags = ['--pre-hook', `touch '${ran}'`];
  const sleeping = world.run([NAME], flags);
  await sleeping.sees('(--no-random-sleep)');
  expect(existsSync(ran)).toBe(false);
  sleeping.child.kill('SIGTERM');
  const { code, stderr } = await sleeping.finished;
  // The pause is random, and may have been none at all.
  if (code !== 0)
    expect([code, existsSync(ran), stderr]).toEqual([143, false, expect.not.stringContaining('pre hook')]);
  expect((await world.run([NAME], [...flags, '--no-random-sleep']).finished).code).toBe(0);
  expect(existsSync(ran)).toBe(true);
});

it('10 names with 5 s of propagation take 72 s instead of about 10', async () => {
  const { api, ca } = world;
  // Each value is seen a second after it was written, by which lego's ways take ten seconds and more.
  const PROPAGATION_MS = 1_000;
  const times: number[] = [];
  const challenges: number[] = [];
  api.handle = (call) => {
    times.push(performance.now());
    void sleep(call.action === 'present' ? PROPAGATION_MS : 0).then(() => api.publish(call));
    return 200;
  };
  ca.mood = ({ step }) => {
    if (step === 'challenge') challenges.push(performance.now());
    return undefined;
  };
  const names = Array.from({ length: 10 }, (_, i) => `n${i}.${NAME}`);
  const { code } = await world.run(names).finished;
  expect([code, api.calls.length, challenges.length]).toEqual([0, 20, 10]);
  const written = times.slice(0, 10);
  expect(Math.max(...written)).toBeLessThan(Math.min(...challenges));
  expect(Math.max(...times) - Math.min(...times)).toBeLessThan(8 * PROPAGATION_MS);
});
