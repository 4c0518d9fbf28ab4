/** The known word that is most like a mistyped one; undefined when none is near. */
export function closest(word: string, known: Iterable<string>): string | undefined {
  const lower = word.toLowerCase();
  const [best] = [...known]
    .map((name) => ({ name, away: distance(lower, name.toLowerCase()) }))
    .filter(({ name, away }) => away <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.away - b.away);
  return best?.name;
}

export const didYouMean = (word: string, known: Iterable<string>): string => {
  const close = closest(word, known);
  return close === undefined ? '' : `; did you mean ${close}?`;
};

/** Letters to be put in, left out, replaced, or swapped with their neighbour. Words that differ much in length are far apart. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > b.length / 3 + 1) return Number.POSITIVE_INFINITY;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const [up = 0, left = 0, corner = 0] = [row[j], next[j - 1], row[j - 1]];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next[j] = Math.min(
        ...[up + 1, left + 1, corner + (a[i - 1] === b[j - 1] ? 0 : 1)],
        ...(swapped ? [(before[j - 2] ?? 0) + 1] : []),
      );
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}
