import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HostileCa, problem, type Reply, startHostileCa } from '../helpers/hostile-ca.ts';
import { quoin } from '../helpers/servers.ts';
import { ended, type SmallWorld, startSmallWorld } from '../helpers/small-world.ts';

const NAME = 'a.example.test';
/** A day and ten hours: what Let's Encrypt asks for at times. */
const LONG_S = 122_400;

let world: SmallWorld;
let first: HostileCa;
let second: HostileCa;
beforeEach(async () => {
  world = await startSmallWorld();
  second = world.ca;
  first = await startHostileCa();
  first.verdict = second.verdict;
});
afterEach(async () => {
  expect(world.txt()).toEqual([]);
  await Promise.all([first.close(), world.stop()]);
});

const both = () => ['--server', first.directoryUrl, '--server', second.directoryUrl];
/** Nobody waits for a CA to come back. */
const run = (servers: readonly string[], ...flags: string[]) =>
  world.runJson([NAME], [...servers, '--max-wait', '0s', ...flags]);
const renew = (...flags: string[]) => {
  const { QUOIN_SERVER: _, ...env } = world.env;
  return ended(quoin(['renew', '--no-random-sleep', '--max-wait', '0s', ...flags, '--json'], env));
};
const record = () => JSON.parse(readFileSync(join(world.store, `certificates/${NAME}.json`), 'utf8')).quoin;
const stateOf = () => JSON.parse(readFileSync(join(world.store, `renewals/${NAME}.json`), 'utf8'));
const orderFile = join('orders', `${NAME}.json`);
const down = () => ({ cut: true });
const limited =
  (seconds = LONG_S) =>
  ({ step }: { step: string }): Reply | undefined =>
    step === 'newOrder'
      ? {
          ...problem(429, 'rateLimited', { detail: 'too many certificates' }),
          headers: { 'retry-after': `${seconds}` },
        }
      : undefined;
const inSeconds = (time: string) => (Date.parse(time) - Date.now()) / 1000;
/** CAA records of the zone. */
const caa = (...records: string[]) => {
  for (const { zones } of world.dns.servers.values())
    zones.get('example.test')?.push(...records.map((text) => ['example.test', 'CAA', text] as const));
};

describe('the first CA', () => {
  it.each<[string, () => readonly string[], HostileCa['mood']]>([
    ['refuses connections', () => ['--server', 'http://127.0.0.1:1/dir', '--server', second.directoryUrl], undefined],
    ['answers 503 to all', both, () => ({ status: 503, body: '<h1>down for maintenance</h1>' })],
    [
      'answers 502 with a problem of no ACME type to the order',
      both,
      ({ step }) =>
        step === 'newOrder' ? { status: 502, body: { type: 'about:blank', detail: 'upstream' } } : undefined,
    ],
    ['fails inside', both, ({ step }) => (step === 'finalize' ? problem(500, 'serverInternal') : undefined)],
    ['has had enough for a day', both, limited()],
  ])('%s: the second one issues, to an account of its own', async (_, servers, mood) => {
    first.mood = mood;
    const { code, json, stderr } = await run(servers());
    expect([code, json.action, json.certificate?.issuer]).toEqual([0, 'issued', 'Hostile Root']);
    expect(stderr).toContain(`turning to ${new URL(second.url).host}`);
    expect([second.issued, second.count('account')]).toEqual([1, 1]);
    const folders = readdirSync(join(world.store, 'accounts'));
    expect(folders).toContain(new URL(second.url).host.replace(':', '_'));
    expect(existsSync(join(world.store, orderFile))).toBe(false);
  });

  it('is asked first again by the next renewal, and a certificate of the second one is as good till then', async () => {
    first.mood = down;
    await run(both());
    const servers = [first.directoryUrl, second.directoryUrl];
    expect(record()).toMatchObject({ servers, directoryUrl: second.directoryUrl });
    first.mood = undefined;
    expect((await run(both())).json.action).toBe('unchanged');
    expect((await renew()).json.certificates).toMatchObject([{ name: NAME, action: 'unchanged' }]);
    expect((await renew('--renew-force')).json.certificates).toMatchObject([{ name: NAME, action: 'renewed' }]);
    expect([first.issued, second.issued]).toEqual([1, 1]);
    expect(record()).toMatchObject({ servers, directoryUrl: first.directoryUrl });
    expect((await run(both())).json.action).toBe('unchanged');
  });

  it('is asked once, not by each of many certificates, when it is down', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'].map((label) => `${label}.example.test`);
    for (const name of names) await world.runJson([name], both());
    first.mood = down;
    const before = first.calls.length;
    const { code, json } = await renew('--renew-force', '--parallel', '1');
    expect([code, json.summary.renewed, second.issued]).toEqual([0, names.length, names.length]);
    expect(first.calls.length - before).toBe(1);
  });

  it('gets the binding of an external account only where it demands one', async () => {
    first.mood = down;
    second.meta = { externalAccountRequired: true };
    const eab = ['--eab', '--kid', 'kid-1', '--hmac', Buffer.alloc(32, 7).toString('base64url')];
    await run(both(), ...eab);
    const bindings = (ca: HostileCa) =>
      ca.calls.flatMap(({ step, payload }) =>
        step === 'account' ? [payload?.externalAccountBinding !== undefined] : [],
      );
    expect(bindings(second)).toEqual([true]);
    first.mood = undefined;
    await run(both(), ...eab, '--renew-force');
    expect([bindings(first), first.issued]).toEqual([[false], 1]);
  });
});

