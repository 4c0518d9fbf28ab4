import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { newFolder } from './child.ts';

/** Whether this process may mount small file systems: root, and not in a container that forbids it. */
export const mountable = (() => {
  if (process.getuid?.() !== 0) return false;
  const place = newFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', place], { stdio: 'ignore' });
    execFileSync('umount', [place]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
})();

/** `describe` where that is possible; else the tests are skipped, and their title says why. */
export const describeMounted = (title: string, tests: () => void): void =>
  mountable ? describe(title, tests) : describe.skip(`${title} (needs root and mount)`, tests);
