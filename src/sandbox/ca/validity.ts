import { refuse } from './problem.ts';
import type { Json } from './requests.ts';

/** RFC 3339. */
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/iu;
const DAY_MS = 86_400_000;
/** Clocks differ; certificates begin a little earlier than they are made. */
const LONGEST_BACKDATE_MS = 60_000;

export interface Validity {
  readonly notBefore?: number | undefined;
  readonly notAfter?: number | undefined;
}

/** When the certificate of an order is to begin and to end (RFC 8555 section 7.4), within what its profile has. */
export function readValidity(payload: Json, lifetimeMs: number, now: number): Validity {
  const notBefore = readDate(payload.notBefore, 'notBefore');
  const notAfter = readDate(payload.notAfter, 'notAfter');
  const begin = notBefore ?? beginning(now, lifetimeMs);
  const end = notAfter ?? begin + lifetimeMs;
  if (notBefore !== undefined && Math.abs(notBefore - now) > DAY_MS) {
    refuse('malformed', 'notBefore is more than a day from now');
  }
  if (end <= begin || end <= now) refuse('malformed', 'notAfter is before notBefore, or past');
  // A client that asks for the whole lifetime from now on means it, although its certificate begins a little earlier.
  if (end - Math.max(begin, notBefore ?? now) > lifetimeMs) {
    refuse('malformed', `certificates are valid for ${lifetimeMs / 1000} seconds at most`);
  }
  return { ...(notBefore === undefined ? {} : { notBefore }), ...(notAfter === undefined ? {} : { notAfter }) };
}

function readDate(value: unknown, what: string): number | undefined {
  if (value === undefined) return undefined;
  const time = typeof value === 'string' && DATE.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) return refuse('malformed', `${what} is not a date as RFC 3339 has them`);
  // Certificates know whole seconds.
  return Math.floor(time / 1000) * 1000;
}

const beginning = (now: number, lifetimeMs: number): number =>
  Math.floor((now - Math.min(LONGEST_BACKDATE_MS, lifetimeMs / 10)) / 1000) * 1000;

/** First and last moment of a certificate that is made now. */
export function validityOf(
  { notBefore, notAfter }: Validity,
  lifetimeMs: number,
  now: number,
): { notBefore: number; notAfter: number } {
  const begin = notBefore ?? Math.max(beginning(now, lifetimeMs), (notAfter ?? 0) - lifetimeMs);
  // Both ends belong to the time of validity (RFC 5280 section 4.1.2.5).
  return {
    notBefore: begin,
    notAfter: notAfter ?? begin + Math.max(1000, Math.floor(lifetimeMs / 1000) * 1000) - 1000,
  };
}