describe('the order at the first CA that broke down meanwhile', () => {
  /** Issues the certificate, and is gone before it could say so. */
  const dies: HostileCa['mood'] = ({ step }) => {
    if (first.issued > 0) return { cut: true };
    return step === 'finalize' ? { cut: true, afterwards: true } : undefined;
  };

  it.each<[string, () => void, string]>([
    [
      'refused',
      () => {
        second.mood = ({ step }) => (step === 'finalize' ? problem(403, 'rejectedIdentifier') : undefined);
      },
      'ACME_REJECTED_IDENTIFIER',
    ],
    [
      'issued for other names',
      () => {
        second.rename = () => ['other.test'];
      },
      'ACME_CERTIFICATE',
    ],
  ])('is gone on with, with its key, where the second CA %s', async (_, spoil, code) => {
    first.mood = dies;
    spoil();
    const failed = await run(both());
    expect([failed.code, failed.json.error.code]).toEqual([3, code]);
    expect(failed.json.error.servers).toMatchObject([
      { server: first.directoryUrl, code: 'ACME_UNAVAILABLE' },
      { server: second.directoryUrl, code },
    ]);
    first.mood = undefined;
    const [issued, made] = [second.issued, second.count('newOrder')];
    const again = await run(both());
    expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('resuming the order')]);
    expect([first.issued, first.count('newOrder')]).toEqual([1, 1]);
    expect([second.issued, second.count('newOrder')]).toEqual([issued, made]);
    expect(existsSync(join(world.store, orderFile))).toBe(false);
  });

  it('is given up once the second CA has issued: the next renewal makes a new one', async () => {
    first.mood = dies;
    expect((await run(both())).json.action).toBe('issued');
    expect(existsSync(join(world.store, orderFile))).toBe(false);
    first.mood = undefined;
    await renew('--renew-force');
    expect([first.issued, first.count('newOrder'), second.issued]).toEqual([2, 2, 1]);
  });
});

