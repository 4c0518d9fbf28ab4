import type { AriState, FailureState, RenewalState } from './renewal-state.ts';

const isText = (value: unknown): value is string => typeof value === 'string';
const isTime = (value: unknown): value is string => isText(value) && !Number.isNaN(Date.parse(value));
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const optional = (value: unknown, test: (value: unknown) => boolean): boolean => value === undefined || test(value);

/**
 * What can be used of a file. A part that makes no sense counts as not known, since all of it can be found out anew: a date that is
 * none would never be reached, and the certificate never be renewed.
 */
export function usableState(file: Readonly<Record<string, unknown>>): RenewalState | undefined {
  const { certificate, notBefore, notAfter, ari, failure, seen, deploy } = file;
  if (!isText(certificate)) return undefined;
  const isKnown = isTime(notBefore) && isTime(notAfter) && Date.parse(notBefore) < Date.parse(notAfter);
  const [found, failed] = [usableAri(ari), usableFailure(failure)];
  return {
    // Of an unknown certificate the files are read again.
    ...(isKnown ? { certificate, notBefore, notAfter } : { certificate: '', notBefore: '', notAfter: '' }),
    ...(isKnown && found ? { ari: found } : {}),
    ...(failed ? { failure: failed } : {}),
    ...(isKnown && isSeen(seen) ? { seen } : {}),
    ...(deploy === 'pending' ? { deploy } : {}),
  };
}

function usableAri(ari: unknown): AriState | undefined {
  if (!isObject(ari) || !isText(ari.url) || !isTime(ari.askAgain)) return undefined;
  if (ari.url !== '' && !(/^https?:/iu.test(ari.url) && URL.canParse(ari.url))) return undefined;
  const { url, id, start, end, explanationUrl, chosen, askAgain } = ari;
  const window = isTime(start) && isTime(end) ? { start, end } : {};
  return {
    ...{ url, askAgain },
    ...(isText(id) ? { id } : {}),
    ...window,
    ...(isTime(chosen) ? { chosen } : {}),
    ...(isText(explanationUrl) ? { explanationUrl } : {}),
  };
}

function usableFailure(failure: unknown): FailureState | undefined {
  if (!isObject(failure)) return undefined;
  const { count, at, notBefore, code, exitCode, message, limits } = failure;
  const isFailed = Number.isSafeInteger(count) && Number.isSafeInteger(exitCode) && exitCode !== 0;
  if (!isFailed || !isTime(at) || !isTime(notBefore) || !isText(code) || !isText(message)) return undefined;
  const known = isObject(limits) ? Object.entries(limits).filter(([, time]) => isTime(time)) : [];
  return {
    ...{ count: count as number, at, notBefore, code, exitCode: exitCode as number, message },
    ...(known.length > 0 ? { limits: Object.fromEntries(known) as Record<string, string> } : {}),
  };
}

function isSeen(seen: unknown): seen is NonNullable<RenewalState['seen']> {
  if (!isObject(seen)) return false;
  const { stamp, name, renewDays } = seen;
  return isText(stamp) && isText(name) && optional(renewDays, (days) => Number.isSafeInteger(days));
}
