import { isatty } from 'node:tty';
import { Interrupted } from '../errors.ts';
import type { Output } from './io.ts';
import { main } from './main.ts';

/**
 * Runs the program for this process: the only place that knows there is one. Importing `node:process` would read every property
 * of it, and so open standard input: the global does not.
 */
export async function start(): Promise<void> {
  const controller = new AbortController();
  const hurry = new AbortController();
  let asked = 0;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      asked += 1;
      const reason = new Interrupted(name);
      // Ending at once would leave TXT records behind, so a second Ctrl-C only tells what is going on.
      if (asked === 2) process.stderr.write('cleaning up, one moment; once more to quit without\n');
      if (asked > 2) {
        process.stderr.write('TXT records may be left behind; quoin cleanup removes them\n');
        process.exit(reason.exitCode);
      }
      controller.abort(reason);
      if (asked > 1) hurry.abort(reason);
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
    hurry: hurry.signal,
    // Not `process.stdin.isTTY`, which would open it.
    enter: isatty(0) && isatty(2) ? enter : undefined,
  });
}

const output = (stream: NodeJS.WriteStream): Output => ({
  write: (text) => void stream.write(text),
  isTTY: stream.isTTY === true,
  columns: stream.columns,
  stream,
});

async function enter(signal: AbortSignal): Promise<void> {
  const { createInterface } = await import('node:readline/promises');
  // Without an output it leaves the terminal as it is, so that Ctrl-C stays a signal.
  const lines = createInterface({ input: process.stdin });
  try {
    await lines.question('', { signal });
  } finally {
    lines.close();
  }
}
