import { randomBytes } from 'node:crypto';

/** Older ones are forgotten first: whoever comes with one is told `badNonce` and has a fresh one in the same answer. */
const MOST_NONCES = 10_000;

export interface Nonces {
  create(): string;
  /** Whether this nonce was given out and never used; it is used now. */
  redeem(nonce: string): boolean;
}

/** Anti-replay nonces (RFC 8555 section 6.5), of which only so many live at one time. */
export function nonceStore(most = MOST_NONCES): Nonces {
  const live = new Set<string>();
  return {
    create() {
      const nonce = randomBytes(16).toString('base64url');
      live.add(nonce);
      const [oldest] = live;
      if (live.size > most && oldest !== undefined) live.delete(oldest);
      return nonce;
    },
    redeem: (nonce) => live.delete(nonce),
  };
}
