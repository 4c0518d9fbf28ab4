import { getEventListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { link } from '../../src/deadline.ts';

describe('a linked signal', () => {
  it('fires with its source, and with the same reason', () => {
    const source = new AbortController();
    const { signal, release } = link(source.signal);
    source.abort(new Error('stop'));
    expect(signal.reason).toEqual(new Error('stop'));
    release();
    expect(link(source.signal).signal.reason).toEqual(new Error('stop'));
  });

  it('fires by itself when the time is over, and says so', async () => {
    const linked = link(undefined, 5);
    await new Promise((resolve) => linked.signal.addEventListener('abort', resolve));
    expect([linked.expired, (linked.signal.reason as Error).name]).toEqual([true, 'TimeoutError']);
  });

  it('lets go of its source, and many of one source draw no warning', async () => {
    const source = new AbortController();
    const warned: Error[] = [];
    const onWarning = (warning: Error) => void warned.push(warning);
    process.on('warning', onWarning);
    const all = Array.from({ length: 50 }, () => link(source.signal, 60_000));
    expect(getEventListeners(source.signal, 'abort')).toHaveLength(50);
    for (const { release } of all) release();
    expect(getEventListeners(source.signal, 'abort')).toHaveLength(0);
    await nextTurn(); // Node warns a moment later.
    process.off('warning', onWarning);
    expect(warned).toEqual([]);
  });
});
