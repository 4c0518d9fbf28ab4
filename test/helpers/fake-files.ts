import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder } from './child.ts';

/** Made when it is first needed, in each file of tests. */
export const once = <T>(make: () => T): (() => T) => {
  let made: { readonly it: T } | undefined;
  return () => {
    made ??= { it: make() };
    return made.it;
  };
};

/** The folder of what fakes put into files: keys, profiles. */
export const fakeFolder = once(newFolder);

/** Writes a file that holds a secret; its path. */
export function fakeFile(name: string, content: string): string {
  const path = join(fakeFolder(), name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

/** A key that a vendor knows, and one that it does not. Real ones have 2048 bits, which takes longer to make. */
const keyPair = () => generateKeyPairSync('rsa', { modulusLength: 1024 });
export const rightKey = once(keyPair);
export const wrongKey = once(keyPair);
