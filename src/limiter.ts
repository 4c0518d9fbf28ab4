/** Runs at most `most` of the given tasks at a time, the others in the order of their coming. */
export function limiter(most: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running < most) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      // The place is handed on, so that nobody who comes now can slip in before the one who waits.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
