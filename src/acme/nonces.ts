import { AcmeError } from '../errors.ts';
import type { LibraryResponse } from './answer.ts';

/** The CA would not give a nonce for now: whoever retries treats it like the same answer to the request itself. */
export class NonceRefused extends Error {
  override name = 'NonceRefused';
  readonly response: LibraryResponse;
  constructor(response: LibraryResponse) {
    super(`no nonce: ${response.status}`);
    this.response = response;
  }
}

/** Whether this refusal is for now only. */
export const mayPass = ({ status }: LibraryResponse): boolean => status === 429 || status >= 500;

/**
 * Nonces of earlier answers, oldest first (RFC 8555 section 6.5). A lane that finds none fetches one for itself, so that there
 * are never more requests for nonces than lanes.
 */
export function noncePool(fetch: () => Promise<{ nonce: string | undefined; response: LibraryResponse }>) {
  const kept: string[] = [];
  return {
    keep: (nonce: string) => void kept.push(nonce),
    async take(): Promise<string> {
      const known = kept.shift();
      if (known !== undefined) return known;
      const { nonce, response } = await fetch();
      if (nonce) return nonce;
      if (mayPass(response)) throw new NonceRefused(response);
      throw new AcmeError('ACME_PROTOCOL', `acme: the CA gave no nonce: it answered ${response.status}`);
    },
  };
}
