import { execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import namecheapFixture from '../../fixtures/dns/namecheap.ts';
import { resolveProvider } from '../../src/dns/resolve.ts';
import { startAcmeProxy } from '../helpers/acme-proxy.ts';
import { newFolder } from '../helpers/child.ts';
import type { Fixture } from '../helpers/fake-api.ts';
import { problem } from '../helpers/hostile-ca.ts';
import { startSandboxProcess } from '../helpers/sandbox.ts';
import { bindEnv, describeWith, pairMatches, quoin, runArgs, startLab } from '../helpers/servers.ts';
import { ended, type SmallWorld, spoil, startSmallWorld } from '../helpers/small-world.ts';
import { fakeVendor } from '../unit/dns/providers/open.ts';

/** What is known to go wrong with lego, and must not with quoin: one test for each, by its words. The first half: -1. */
const NAME = 'example.test';
let world: SmallWorld;
beforeEach(async () => {
  world = await startSmallWorld();
});
afterEach(() => world.stop());

const presented = () => world.api.calls.filter(({ action }) => action === 'present').map(({ fqdn }) => fqdn);
const addRow = (name: string, type: string, data: string) => {
  for (const { zones } of world.dns.servers.values()) zones.get(NAME)?.push([name, type, data]);
};
const countOf = (part: string, text: string) => text.split(part).length - 1;
/** Of the only account. */
const keyIn = (store: string): string => {
  const accounts = join(store, 'accounts');
  const files = readdirSync(accounts, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.key'));
  const keys = new Set(files.map((file) => readFileSync(join(accounts, file), 'utf8')));
  expect(keys.size).toBe(1);
  return [...keys].join();
};
const isOrIsBelow = (zone: string) => (name: string) => name === zone || name.endsWith(`.${zone}`);

it('a DNS timeout makes the zone `com.`', async () => {
  const { dns, api, ca } = world;
  // The top-level domain answers; what is below does not.
  spoil(dns.resolver, 'silent', isOrIsBelow(NAME));
  const { code, json } = await world.runJson([NAME], ['--dns-timeout', '1s']);
  expect(dns.resolver.asked.some(({ name }) => name === NAME)).toBe(true);
  expect([code, json.error.code]).toEqual([5, 'DNS_LOOKUP']);
  expect(json.error.message).toContain('no answer within');
  expect([api.calls, ca.count('challenge')]).toEqual([[], 0]);
});

it('a DNS error drops the CNAME delegation', async () => {
  const { dns, api, ca } = world;
  addRow(`_acme-challenge.www.${NAME}`, 'CNAME', 'www.other.test');
  const servers = [dns.resolver, ...dns.servers.values()];
  for (const server of servers) spoil(server, 'SERVFAIL', isOrIsBelow(`_acme-challenge.www.${NAME}`));
  const failed = await world.runJson([`www.${NAME}`]);
  expect([failed.code, failed.json.error.code]).toEqual([5, 'DNS_LOOKUP']);
  expect([api.calls, ca.count('challenge')]).toEqual([[], 0]);
  for (const server of servers) spoil(server, 'normal', () => false);
  expect((await world.run([`www.${NAME}`]).finished).code).toBe(0);
  expect(presented()).toEqual(['www.other.test']);
});

it('name servers are resolved by the system whatever `--dns.resolvers` says', async () => {
  const { dns } = world;
  // Names that no system knows (RFC 6761).
  for (const { zones } of dns.servers.values()) zones.set(NAME, [[NAME, 'NS', 'ns.elsewhere.invalid']]);
  dns.at('127.0.0.2').zones.set('elsewhere.invalid', [
    ['elsewhere.invalid', 'NS', 'ns.elsewhere.invalid'],
    ['ns.elsewhere.invalid', 'A', '127.0.0.3'],
  ]);
  expect((await world.run([NAME]).finished).code).toBe(0);
  expect(dns.resolver.asked).toContainEqual(expect.objectContaining({ name: 'ns.elsewhere.invalid', type: 'A' }));
  // By the address that only the resolver told, the TXT value was looked for.
  expect(dns.at('127.0.0.3').asked).toContainEqual(
    expect.objectContaining({ name: `_acme-challenge.${NAME}`, type: 'TXT' }),
  );
});

it('one dead name server fails all', async () => {
  world.dns.at('127.0.0.3').mood = 'silent';
  const { code, stderr } = await world.run([NAME], ['--dns-timeout', '500ms']).finished;
  expect([code, stderr]).toEqual([0, expect.stringMatching(/WARNING .*127\.0\.0\.3/u)]);
});

it('wildcard CNAMEs need a process-wide switch', async () => {
  addRow(`*.${NAME}`, 'CNAME', 'web.other.test');
  addRow(`_acme-challenge.www.${NAME}`, 'CNAME', 'www.other.test');
  // One name that only the wildcard speaks for, and one with a delegation that is meant: both in one certificate.
  const { code } = await world.run([`a.${NAME}`, `www.${NAME}`]).finished;
  expect([code, presented().sort()]).toEqual([0, [`_acme-challenge.a.${NAME}`, 'www.other.test']]);
});

it('one provider per certificate', async () => {
  const { api, env } = world;
  // Two providers, and two accounts of one of them.
  const dns = ['--dns', 'httpreq', '--dns', `sub.${NAME}=httpreq@ORG`, '--dns', 'other.test=exec'];
  const more = { ...world.execEnv(), ORG_HTTPREQ_ENDPOINT: `${env.HTTPREQ_ENDPOINT}/org` };
  const names = [NAME, `a.sub.${NAME}`, 'other.test'];
  const { code, json } = await world.runJson(names, dns, { ...more, QUOIN_DNS: '' });
  expect([code, json.certificate?.names]).toEqual([0, names]);
  const wrote = api.calls.map(({ path, fqdn }) => `${path} ${fqdn}`).sort();
  expect(wrote).toEqual(
    ['cleanup', 'present']
      .flatMap((action) => [
        `/${action} _acme-challenge.${NAME}`,
        `/exec/${action} _acme-challenge.other.test`,
        `/org/${action} _acme-challenge.a.sub.${NAME}`,
      ])
      .sort(),
  );
});

it('no retry of provider APIs', async () => {
  const { api } = world;
  // Each action fails once, by a server error and by "too many requests".
  const failed = new Set<string>();
  api.handle = ({ action }) => {
    if (failed.has(action)) return undefined;
    failed.add(action);
    return action === 'present' ? 503 : 429;
  };
  const { code, stderr } = await world.run([NAME]).finished;
  expect([code, failed.size, world.txt()]).toEqual([0, 2, []]);
  expect(stderr).toContain('503');
});

it('no locking, files not atomic', async () => {
  const { ca, store } = world;
  const both = await Promise.all([world.runJson([NAME]), world.runJson([NAME])]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(both.map(({ json }) => json.action).sort()).toEqual(['issued', 'unchanged']);
  expect([ca.count('account'), ca.orders.length]).toEqual([1, 1]);

  // Whoever reads a file while it is replaced finds the old one or the new one, whole.
  const folder = join(store, 'certificates');
  const seen = new Set<string>();
  const read = () => seen.add(readFileSync(join(folder, `${NAME}.crt`), 'utf8'));
  const renewing = world.run([NAME], ['--renew-force']);
  let done = false;
  void renewing.finished.then(() => {
    done = true;
  });
  while (!done) {
    read();
    await new Promise(setImmediate);
  }
  read();
  expect((await renewing.finished).code).toBe(0);
  expect(seen.size).toBe(2);
  for (const pem of seen) expect(pem.match(/-----END CERTIFICATE-----\n/gu)).toHaveLength(2);
  expect(pairMatches(store, NAME)).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(['crt', 'issuer.crt', 'json', 'key'].map((end) => `${NAME}.${end}`));
});

it('two directories on one host share an account', async () => {
  const { ca } = world;
  const directories = [ca.directoryUrl, `${ca.directoryUrl}/staging`];
  ca.mood = ({ step }) => {
    if (step !== 'account') return undefined;
    return {
      status: 201,
      headers: { location: `${ca.url}/account/${ca.count('account')}` },
      body: { status: 'valid' },
    };
  };
  const kids: (string | undefined)[] = [];
  for (const server of [...directories, ...directories]) {
    expect((await world.run([NAME], ['--server', server, '--renew-force']).finished).code).toBe(0);
    kids.push(ca.calls.findLast(({ step }) => step === 'newOrder')?.header.kid);
  }
  const keys = ca.calls.filter(({ step }) => step === 'account').map(({ header }) => JSON.stringify(header.jwk));
  expect([keys.length, new Set(keys).size]).toEqual([2, 2]);
  // The second time, each was found again.
  expect(kids.slice(2)).toEqual(kids.slice(0, 2));
  expect(new Set(kids).size).toBe(2);
});

describeWith(['pebble', 'named', 'dig', 'openssl'], 'with Pebble, which checks every signature', () => {
  it('key rollover can lose the account', async () => {
    const lab = await startLab();
    const proxy = await startAcmeProxy(lab);
    const { directoryUrl } = proxy;
    const path = join(newFolder(), 'store');
    const run = async (name: string) =>
      quoin(runArgs({ ...lab, directoryUrl }, path, [`${name}.${NAME}`]), bindEnv(lab)).finished;
    const account = (command: string) =>
      quoin(
        ['account', command, '--path', path, '--server', directoryUrl, '--ca-certificates', lab.caFile, '--json'],
        bindEnv(lab),
      );
    const shown = async () => (await ended(account('show'))).json.account;
    try {
      expect((await run('first')).code).toBe(0);
      const { url } = await shown();
      const keys = [keyIn(path)];
      // The process dies while the request is under way: before the CA hears of it, and when only quoin does not know.
      for (const moment of ['before', 'after'] as const) {
        const killed = account('rollover');
        proxy.intercept = async (step, when) => {
          if (step !== 'other' || when !== moment) return undefined;
          proxy.intercept = undefined;
          killed.child.kill('SIGKILL');
          await killed.finished;
          return 'drop';
        };
        expect(await killed.finished).toMatchObject({ signal: 'SIGKILL' });
        // Whichever key the CA has now, the account goes on.
        expect([moment, (await run(moment)).code]).toEqual([moment, 0]);
        expect([moment, (await account('rollover').finished).code]).toEqual([moment, 0]);
        expect([moment, (await run(`${moment}-again`)).code]).toEqual([moment, 0]);
        expect((await shown()).url).toBe(url);
        keys.push(keyIn(path));
      }
      expect(new Set(keys).size).toBe(3);
    } finally {
      await proxy.stop();
      await lab.stop();
    }
  });
});

it('credentials in hook environments and debug output', async () => {
  const secret = 'hunter2-hunter2';
  const basic = Buffer.from(`me:${secret}`).toString('base64');
  const seen = join(newFolder(), 'seen');
  const env = { HTTPREQ_USERNAME: 'me', HTTPREQ_PASSWORD: secret, OTHER: 'kept' };
  const hooks = ['pre', 'deploy', 'post'].flatMap((kind) => [`--${kind}-hook`, `env | tee -a '${seen}'`]);
  const { code, stdout, stderr } = await world.run([NAME], [...hooks, '--debug'], env).finished;
  expect(code).toBe(0);
  const environments = readFileSync(seen, 'utf8');
  expect(environments.match(/^(?:OTHER=kept|HTTPREQ_USERNAME=me|LEGO_CERT_DOMAIN=example\.test)$/gmu)).toHaveLength(9);
  for (const place of [environments, stdout, stderr])
    for (const spelling of [secret, basic]) expect(place.includes(spelling)).toBe(false);

  const wanted = [...hooks, '--hook-env', 'HTTPREQ_PASSWORD', '--renew-force', '--debug'];
  const passed = await world.run([NAME], wanted, env).finished;
  expect([passed.code, countOf(`HTTPREQ_PASSWORD=${secret}`, readFileSync(seen, 'utf8'))]).toEqual([0, 3]);
  // What the hooks said is in the log, where it is hidden again.
  expect([passed.stderr.includes(secret), passed.stderr.includes('HTTPREQ_PASSWORD=***')]).toEqual([false, true]);
});

it('`5m` silently becomes the default', async () => {
  const sandbox = await startSandboxProcess();
  const argv = ['run', '--path', join(newFolder(), 'store'), '-d', NAME, '--dns.propagation.wait', '1m'];
  const running = quoin(argv, { ...sandbox.environment, RFC2136_TTL: '5m' });
  await running.sees('published 1');
  const dig = ['@127.0.0.1', '-p', String(sandbox.dns.port), '+noall', '+answer', `_acme-challenge.${NAME}`, 'TXT'];
  expect(execFileSync('dig', dig, { encoding: 'utf8' })).toMatch(/^\S+\s+300\s/u);
  running.child.kill('SIGINT');
  await running.finished;
  const wrong = await ended(quoin([...argv, '--json'], { ...sandbox.environment, RFC2136_TTL: '5 minutes' }));
  expect([wrong.code, wrong.json.error.message]).toEqual([2, expect.stringContaining('RFC2136_TTL')]);
});

it('mixed-case names fail', async () => {
  const { code, json } = await world.runJson(['Example.TEST', '*.eXample.test', 'EXAMPLE.test']);
  expect([code, json.certificate?.names]).toEqual([0, [NAME, `*.${NAME}`]]);
  expect(new Set(presented())).toEqual(new Set([`_acme-challenge.${NAME}`]));
});

it('no usable exit codes or JSON', async () => {
  const { api, ca } = world;
  ca.mood = ({ step, payload }) =>
    step === 'newOrder' && JSON.stringify(payload).includes('refused') ? problem(403, 'rejectedIdentifier') : undefined;
  api.handle = ({ fqdn }) => (fqdn.includes('denied') ? 401 : fqdn.includes('hidden') ? 200 : undefined);
  const file = join(newFolder(), 'file');
  writeFileSync(file, '');
  const run = (name: string, env: Record<string, string> = {}) =>
    world.runJson([`${name}.${NAME}`], [], { QUOIN_PATH: join(newFolder(), 'store'), ...env });
  const results = await Promise.all([
    run('good'),
    run('unset', { QUOIN_DNS: 'cloudflare' }),
    run('refused'),
    run('denied'),
    run('hidden', { HTTPREQ_PROPAGATION_TIMEOUT: '1' }),
    run('nowhere', { QUOIN_PATH: join(file, 'store') }),
  ]);
  expect(results.map(({ code, json }) => [code, json.error?.code ?? json.action])).toEqual([
    [0, 'issued'],
    [2, 'CONFIG'],
    [3, 'ACME_REJECTED_IDENTIFIER'],
    [4, 'PROVIDER_AUTH'],
    [5, 'PROPAGATION'],
    [6, 'STORAGE'],
  ]);
  for (const { json } of results.slice(1)) expect(json.error.message).toMatch(/\S/u);
});

it('prompts without a `--yes`', async () => {
  world.ca.meta = { termsOfService: 'https://ca.example/terms' };
  // With a terminal to ask at, and nobody who answers.
  const program = fileURLToPath(new URL('../../bin/quoin.js', import.meta.url));
  const command = `'${process.execPath}' '${program}' run -d ${NAME}; echo "exit code $?"`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { PATH: process.env.PATH, TERM: 'xterm', ...world.env, QUOIN_ACCEPT_TOS: 'false' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk) => (said += chunk));
  await new Promise((resolve) => child.once('close', resolve));
  expect(said).toContain('pass --accept-tos');
  expect(said).toContain('https://ca.example/terms');
  expect(said).toContain('exit code 2');
});

it('changed key type or chain not noticed', async () => {
  const { ca, store } = world;
  const run = async (...flags: string[]) => (await world.runJson([NAME], flags)).json.action;
  const leaf = () => new X509Certificate(readFileSync(join(store, `certificates/${NAME}.crt`)));
  const actions = [await run(), await run(), await run('-k', 'ec384')];
  expect(actions).toEqual(['issued', 'unchanged', 'renewed']);
  expect(leaf().publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'secp384r1' });
  const chain = ['-k', 'ec384', '--preferred-chain', ca.issuerName];
  expect([await run(...chain), await run(...chain), ca.issued]).toEqual(['renewed', 'unchanged', 3]);
});

it("clean-up deletes other people's TXT values (18 providers)", async () => {
  const folder = fileURLToPath(new URL('../../src/dns/providers', import.meta.url));
  const codes = readdirSync(folder).map((file) => file.replace(/\.ts$/u, ''));
  const byHand = 'manual';
  const fqdn = '_acme-challenge.example.com';
  const values = [{ fqdn, value: 'one' }];
  const kept: string[] = [];
  for (const code of codes) {
    const fixture = ((await import(`../../fixtures/dns/${code}.ts`)) as { default: () => Fixture }).default();
    // A service with one value for a name cannot keep two, whoever writes them.
    if (code === byHand || fixture.cannot?.['adds a value next to values of others']) continue;
    const { dns, server, open } = await fakeVendor(await resolveProvider(code, '.'), fixture);
    try {
      dns.add('example.com', 'TXT', fqdn, 'of another client', 300);
      const before = dns.snapshot();
      // Two sessions, as clean-up after a crash has it.
      for (const action of ['add', 'remove'] as const) {
        const session = await open(server.env);
        await session[action](values);
        await session.close();
        expect({ code, txt: dns.txt(fqdn) }).toEqual({
          code,
          txt: ['of another client', ...(action === 'add' ? ['one'] : []), 'someone-else'],
        });
      }
      expect({ code, ...dns.snapshot() }).toEqual({ code, ...before });
      kept.push(code);
    } finally {
      await server.close();
    }
  }
  expect(kept.length).toBeGreaterThan(45);
});

it('the MX records of a Namecheap zone are lost (no EmailType)', async () => {
  const provider = await resolveProvider('namecheap', '.');
  // This vendor forgets the mail settings of whoever does not send them along.
  const { dns, server, open } = await fakeVendor(provider, namecheapFixture());
  try {
    dns.add('example.com', 'MX', 'example.com', 'mx.example.net.', 1799);
    const before = dns.snapshot();
    const values = [{ fqdn: '_acme-challenge.example.com', value: 'one' }];
    const session = await open();
    await session.add(values);
    expect(dns.records('example.com')).toContainEqual(
      expect.objectContaining({ type: 'MX', value: 'mx.example.net.' }),
    );
    expect(dns.txt('_acme-challenge.example.com')).toEqual(['one', 'someone-else']);
    await session.remove(values);
    await session.close();
    expect(dns.snapshot()).toEqual(before);
    expect(server.violations).toEqual([]);
  } finally {
    await server.close();
  }
});
