import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadedBy, traced } from '../helpers/loaded.ts';

/** The built program (npm run build) as a process of its own. */
const PROGRAM = fileURLToPath(new URL('../../bin/quoin.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'quoin-process-'));
/** Nothing else in its environment: no HOME, as under cron. */
const start = (argv: readonly string[], env: Record<string, string> = {}) =>
  spawn(process.execPath, argv, { cwd: folder, env: { PATH: process.env.PATH ?? '', ...env } });

function finished(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      said[name] += chunk;
    });
  }
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...said })));
}

describe('what is loaded', () => {
  /** The packages whose code is in the files that a command loads: the build marks where each piece comes from. */
  async function packagesOf(...argv: string[]): Promise<string[]> {
    const trace = traced();
    const { code } = await finished(start([PROGRAM, ...argv], trace));
    expect(code).toBe(0);
    const packages = loadedBy(trace).flatMap((text) => [
      ...text.matchAll(/^\/\/ node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\//gmu),
    ]);
    return [...new Set(packages.map(([, name]) => name ?? ''))].sort();
  }
  const NETWORK = ['@peculiar/x509', 'acme-client', 'axios', 'got'];

  it.each([['--help'], ['--version'], ['run', '--help'], ['dnshelp'], ['dnshelp', '-c', 'cloudflare']])(
    'no network library for %s %s',
    async (...argv) => {
      const packages = await packagesOf(...argv);
      expect(packages).toContain('commander');
      expect(packages.filter((name) => NETWORK.includes(name))).toEqual([]);
    },
  );
});

it('does not mind a reader that goes away', async () => {
  const child = start([PROGRAM, 'dnshelp', '-c', 'cloudflare']);
  child.stdout.destroy();
  expect(await finished(child)).toMatchObject({ code: 0, stderr: '' });
});

describe('Ctrl-C', () => {
  let ca: Server;
  beforeEach(async () => {
    ca = createServer(() => {}).listen(0, '127.0.0.1'); // Never answers.
    await new Promise((resolve) => ca.once('listening', resolve));
  });
  afterEach(() => {
    ca.closeAllConnections();
    ca.close();
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s ends the run with %i', async (name, code) => {
    const url = `http://127.0.0.1:${(ca.address() as AddressInfo).port}/`;
    const argv = [PROGRAM, 'run', '-d', 'example.com', '--dns', 'exec', '-s', url, '-a', '--json'];
    const child = start(argv, { EXEC_PATH: '/bin/true' });
    ca.once('request', () => child.kill(name));
    const ended = await finished(child);
    expect(ended).toMatchObject({ code, stderr: expect.stringContaining(`interrupted by ${name}`) });
    expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: 'INTERRUPTED' } });
  });
});
