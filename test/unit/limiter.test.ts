import { limiter } from '../../src/limiter.ts';

describe('limiter', () => {
  it.each([0, 1, 2, 3, 4, 5])(
    'never runs more at a time than it may: one comes %i ticks after another ended',
    async (ticks) => {
      const limited = limiter(1);
      let [running, most] = [0, 0];
      const task = async (until: Promise<void>) => {
        running += 1;
        most = Math.max(most, running);
        await until;
        running -= 1;
      };
      let end = () => {};
      const later = () => new Promise<void>((resolve) => void setImmediate(resolve));
      const first = limited(() => task(new Promise((resolve) => (end = resolve))));
      const second = limited(() => task(later()));
      end();
      for (let i = 0; i < ticks; i += 1) await null;
      const third = limited(() => task(later()));
      await Promise.all([first, second, third]);
      expect(most).toBe(1);
    },
  );

  it('gives places to those who wait in the order of their coming, and goes on after failures', async () => {
    const limited = limiter(1);
    const order: number[] = [];
    const all = [1, 2, 3].map((n) =>
      limited(async () => {
        order.push(n);
        if (n === 1) throw new Error('first');
      }),
    );
    expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(order).toEqual([1, 2, 3]);
  });
});
