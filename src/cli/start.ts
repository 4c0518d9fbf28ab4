import process from 'node:process';
import { Interrupted } from '../errors.ts';
import type { Output } from './io.ts';
import { main } from './main.ts';

/** Runs the program for this process: the only place that knows there is one. */
export async function start(): Promise<void> {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // Ending at once would leave TXT records behind, so a second Ctrl-C only tells what is going on.
      if (controller.signal.aborted) process.stderr.write('cleaning up, one moment\n');
      controller.abort(new Interrupted(name));
    });
  }
  // A reader that went away (`quoin list | head`) is no reason to fail.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

  process.exitCode = await main(process.argv.slice(2), {
    env: process.env,
    cwd: process.cwd(),
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    signal: controller.signal,
  });
}

const output = (stream: NodeJS.WriteStream): Output => ({
  write: (text) => void stream.write(text),
  isTTY: stream.isTTY === true,
  stream,
});
