import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AcmeProxy, type AcmeStep, startAcmeProxy, type When } from '../helpers/acme-proxy.ts';
import { bindEnv, countIn, describeWith, type Lab, pairMatches, quoin, runArgs, startLab } from '../helpers/servers.ts';

const name = 'killed.example.test';

/** The run is killed while a request is under way: before the CA hears of it, or after, when only the client has not heard. */
describeWith(['pebble', 'named', 'dig', 'openssl'], 'quoin run, killed during a request to the CA', () => {
  let lab: Lab;
  let proxy: AcmeProxy;
  let store: string;
  beforeAll(async () => {
    lab = await startLab();
    proxy = await startAcmeProxy(lab);
  });
  afterAll(async () => {
    await proxy.stop();
    await lab.stop();
  });
  beforeEach(() => {
    store = mkdtempSync(join(tmpdir(), 'quoin-store-'));
  });
  afterEach(() => {
    proxy.intercept = undefined;
    rmSync(store, { recursive: true, force: true });
  });
  const start = () => quoin(runArgs({ ...lab, directoryUrl: proxy.directoryUrl }, store, [name]), bindEnv(lab));
  const counted = (part: string) => countIn(lab.pebbleLog(), part);

  const points: (readonly [AcmeStep, When, orders: number])[] = [
    ['newAccount', 'before', 1],
    ['newAccount', 'after', 1],
    ['newOrder', 'before', 1],
    // The CA made an order whose URL nobody knows: the only one that has to be made again.
    ['newOrder', 'after', 2],
    ['authorization', 'after', 1],
    ['challenge', 'before', 1],
    ['challenge', 'after', 1],
    ['finalize', 'before', 1],
    ['finalize', 'after', 1],
    ['certificate', 'before', 1],
    ['certificate', 'after', 1],
  ];

  it.each(points)('%s, %s the CA has done it: the next run ends the work', async (step, when, orders) => {
    const before = { orders: counted('Added order "'), certificates: counted('Issued certificate serial') };
    const killed = start();
    let struck = false;
    proxy.intercept = async (at, moment) => {
      if (struck || at !== step || moment !== when) return undefined;
      struck = true;
      killed.child.kill('SIGKILL');
      await killed.finished;
      return 'drop';
    };
    expect(await killed.finished).toMatchObject({ signal: 'SIGKILL' });
    expect(struck).toBe(true);

    const again = await start().finished;
    expect([again.code, again.stderr.match(/error.*/u)]).toEqual([0, null]);
    expect(lab.txt(`_acme-challenge.${name}`)).toEqual([]);
    expect(pairMatches(store, name)).toBe(true);
    expect(counted('Issued certificate serial') - before.certificates).toBe(1);
    expect(counted('Added order "') - before.orders).toBe(orders);
    expect([readdirSync(join(store, 'journal')), readdirSync(join(store, 'orders'))]).toEqual([[], []]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s during finalize leaves an order that the next run takes up',
    async (by) => {
      const certificates = counted('Issued certificate serial');
      const stopped = start();
      proxy.intercept = async (at, moment) => {
        if (at !== 'finalize' || moment !== 'after') return undefined;
        stopped.child.kill(by);
        await stopped.finished;
      };
      expect(await stopped.finished).toMatchObject({ code: by === 'SIGINT' ? 130 : 143 });
      expect(lab.txt(`_acme-challenge.${name}`)).toEqual([]);
      proxy.intercept = undefined;
      expect(await start().finished).toMatchObject({ code: 0 });
      expect(counted('Issued certificate serial') - certificates).toBe(1);
      expect(pairMatches(store, name)).toBe(true);
    },
  );
});