describe('CAA records', () => {
  beforeEach(() => {
    first.mood = down;
    second.meta = { caaIdentities: ['Second.test', 'other.test'] };
  });

  it.each([
    ['let another CA issue', ['0 issue first.test'], 'not second.test, other.test'],
    ['let nobody issue', ['0 issue ;'], 'no CA may issue'],
    ['want another way of proving', ['0 issue second.test; validationmethods=http-01'], 'leaves dns-01 out'],
    ['name other accounts', ['0 issue second.test; accounturi=https://ca.test/account/7'], 'they name accounts'],
  ])('that %s keep the second CA from being asked', async (_, records, why) => {
    caa(...records);
    const { code, json } = await run(both());
    expect([code, json.error.code]).toEqual([3, 'ACME_CAA']);
    expect(json.error.message).toContain('the CAA records of example.test do not let');
    expect(json.error.message).toContain(why);
    expect(json.error.message).toContain(`before that ${new URL(first.url).host}: acme: could not read the directory`);
    expect([second.count('account'), second.count('newOrder')]).toEqual([0, 0]);
  });

  it.each([
    ['name it', ['0 issue first.test', '0 issue second.test']],
    ['name its account', ['0 issue second.test; accounturi=ACCOUNT']],
    ['restrict wildcards only', ['0 issuewild ;']],
  ])('that %s let it issue', async (_, records) => {
    if (records.join().includes('ACCOUNT'))
      await world.runJson(['first.example.test'], ['--server', second.directoryUrl]);
    caa(...records.map((text) => text.replace('ACCOUNT', `${second.url}/account/1`)));
    expect((await run(both())).json.action).toBe('issued');
  });

  it('are not read for the first CA, which reads them itself', async () => {
    caa('0 issue ;');
    first.mood = undefined;
    first.meta = { caaIdentities: ['first.test'] };
    expect((await run(both())).json.action).toBe('issued');
    expect(first.issued).toBe(1);
  });
});

describe('A7: a CA that names a time', () => {
  const one = () => ['--server', first.directoryUrl];
  const stepsAt = (ca: HostileCa) => ca.calls.length;

  it('ends the run at once, is not asked before, but is with --renew-force', async () => {
    first.mood = limited();
    const begun = performance.now();
    const failed = await world.runJson([NAME], one());
    expect(performance.now() - begun).toBeLessThan(20_000);
    const { error } = failed.json;
    expect([failed.code, error.code, first.count('newOrder')]).toEqual([3, 'ACME_RATE_LIMITED', 1]);
    expect(error.message).toContain('too many certificates');
    expect(inSeconds(error.notBefore)).toBeGreaterThan(LONG_S - 60);
    expect(stateOf().failure).toMatchObject({ count: 1, limits: { [first.directoryUrl]: error.notBefore } });

    const asked = stepsAt(first);
    const waits = await world.runJson([NAME], one());
    expect([waits.code, waits.json.error]).toMatchObject([
      3,
      { code: 'ACME_RATE_LIMITED', notBefore: error.notBefore },
    ]);
    expect(waits.json.error.message).toContain(`not tried again before ${error.notBefore}`);
    expect([stepsAt(first), stateOf().failure.count]).toEqual([asked, 1]);

    first.mood = undefined;
    expect((await world.runJson([NAME], [...one(), '--renew-force'])).json.action).toBe('issued');
    expect(stateOf().failure).toBeUndefined();
  });

  it('does not keep another CA from being asked', async () => {
    first.mood = limited();
    await run(one());
    const asked = stepsAt(first);
    expect((await run(['--server', second.directoryUrl])).json.action).toBe('issued');
    expect(stepsAt(first)).toBe(asked);
  });

  it('is passed over till then, while the other one is tried again', async () => {
    first.mood = limited();
    second.mood = down;
    const failed = await run(both());
    expect([failed.code, failed.json.error.notBefore]).toEqual([3, undefined]);
    const asked = stepsAt(first);
    second.mood = undefined;
    const again = await run(both());
    expect([again.json.action, second.issued, stepsAt(first)]).toEqual(['issued', 1, asked]);
    expect(again.stderr).toMatch(/is not asked before \d{4}-.*turning to/u);
  });

  it('is waited for when both do, for the shorter time of the two', async () => {
    first.mood = limited();
    second.mood = limited(3_600);
    const failed = await run(both());
    const { notBefore } = failed.json.error;
    expect([failed.code, failed.json.error.code]).toEqual([3, 'ACME_RATE_LIMITED']);
    expect(inSeconds(notBefore)).toBeLessThanOrEqual(3_600);
    const asked = [stepsAt(first), stepsAt(second)];
    const waits = await run(both());
    expect([waits.code, waits.json.error.notBefore]).toEqual([3, notBefore]);
    expect([stepsAt(first), stepsAt(second)]).toEqual(asked);
  });
});
