import type { Redactor } from './redact.ts';

/** Where every layer tells what it does. The sink removes secrets, so that callers never have to remember to. */
export interface Log {
  /** Details for `--debug`: requests, answers, decisions. */
  debug(message: string): void;
  /** A step that is done or begins: one line, no full stop. */
  info(message: string): void;
  /** Something the user should know although the run goes on. */
  warn(message: string): void;
  /** What is being waited for right now, replaced by the next call or line: a spinner on a terminal. */
  waiting(message: string): void;
}

export type LogLevel = keyof Log;

/** Turns calls into calls of `write`, with every secret the redactor knows removed. */
export function createLog(write: (level: LogLevel, message: string) => void, redactor: Redactor): Log {
  const at = (level: LogLevel) => (message: string) => write(level, redactor.clean(message));
  return { debug: at('debug'), info: at('info'), warn: at('warn'), waiting: at('waiting') };
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, waiting() {} };
