import { isAppError } from '../errors.ts';

const REPORT_AT = 'please report it with this stack, at the address that `npm bugs quoin` opens';

/** An error for people: what happened, the next command, and with `debug` how it came about. */
export function renderError(error: unknown, debug: boolean): string {
  if (!isAppError(error)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `internal error: ${error instanceof Error ? error.message : error} (this is a bug in quoin)\n${stack}\n${REPORT_AT}\n`;
  }
  const lines = [`error: ${error.message}`];
  if (error.hint) lines.push(`  → ${error.hint}`);
  if (debug) {
    for (let { cause } = error as Error; cause instanceof Error; cause = cause.cause)
      lines.push(`caused by: ${cause.stack ?? cause}`);
  }
  return `${lines.join('\n')}\n`;
}

/** One line for what failed beside others; of a bug all that helps to find it, since the others go on. */
export const failureOf = (name: string, error: unknown): string =>
  `${name}: ${isAppError(error) ? error.message : renderError(error, false).trimEnd()}`;

/** The same for machines: `{"error": {"code", "message", "hint", ...}}`. */
export function errorJson(error: unknown): object {
  if (!isAppError(error))
    return { error: { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) } };
  const { code, message, hint, facts } = error;
  return { error: { ...facts, code, message, ...(hint ? { hint } : {}) } };
}

export const exitCodeOf = (error: unknown): number => (isAppError(error) ? error.exitCode : 1);
