import { type Transport, TransportError } from '../../http.ts';

/** The CA's suggestion when to renew can be done without: nobody waits long for it. */
const LONGEST_MS = 10_000;

/**
 * For questions that can be done without. A host that gives no answer in time, or cannot be reached, is asked once, and not by each
 * of a thousand certificates.
 */
export function impatient(transport: Transport, usualMs: number): Transport {
  const silent = new Map<string, TransportError>();
  return async (request) => {
    const { host } = new URL(request.url);
    const known = silent.get(host);
    if (known) throw known;
    try {
      return await transport({ timeoutMs: Math.min(LONGEST_MS, usualMs), ...request });
    } catch (error) {
      if (error instanceof TransportError && error.fault !== 'aborted') silent.set(host, error);
      throw error;
    }
  };
}
