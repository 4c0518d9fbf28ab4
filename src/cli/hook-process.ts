import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** Between the request to end and the end by force. */
const GRACE_MS = 5_000;
/** How long the output may stay open when the hook itself has ended: it may have started a daemon that holds it. */
const LINGER_MS = 500;

export interface Ended {
  readonly code?: number | undefined;
  readonly signal?: string | undefined;
  /** It could not even be started. */
  readonly error?: { readonly code?: string | undefined; readonly message: string } | undefined;
}

export interface GroupProcess {
  readonly output: readonly (Readable | null)[];
  /** Waits until it has ended, and a moment for its output. When `stop` fires it is ended, with all that it started. */
  ended(stop: AbortSignal): Promise<Ended>;
}

/** Starts a program without standard input, as the first of a process group of its own, which ends with this process. */
export async function startInGroup(
  [file = '', ...args]: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<GroupProcess> {
  const { execa } = await import('execa');
  const child = execa(file, args, {
    cwd,
    env,
    extendEnv: false,
    stdin: 'ignore',
    buffer: false,
    reject: false,
    // Ctrl-C in a terminal goes to all of a process group: not to this one.
    detached: true,
  });
  const { pid } = child;
  const forget = pid === undefined ? () => {} : endWithUs(pid);
  const exited = new Promise<Ended>((resolve) => {
    child.once('exit', (code: number | null, signal: NodeJS.Signals | null) =>
      resolve({ code: code ?? undefined, signal: signal ?? undefined }),
    );
  });
  const closed = child.then(
    ({ exitCode, signal, code, originalMessage = '' }): Ended =>
      exitCode === undefined && signal === undefined
        ? { error: { code, message: originalMessage } }
        : { code: exitCode, signal },
  );
  return {
    output: [child.stdout, child.stderr],
    async ended(stop) {
      const stopping = new Promise<Ended>((resolve) => {
        const end = () => void endGroup(pid, exited).then(resolve);
        stop.addEventListener('abort', end, { once: true });
        if (stop.aborted) end();
      });
      try {
        const ended = await Promise.race([closed, exited, stopping]);
        // The end of one process is not the end of its group: whoever was told to end gets the time for it.
        if (stop.aborted) await stopping;
        await Promise.race([closed, sleep(LINGER_MS, undefined, { ref: false })]);
        return ended;
      } finally {
        child.stdout?.destroy();
        child.stderr?.destroy();
        forget();
      }
    },
  };
}

/** Whether there is somebody left in the group to hear it. */
function kill(pid: number | undefined, signal: NodeJS.Signals | 0): boolean {
  try {
    return pid !== undefined && process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/** Asks all processes of the group to end, and a little later makes them. */
async function endGroup(pid: number | undefined, exited: Promise<Ended>): Promise<Ended> {
  kill(pid, 'SIGTERM');
  const late = performance.now() + GRACE_MS;
  while (performance.now() < late && kill(pid, 0)) await sleep(50);
  kill(pid, 'SIGKILL');
  return pid === undefined ? {} : exited;
}

/** Groups that run right now. Nothing else would end them. */
const running = new Set<number>();
const endAll = () => {
  for (const pid of running) kill(pid, 'SIGKILL');
};

function endWithUs(pid: number): () => void {
  if (running.size === 0) process.on('exit', endAll);
  running.add(pid);
  return () => {
    running.delete(pid);
    if (running.size === 0) process.removeListener('exit', endAll);
  };
}
