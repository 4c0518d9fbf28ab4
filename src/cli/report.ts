import type { ChalkInstance } from 'chalk';
import type { LogLevel } from '../log.ts';
import { coloursFor } from './colour.ts';
import type { Io } from './io.ts';

export interface ReportOptions {
  readonly quiet: boolean;
  readonly debug: boolean;
  readonly noColor: boolean;
}

/** Shows log messages. `end` removes what must not stay on the screen. */
export interface Report {
  write(level: LogLevel, message: string): void;
  end(): void;
}

/** Lines that only say what is being waited for, in a log: often enough to see that it lives, no oftener. */
const WAITING_LINES_MS = 10_000;

/** A spinner and coloured lines on a terminal; dated plain lines for logs, pipes and CI. */
export async function createReport(
  { stderr, env }: Pick<Io, 'stderr' | 'env'>,
  options: ReportOptions,
): Promise<Report> {
  const shows = (level: LogLevel) => (level === 'debug' ? options.debug : level === 'warn' || !options.quiet);
  const ci = env.CI !== undefined && env.CI !== '' && env.CI !== 'false';
  // Some containers give a terminal of no width at all, in which nothing can be drawn over itself.
  const canDraw = stderr.isTTY && stderr.columns !== 0;
  return canDraw && stderr.stream && !ci && !options.debug && env.TERM !== 'dumb'
    ? terminalReport(stderr.stream, await coloursFor(stderr, env, options), shows)
    : logReport(stderr, shows, options.debug ? 0 : WAITING_LINES_MS);
}

function logReport(stderr: Io['stderr'], shows: (level: LogLevel) => boolean, pauseMs: number): Report {
  let lastWaiting = Number.NEGATIVE_INFINITY;
  return {
    write(level, message) {
      if (!shows(level)) return;
      if (level === 'waiting') {
        if (performance.now() - lastWaiting < pauseMs) return;
        lastWaiting = performance.now();
      }
      const mark = level === 'warn' ? 'WARNING ' : '';
      stderr.write(`${new Date().toISOString().slice(0, 19)}Z ${mark}${message}\n`);
    },
    end() {},
  };
}

async function terminalReport(
  stream: NodeJS.WriteStream,
  chalk: ChalkInstance,
  shows: (level: LogLevel) => boolean,
): Promise<Report> {
  const { default: ora } = await import('ora');
  const spinner = ora({ stream, discardStdin: false, hideCursor: true, color: chalk.level > 0 ? 'cyan' : false });
  return {
    write(level, message) {
      if (!shows(level)) return;
      if (level === 'waiting') {
        spinner.text = message;
        if (!spinner.isSpinning) spinner.start();
        return;
      }
      const spinning = spinner.isSpinning;
      spinner.stop();
      stream.write(`${level === 'warn' ? chalk.yellow(`! ${message}`) : `${chalk.green('✓')} ${message}`}\n`);
      if (spinning && level === 'warn') spinner.start();
    },
    end: () => void spinner.stop(),
  };
}
