import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Seconds, medians. */
export interface StartTimes {
  readonly empty: number;
  readonly version: number;
  readonly help: number;
}

const quoin = fileURLToPath(new URL('../../bin/quoin.js', import.meta.url));
const commands = { empty: ['--input-type=module', '-e', ''], version: [quoin, '--version'], help: [quoin, '--help'] };

/** How long `--version` and `--help` take beside a Node program that does nothing, in turns. */
export function measureStart(rounds: number): StartTimes {
  const times = { empty: [] as number[], version: [] as number[], help: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, args] of Object.entries(commands)) {
      const started = performance.now();
      spawnSync(process.execPath, args, { stdio: 'ignore' });
      times[name as keyof StartTimes].push((performance.now() - started) / 1000);
    }
  }
  const middle = (all: number[]) => all.sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;
  return { empty: middle(times.empty), version: middle(times.version), help: middle(times.help) };
}
