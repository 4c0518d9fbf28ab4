import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openStore } from '../../src/acme/storage.ts';
import { newFolder } from '../helpers/child.ts';
import { newPair, stored } from '../helpers/pairs.ts';

const program = fileURLToPath(new URL('../../bin/quoin.js', import.meta.url));
const run = (cwd: string, env: Record<string, string>, ...argv: string[]) =>
  spawnSync(process.execPath, [program, ...argv], { cwd, env: { PATH: process.env.PATH, ...env } });

it('quoin export writes a .pfx into a pipe, byte by byte', async () => {
  const cwd = newFolder();
  await openStore(join(cwd, '.quoin')).writeCertificate(stored('example.com', newPair()));
  const env = { QUOIN_PFX_PASSWORD: 'pässword' };
  const { status, stdout, stderr } = run(cwd, env, 'export', 'example.com', '--format', 'pfx');
  expect([status, String(stderr)]).toEqual([0, '']);
  const read = spawnSync('openssl', ['pkcs12', '-nodes', '-passin', 'pass:pässword'], { input: stdout });
  expect(String(read.stdout)).toContain('BEGIN PRIVATE KEY');
});

it('bash takes what quoin completion prints', () => {
  const { status, stdout } = run(newFolder(), {}, 'completion', 'bash');
  expect(status).toBe(0);
  const bash = spawnSync('bash', ['-s'], { input: `${stdout}complete -p quoin`, encoding: 'utf8' });
  expect([bash.stdout, bash.stderr]).toEqual(['complete -F _quoin quoin\n', '']);
});
