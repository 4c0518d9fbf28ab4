import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeCache } from './program.ts';

const warmUp = fileURLToPath(new URL('warm-up.mjs', import.meta.url));

/**
 * Obtains a certificate from `quoin sandbox` with the program in this folder, and puts the code that V8 made of it into the
 * folder's cache, where tools/bundle/program.js finds it. Tells whether that went well; without it the program only starts more slowly.
 */
export function writeCodeCache(dist: string): boolean {
  const work = mkdtempSync(join(tmpdir(), 'quoin-build-'));
  const made = join(work, 'cache');
  const quoin = [warmUp, dist, made];
  // The names are resolved by the sandbox alone, and nothing of the builder's environment takes part.
  const { status, stderr } = spawnSync(
    process.execPath,
    [...quoin, 'sandbox', '--', process.execPath, ...quoin, 'run', '-d', 'example.test', '-d', '*.example.test'],
    { cwd: work, env: { PATH: process.env.PATH ?? '' }, stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 },
  );
  const done = status === 0 && existsSync(made);
  // Whole or not at all: half of it would be slower than none.
  if (done) cpSync(made, join(dist, codeCache), { recursive: true });
  else process.stderr.write(`no code cache, so quoin starts more slowly: ${stderr}\n`);
  rmSync(work, { recursive: true, force: true });
  return done;
}
