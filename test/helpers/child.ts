import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

const made: string[] = [];

/** A new folder, removed when the tests of the file have run. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'quoin-test-'));
  made.push(folder);
  return folder;
}
afterAll(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Bundles TypeScript (imports as seen from the repository's root) into a script that plain `node` runs quickly. */
export function bundle(source: string): string {
  const script = join(newFolder(), 'child.mjs');
  execFileSync(
    join(root, 'node_modules/.bin/esbuild'),
    ['--bundle', '--platform=node', '--format=esm', '--loader=ts', '--log-level=error', `--outfile=${script}`],
    { cwd: root, input: source },
  );
  return script;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a bundled script as a process of its own, to its end. */
export function runChild(
  script: string,
  args: readonly string[],
  { uid, env }: { readonly uid?: number; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], {
      stdio: 'pipe',
      env: { ...process.env, ...env },
      ...(uid ? { uid, gid: uid } : {}),
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => (stdout += data));
    child.stderr.on('data', (data) => (stderr += data));
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
