/** More than the names of all certificates that are being worked on at one time. */
const MOST = 5_000;

/** Keeps an answer, and lets go of the oldest where there are many: a process may see thousands of certificates. */
export function remember<K, V>(known: Map<K, V>, key: K, value: V, most = MOST): void {
  known.set(key, value);
  if (known.size <= most) return;
  for (const oldest of known.keys()) {
    known.delete(oldest);
    return;
  }
}
