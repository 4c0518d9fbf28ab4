import { AcmeError, isAppError } from '../errors.ts';
import { type Transport, TransportError } from '../http.ts';
import type { Log } from '../log.ts';
import { plainText } from '../plain-text.ts';
import { addressAt, expectObject, parseAnswer } from './answer.ts';
import type { Directory } from './directory.ts';
import type { RenewalState } from './renewal-state.ts';
import { retryAfterMs } from './retry.ts';

/** When the CA would like a certificate to be renewed (RFC 9773 section 4.2). */
export interface SuggestedWindow {
  readonly start: Date;
  readonly end: Date;
  readonly explanationUrl?: string | undefined;
}

export interface RenewalInfo {
  readonly window: SuggestedWindow;
  /** Milliseconds after which to ask again, between a minute and a day. */
  readonly askAgainMs: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** RFC 9773 section 4.3.3. */
const USUAL_MS = 6 * 3_600_000;
/** Of an explanation: it is kept, and shown. */
const MOST_OF_URL = 1_000;

/** Asks the CA, once and without a signature. `AcmeError` with the HTTP status where there is no usable answer. */
export async function fetchRenewalInfo(
  base: string,
  id: string,
  { transport, signal }: { readonly transport: Transport; readonly signal: AbortSignal },
): Promise<RenewalInfo> {
  const url = `${base.replace(/\/+$/u, '')}/${id}`;
  const response = parseAnswer(await transport({ method: 'GET', url, signal }));
  if (response.status !== 200) {
    throw new AcmeError('ACME_RENEWAL_INFO', `acme: ${url} answered ${response.status}`, {
      facts: { status: response.status },
    });
  }
  const body = expectObject({ ...response, body: response.data }, url);
  const window = (body.suggestedWindow ?? {}) as { start?: unknown; end?: unknown };
  const [start, end] = [timeOf(window.start), timeOf(window.end)];
  // Section 4.2: the end is after the start, else the answer is ignored.
  if (!(start.getTime() < end.getTime()))
    throw new AcmeError('ACME_RENEWAL_INFO', `acme: ${url} suggests no window: ${plainText(response.text, 120)}`);
  const explanation = addressAt(body.explanationURL, url) ?? '';
  const asked = retryAfterMs(response.headers['retry-after'], Date.now()) ?? USUAL_MS;
  return {
    window: { start, end, explanationUrl: explanation.length > MOST_OF_URL ? undefined : explanation || undefined },
    askAgainMs: Math.min(Math.max(asked, MINUTE_MS), DAY_MS),
  };
}

const timeOf = (value: unknown): Date => new Date(typeof value === 'string' ? value : Number.NaN);

/** A point of the window, each as likely as any other, so that the clients of a CA spread (section 4.2). */
export const pointIn = ({ start, end }: Pick<SuggestedWindow, 'start' | 'end'>): Date =>
  new Date(start.getTime() + Math.random() * (end.getTime() - start.getTime()));

const HOUR_MS = 3_600_000;

/** How the CA that a certificate came from is reached; made only when it has to be. */
export type Reach = () => Promise<{ readonly transport: Transport; readonly directory: () => Promise<Directory> }>;

export interface AskContext {
  readonly reach: Reach;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/**
 * The state with what the CA says about the certificate now. A point of the window is chosen when the window is new, and kept. No
 * failure keeps anybody from renewing: what was known before stays, and the CA is asked again later.
 */
export async function askCa(state: RenewalState, pem: string, context: AskContext, now: Date): Promise<RenewalState> {
  const { log, signal } = context;
  const before = state.ari;
  const later = (ms: number) => new Date(now.getTime() + ms).toISOString();
  let [url, id] = [before?.url ?? '', before?.id];
  try {
    // Its ASN.1 parser is loaded once in the life of a certificate.
    id ??= (await import('./certificate-id.ts')).certificateId(pem) ?? '';
    const { transport, directory } = await context.reach();
    if (!url) url = (await directory()).renewalInfo ?? '';
    if (!url || !id) return { ...state, ari: { url, id, askAgain: later(DAY_MS) } };
    const found = await fetchRenewalInfo(url, id, { transport, signal }).catch(async (error: unknown) => {
      // The address is that of an old directory, perhaps.
      const fresh = isAppError(error) && error.facts.status === 404 ? (await directory()).renewalInfo : undefined;
      if (!fresh || fresh === url) throw error;
      url = fresh;
      return fetchRenewalInfo(url, id ?? '', { transport, signal });
    });
    // Let's Encrypt answers with the last hour when a certificate must go, however young it is. An older window is a mistake, which
    // would have each new certificate renewed at every run.
    if (found.window.end.getTime() < Date.parse(state.notBefore) - DAY_MS)
      throw new AcmeError('ACME_RENEWAL_INFO', `acme: ${url} suggests a time before the certificate was issued`);
    const [start, end] = [found.window.start.toISOString(), found.window.end.toISOString()];
    const isKnown = before?.chosen !== undefined && before.start === start && before.end === end;
    const chosen = isKnown ? before.chosen : pointIn(found.window).toISOString();
    const { explanationUrl } = found.window;
    if (explanationUrl && !isKnown) log.info(`the CA explains its suggestion at ${explanationUrl}`);
    return { ...state, ari: { url, id, start, end, chosen, explanationUrl, askAgain: later(found.askAgainMs) } };
  } catch (error) {
    signal.throwIfAborted();
    if (!isAppError(error) && !(error instanceof TransportError)) throw error;
    log.debug(`the CA's suggestion when to renew is not to be had: ${error.message}`);
    return { ...state, ari: { ...before, url, id, askAgain: later(HOUR_MS) } };
  }
}
