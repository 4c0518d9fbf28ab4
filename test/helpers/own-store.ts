import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder } from './child.ts';
import { ownPlaces } from './sandbox.ts';
import { type Finished, quoin } from './servers.ts';

export const SANDBOX = ['--server', 'sandbox', '--dns', 'sandbox'];
/** Whoever gets as far as asking it fails with exit code 3. */
export const NO_CA = ['--server', 'http://127.0.0.1:1/directory', '--max-wait', '0s', '--dns', 'exec'];

/** Of each test of the file that imports this: a folder, the store in it, and an environment that finds no other sandbox. */
export let folder: string;
export let store: string;
export let env: Record<string, string>;
beforeEach(() => {
  folder = newFolder();
  store = join(folder, 'store');
  env = ownPlaces();
});

export const stored = (file: string) => join(store, 'certificates', file);
export const openssl = (...args: string[]) =>
  execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
export const cert = (name: string) => new X509Certificate(readFileSync(stored(`${name}.crt`)));
export const record = (name: string) => JSON.parse(readFileSync(stored(`${name}.json`), 'utf8')).quoin;
export const start = (args: readonly string[], more: Record<string, string> = {}): Promise<Finished> =>
  quoin([...args, '--path', store], { ...env, ...more }, folder).finished;
/** Ends well, and gives the document. */
export const document = async (args: readonly string[], more: Record<string, string> = {}) => {
  const ended = await start([...args, '--json'], more);
  expect([ended.stderr, ended.code]).toEqual([expect.any(String), 0]);
  return JSON.parse(ended.stdout);
};
export const obtain = (...args: string[]) => document(['run', ...SANDBOX, ...args]);
export const renew = async (args: readonly string[] = [], more: Record<string, string> = {}) =>
  (await document(['renew', '--no-random-sleep', ...args], more)).certificates;
