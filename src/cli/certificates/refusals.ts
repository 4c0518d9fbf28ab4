import type { FailureState } from '../../acme/renewal-state.ts';
import { AcmeError, AppError } from '../../errors.ts';
import type { CertificatePlan } from './plan.ts';

export const CLOCK_SKEW_MS = 60_000;

/** A CA that did not issue, and why. */
export interface Refusal {
  /** Its directory. */
  readonly server: string;
  readonly error: AppError;
}

/** By directory: the CA does not want to be asked before that time, ISO 8601. */
export type Limits = Readonly<Record<string, string>>;

/** The CA is down, or has had enough of us, or must not issue: another one may do. An order that is under way is none of these. */
export function isOut(error: AppError): boolean {
  const { status } = error.facts;
  const failed = error instanceof AcmeError && typeof status === 'number' && (status === 429 || status >= 500);
  return failed || /^ACME_(?:UNAVAILABLE|RATE_LIMITED|SERVER_INTERNAL|CAA)$/u.test(error.code);
}

const timeIn = ({ facts: { notBefore } }: AppError): string | undefined =>
  typeof notBefore === 'string' && !Number.isNaN(Date.parse(notBefore)) ? notBefore : undefined;

/** One error for all CAs that were asked: the last one's, with what the others said. The next attempt may be made when one of them allows it. */
export function joinRefusals(refusals: readonly Refusal[]): AppError {
  const [last, ...others] = [...refusals].reverse();
  if (!last) throw new Error('no CA was asked');
  if (others.length === 0) return last.error;
  const { code, exitCode, message, hint, facts } = last.error;
  const before = others.reverse().map(({ server, error }) => `${new URL(server).host}: ${error.message}`);
  const times = refusals.map(({ error }) => timeIn(error));
  const known = times.filter((time) => time !== undefined).sort((a, b) => Date.parse(a) - Date.parse(b));
  return new AppError(code, exitCode, `${message}; before that ${before.join('; ')}`, {
    hint,
    cause: last.error,
    facts: {
      ...facts,
      notBefore: known.length === refusals.length ? known[0] : undefined,
      servers: refusals.map(({ server, error }) => ({
        server,
        code: error.code,
        message: error.message,
        notBefore: timeIn(error),
      })),
    },
  });
}

/** The times that the CAs named. */
export function limitsIn(error: AppError, { servers }: Pick<CertificatePlan, 'servers'>): Limits {
  const told = error.facts.servers;
  const all = Array.isArray(told) ? (told as { server: string; notBefore?: string }[]) : [];
  const [first] = servers;
  const only = timeIn(error);
  if (all.length === 0) return first && only ? { [first]: only } : {};
  return Object.fromEntries(all.flatMap(({ server, notBefore }) => (notBefore ? [[server, notBefore]] : [])));
}

/** Those that still count. What was noted by a clock that is ahead of this one counts for nothing. */
export function limitsAt(now: Date, failure: Pick<FailureState, 'at' | 'limits'> | undefined): Limits {
  const { at = '', limits = {} } = failure ?? {};
  if (Date.parse(at) > now.getTime() + CLOCK_SKEW_MS) return {};
  return Object.fromEntries(Object.entries(limits).filter(([, time]) => Date.parse(time) > now.getTime()));
}

/** Throws `AcmeError` where the CA wants not to be asked now. */
export function refuseLimited(server: string, limits: Limits): void {
  const notBefore = limits[server];
  if (notBefore === undefined) return;
  throw new AcmeError('ACME_RATE_LIMITED', `${new URL(server).host} is not asked before ${notBefore}, as it wished`, {
    hint: 'run again then, or with --renew-force',
    facts: { notBefore },
  });
}

/** In this process a CA that is down is left alone for so long where there is another one, or each of many certificates would wait for it. */
const DOWN_MS = 5 * 60_000;

/** What a process has learned of CAs that are down. */
export function createOutages() {
  const down = new Map<string, { readonly until: number; readonly error: AppError }>();
  return {
    note({ server, error }: Refusal): void {
      if (error.code === 'ACME_UNAVAILABLE') down.set(server, { until: performance.now() + DOWN_MS, error });
    },
    /** Throws again what the CA did a short while ago. */
    refuse(server: string): void {
      const found = down.get(server);
      if (found && found.until > performance.now()) throw found.error;
    },
  };
}
