import { refuse } from './problem.ts';
import type { Reply } from './reply.ts';
import type { Account, Certificate } from './resources.ts';
import type { Ca } from './state.ts';

const DEFAULT_RETRY_AFTER = 6 * 3600;
const PART = /^[A-Za-z0-9_-]+$/u;

/** The certificate of this identifier: its authority's key and its serial number in base64url (RFC 9773 section 4.1). */
export function certificateOf({ authority, certificates }: Ca, certId: string): Certificate | undefined {
  const parts = certId.split('.');
  const [key = '', serial = ''] = parts;
  if (parts.length !== 2 || !PART.test(key) || !PART.test(serial)) {
    return refuse('malformed', 'that is no identifier of a certificate: base64url, a dot, base64url');
  }
  if (hexOf(key) !== authority.keyIdentifier.toLowerCase()) return undefined;
  return certificates.get(hexOf(serial));
}

const hexOf = (text: string): string => Buffer.from(text, 'base64url').toString('hex');

/** RFC 9773 section 4; asked without a signature. */
export function renewalInfo(ca: Ca, certId: string): Reply {
  const certificate = certificateOf(ca, certId) ?? refuse('malformed', 'there is no such certificate', { status: 404 });
  const [start, end, why] = windowOf(ca, certificate);
  return {
    status: 200,
    headers: { 'retry-after': String(ca.options.noise?.retryAfterSeconds ?? DEFAULT_RETRY_AFTER) },
    body: {
      suggestedWindow: { start: new Date(start).toISOString(), end: new Date(end).toISOString() },
      ...(why ? { explanationURL: `${ca.origin}/renewal/${why}` } : {}),
    },
  };
}

/** The middle third of the lifetime, unless there is a reason for another window; a past one means "at once". */
function windowOf({ options }: Ca, certificate: Certificate): [start: number, end: number, why?: string] {
  const { notBefore, notAfter, revoked } = certificate;
  const third = (notAfter - notBefore) / 3;
  const { renewalWindow } = options;
  if (revoked) return [notBefore, notBefore + 1000, 'revoked'];
  if (renewalWindow === 'now') return [notBefore, notBefore + 1000, 'asked-for'];
  if (renewalWindow) return [notBefore + renewalWindow.startMs, notBefore + renewalWindow.endMs];
  return [notBefore + third, notAfter - third];
}

/** What the explanations are. */
export const explanations: Readonly<Record<string, string>> = {
  revoked: 'The certificate was revoked: replace it at once.',
  'asked-for': 'This sandbox was started with a renewal window that is past: every certificate is due at once.',
};

/** The certificate that an order says it replaces (RFC 9773 section 5), refused unless it may. */
export function checkReplaces(ca: Ca, given: unknown, account: Account, names: readonly string[]): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== 'string') return refuse('malformed', 'replaces is not an identifier of a certificate');
  const certificate = certificateOf(ca, given) ?? refuse('malformed', 'replaces: there is no such certificate');
  if (certificate.accountId !== account.id) refuse('unauthorized', 'replaces: the certificate is of another account');
  if (!certificate.names.some((name) => names.includes(name))) {
    refuse('malformed', 'replaces: the order has no name in common with the certificate');
  }
  if (certificate.replacedBy !== undefined) refuse('alreadyReplaced', 'replaces: the certificate was replaced already');
  return given;
}
