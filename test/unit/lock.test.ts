import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireLock, tryLock } from '../../src/lock.ts';
import { type Holder, stateOf, thisProcess } from '../../src/lock-holder.ts';
import { silentLog } from '../../src/log.ts';
import { bundle, newFolder, runChild } from '../helpers/child.ts';

let folder: string;
let path: string;
const never = new AbortController().signal;
const options = { what: 'certificate example.com', log: silentLog, signal: never };
const plant = (holder: object | string, ageSeconds = 0) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof holder === 'string' ? holder : JSON.stringify(holder));
  const then = Date.now() / 1000 - ageSeconds;
  utimesSync(path, then, then);
};
const other = (changes: Partial<Holder>): Holder => ({ token: 'another', ...thisProcess(), ...changes });

beforeEach(() => {
  folder = newFolder();
  path = join(folder, 'locks', 'certificate-example.com');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('is held by one at a time, within one process too, and leaves nothing behind', async () => {
  const lock = await acquireLock(path, options);
  expect(await tryLock(path)).toBeUndefined();
  await lock.release();
  const next = await tryLock(path);
  await lock.release(); // A second release must not take the lock from the next holder.
  expect(await tryLock(path)).toBeUndefined();
  await next?.release();
  expect(readdirSync(dirname(path))).toEqual([]);
});

it('waits for the holder, telling who that is', async () => {
  const lock = await acquireLock(path, options);
  const told: string[] = [];
  const order: string[] = [];
  const waiting = acquireLock(path, { ...options, log: { ...silentLog, waiting: (text) => told.push(text) } }).then(
    (second) => {
      order.push('second');
      return second;
    },
  );
  while (told.length === 0) await sleep(10);
  order.push('release');
  await lock.release();
  await (await waiting).release();
  expect(order).toEqual(['release', 'second']);
  expect(told[0]).toBe(`waiting for certificate example.com, in use by process ${process.pid} on ${hostname()}`);
});

it('ends waiting with the reason of the abort', async () => {
  const lock = await acquireLock(path, options);
  const controller = new AbortController();
  const reason = new Error('interrupted by SIGINT');
  setTimeout(() => controller.abort(reason), 30);
  await expect(acquireLock(path, { ...options, signal: controller.signal })).rejects.toBe(reason);
  await lock.release();
});

it('takes over at once after the holder was killed', async () => {
  const script = bundle(`
    import { acquireLock } from './src/lock.ts';
    const log = { debug() {}, info() {}, warn() {}, waiting() {} };
    await acquireLock(process.argv[2], { what: 'it', log, signal: new AbortController().signal });
    console.log('held');
    setInterval(() => {}, 1000);
  `);
  const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  expect(await tryLock(path)).toBeUndefined();
  child.kill('SIGKILL');
  await once(child, 'exit');
  const lock = await tryLock(path);
  expect(lock).toBeDefined();
  await lock?.release();
});

const onLinux = existsSync('/proc/self/stat') ? it : it.skip;

onLinux('takes over from a process whose id is used by another one now', async () => {
  plant(other({ started: '1' }));
  expect(await tryLock(path)).toBeDefined();
});

onLinux('takes over from before a reboot of this machine', async () => {
  plant(other({ boot: 'an earlier one' }));
  expect(await tryLock(path)).toBeDefined();
});

onLinux('takes over from a killed process that its parent has not waited for', async () => {
  // sh starts a child, becomes sleep, and so never waits for it.
  const parent = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await once(parent.stdout, 'data');
  const pid = Number(String(line));
  const stat = () =>
    readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /su, '')
      .split(' ');
  const started = stat()[19]!;
  expect(stateOf(other({ pid, started }))).toBe('alive');
  while (stat()[0] !== 'Z') await sleep(10);
  expect(stateOf(other({ pid, started }))).toBe('dead');
  parent.kill();
  await once(parent, 'exit');
});

it.each([
  ['another host', { host: 'elsewhere', boot: 'b', machine: 'm' }],
  ['a container on this machine', { host: 'c0ffee', space: 'pid:[1]' }],
  ['another host of the same name', { boot: 'b', machine: 'm' }],
])('believes a lock of %s until it has been silent for a minute', async (_, changes) => {
  plant(other({ pid: 4_000_000, ...changes }), 40);
  expect(await tryLock(path)).toBeUndefined();
  plant(other({ pid: 4_000_000, ...changes }), 70);
  expect(await tryLock(path)).toBeDefined();
});

it.each(['', 'no JSON', '{"token":"../../x","pid":1,"host":"h"}'])('ages a lock file that says %j', async (text) => {
  plant(text, 40);
  expect(await tryLock(path)).toBeUndefined();
  plant(text, 70);
  expect(await tryLock(path)).toBeDefined();
});

onLinux('follows the chain when a successor died before it could make itself the first', async () => {
  plant(other({ token: 'first', started: '1' }));
  writeFileSync(`${path}.first.next`, JSON.stringify(other({ token: 'second', started: '1' })));
  const lock = await tryLock(path);
  expect(lock).toBeDefined();
  expect(await tryLock(path)).toBeUndefined();
  await lock?.release();
});

it('says what is wrong where no lock can be made', async () => {
  writeFileSync(join(folder, 'locks'), 'a file in the way');
  await expect(tryLock(path)).rejects.toMatchObject({ exitCode: 6, message: expect.stringContaining('locks') });
});

/*
 * Every holder in this test "dies": it leaves the lock behind, in the name of a dead process. So every acquisition is a
 * race of all children to succeed the same dead holder.
 */
onLinux(
  'lets exactly one of many succeed a dead holder, over and over',
  async () => {
    const script = bundle(`
    import { rmSync, openSync, closeSync, appendFileSync, renameSync, writeFileSync, readFileSync } from 'node:fs';
    import { tryLock } from './src/lock.ts';
    const [path, folder] = process.argv.slice(2);
    const until = Date.now() + 3_000;
    let taken = 0;
    while (Date.now() < until) {
      const lock = await tryLock(path);
      if (!lock) continue;
      try {
        closeSync(openSync(folder + '/inside', 'wx'));
      } catch {
        appendFileSync(folder + '/overlaps', process.pid + '\\n');
      }
      taken += 1;
      if (Math.random() < 0.3) await new Promise((resolve) => setTimeout(resolve, 1));
      rmSync(folder + '/inside', { force: true });
      if (Math.random() < 0.2) { await lock.release(); continue; }
      const mine = JSON.parse(readFileSync(path, 'utf8'));
      const dead = folder + '/dead-' + process.pid;
      writeFileSync(dead, JSON.stringify({ ...mine, token: mine.token.slice(0, -4) + 'dead', started: '1' }));
      renameSync(dead, path);
    }
    console.log(taken);
    process.exit(0);
  `);
    plant(other({ token: 'first', started: '1' }));
    const ended = await Promise.all(Array.from({ length: 20 }, () => runChild(script, [path, folder])));
    expect(ended.map(({ stderr }) => stderr).join('')).toBe('');
    expect(existsSync(join(folder, 'overlaps'))).toBe(false);
    const taken = ended.map(({ stdout }) => Number(stdout));
    expect(taken.filter((count) => count > 0).length).toBeGreaterThan(5);
  },
  60_000,
);
