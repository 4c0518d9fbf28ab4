import { createKeyLocks } from '../../../src/dns/key-locks.ts';

const never = new AbortController().signal;
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Pieces of work that say when they begin and end, and go on until they are told to end. */
function worker() {
  const log: string[] = [];
  const locks = createKeyLocks();
  const start = (name: string, keys: readonly string[], signal = never) => {
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const onWait = (key: string) => log.push(`${name} waits for ${key}`);
    const done = locks.hold(keys, { signal, onWait }, async () => {
      log.push(`${name} begins`);
      await ended;
      log.push(`${name} ends`);
      return name;
    });
    done.catch(() => {});
    return { end, done };
  };
  return { log, start, locks };
}

it('has work wait that has a key in common, in the order of asking, and no other', async () => {
  const { log, start } = worker();
  const a = start('a', ['x', 'y']);
  const b = start('b', ['z', 'y']);
  const c = start('c', ['y']);
  const d = start('d', []);
  const e = start('e', ['w']);
  await settle();
  expect(log.sort()).toEqual(['a begins', 'b waits for y', 'c waits for y', 'd begins', 'e begins']);
  log.length = 0;
  for (const one of [a, b, c, d, e]) one.end();
  expect(await Promise.all([a, b, c, d, e].map(({ done }) => done))).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(log.filter((line) => /^[abc]/u.test(line))).toEqual(['a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});

it('does not let two wait for each other, whatever order they name their keys in', async () => {
  const { start } = worker();
  const both = [start('a', ['x', 'y']), start('b', ['y', 'x']), start('c', ['y', 'x', 'y'])];
  for (const one of both) one.end();
  expect(await Promise.all(both.map(({ done }) => done))).toEqual(['a', 'b', 'c']);
});

it('lets go after a failure', async () => {
  const { locks, start } = worker();
  const failing = locks.hold(['x'], { signal: never }, async () => {
    throw new Error('no');
  });
  const next = start('next', ['x']);
  next.end();
  await expect(failing).rejects.toThrow('no');
  expect(await next.done).toBe('next');
});

it('lets whoever is aborted leave the line, and nobody pass who is before it', async () => {
  const { log, start } = worker();
  const abort = new AbortController();
  const first = start('first', ['x']);
  const second = start('second', ['x', 'y'], abort.signal);
  const third = start('third', ['x']);
  await settle();
  abort.abort(new Error('Ctrl-C'));
  await expect(second.done).rejects.toThrow('Ctrl-C');
  await settle();
  expect(log).not.toContain('third begins');
  third.end();
  first.end();
  await third.done;
  const begun = log.filter((line) => !line.includes('waits'));
  expect(begun).toEqual(['first begins', 'first ends', 'third begins', 'third ends']);
});

it('does not begin what was aborted before', async () => {
  const { log, start } = worker();
  await expect(start('late', ['x'], AbortSignal.abort(new Error('Ctrl-C'))).done).rejects.toThrow('Ctrl-C');
  expect(log).toEqual([]);
});
