import { remember } from '../../src/remember.ts';

it('keeps so many answers, and lets go of the oldest', () => {
  const known = new Map<string, number>();
  for (const [n, key] of ['a', 'b', 'c', 'b', 'd'].entries()) remember(known, key, n, 3);
  expect([...known]).toEqual([
    ['b', 3],
    ['c', 2],
    ['d', 4],
  ]);
});

it('keeps thousands by itself, and does not grow without end', () => {
  const known = new Map<number, number>();
  for (let n = 0; n < 20_000; n += 1) remember(known, n, n);
  expect(known.size).toBeGreaterThanOrEqual(1_000);
  expect(known.size).toBeLessThan(10_000);
  expect(known.has(19_999)).toBe(true);
});
