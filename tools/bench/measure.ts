import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client, Command } from './clients.ts';
import type { BenchLab } from './lab.ts';

export interface Sample {
  /** Seconds. */
  readonly wall: number;
  /** User and system time of all processes of the run, in seconds. */
  readonly cpu: number;
  /** Of the largest process, in MiB. */
  readonly memory: number;
  readonly acme: number;
  readonly dns: number;
}

/** One run of one client from an empty folder, in a mount namespace where the lab's name server and CA are known. */
export async function measure(client: Client, lab: BenchLab, names: readonly string[]): Promise<Sample> {
  const folder = mkdtempSync(join(lab.folder, 'run-'));
  const before = await lab.counts(0);
  const times = await timed(client.command({ lab, names, folder }), lab, folder);
  const after = await lab.counts(names.length);
  return { ...times, acme: after.acme - before.acme, dns: after.dns - before.dns };
}

async function timed({ argv, env }: Command, lab: BenchLab, folder: string) {
  const report = join(folder, 'time.txt');
  const prepare = [
    'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/ssl/certs/ca-certificates.crt || exit 99',
    'report=$3; shift 3; exec /usr/bin/time -q -f "%e %U %S %M" -o "$report" "$@"',
  ].join('\n');
  const output: Buffer[] = [];
  const child = spawn('unshare', ['-m', 'sh', '-c', prepare, 'sh', lab.hostsFile, lab.caFile, report, ...argv], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  const started = performance.now();
  const code = await new Promise((resolve) => child.once('close', resolve));
  const wall = (performance.now() - started) / 1000;
  if (code !== 0)
    throw new Error(
      `${argv.join(' ').slice(0, 400)} ended with ${code}\n${Buffer.concat(output).toString().slice(-2000)}`,
    );
  const [, user = 0, system = 0, kilobytes = 0] = readFileSync(report, 'utf8').trim().split(' ').map(Number);
  return { wall, cpu: user + system, memory: kilobytes / 1024 };
}

/** Each column's median by itself. */
export function median(samples: readonly Sample[]): Sample {
  const middle = (key: keyof Sample) => {
    const sorted = samples.map((sample) => sample[key]).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  return {
    wall: middle('wall'),
    cpu: middle('cpu'),
    memory: middle('memory'),
    acme: middle('acme'),
    dns: middle('dns'),
  };
}
