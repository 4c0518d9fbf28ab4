/**
 * A first certificate without an account, a domain or a network: starts Pebble (a test CA) and BIND on loopback, and runs
 * `quoin run` against them, as a user would. Installs both where they are missing, which takes Debian and root.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bindEnv, runArgs, startLab } from '../test/helpers/servers.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
execFileSync(join(root, 'tools/install-lab.sh'), { stdio: 'inherit' });
const lab = await startLab();
try {
  const args = runArgs(lab, join(root, '.quoin'), ['example.test', '*.example.test'], '--renew-force');
  const env = bindEnv(lab);
  const shown = Object.entries(env).map(([name, value]) => `${name}=${name.endsWith('_SECRET') ? '***' : value}`);
  process.stderr.write(`${[...shown, 'quoin', ...args].join(' \\\n  ')}\n\n`);
  const { status } = spawnSync(process.execPath, [join(root, 'bin/quoin.js'), ...args], {
    env: { ...process.env, ...env },
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} finally {
  await lab.stop();
}
