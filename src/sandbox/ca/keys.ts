import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { refuse } from './problem.ts';

/** What requests may be signed with (RFC 8555 section 6.2: ES256 is mandatory, MACs and `none` are forbidden). */
export const SIGNATURE_ALGORITHMS = ['ES256', 'ES384', 'ES512', 'RS256', 'EdDSA'] as const;
const ALGORITHM_OF: Readonly<Record<string, string>> = {
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
  Ed25519: 'EdDSA',
};
/** Keys beyond this cost more than they are worth. */
const [LEAST_RSA_BITS, MOST_RSA_BITS] = [2048, 8192];
const LEAST_EXPONENT = 65_537n;
const MOST_KEPT = 1_000;

/** A public key that has been looked at and found good. */
export interface PublicKey {
  readonly jwk: JWK;
  readonly thumbprint: string;
  readonly key: KeyObject;
}

/** The algorithm that a key is for; refuses keys that are none, too weak, or too large (RFC 8555 section 6.2). */
function algorithmOf(jwk: JWK): string {
  if ('d' in jwk || 'k' in jwk || 'p' in jwk) refuse('badPublicKey', 'the JWK holds a private or symmetric key');
  if (jwk.kty === 'RSA') {
    checkRsa(jwk);
    return 'RS256';
  }
  const algorithm = jwk.kty === 'EC' || jwk.kty === 'OKP' ? ALGORITHM_OF[jwk.crv ?? ''] : undefined;
  return (
    algorithm ?? refuse('badPublicKey', `keys of type ${String(jwk.kty)} ${String(jwk.crv ?? '')} are not accepted`)
  );
}

function checkRsa({ n, e }: JWK): void {
  const number = (text: unknown): bigint =>
    typeof text === 'string' && /^[A-Za-z0-9_-]+$/u.test(text)
      ? BigInt(`0x0${Buffer.from(text, 'base64url').toString('hex')}`)
      : refuse('badPublicKey', 'the RSA key lacks its modulus or exponent');
  const [modulus, exponent] = [number(n), number(e)];
  const bits = modulus.toString(2).length;
  if (bits < LEAST_RSA_BITS || bits > MOST_RSA_BITS) {
    refuse('badPublicKey', `the RSA key has ${bits} bits, not ${LEAST_RSA_BITS} to ${MOST_RSA_BITS}`);
  }
  if (modulus % 2n === 0n || exponent % 2n === 0n || exponent < LEAST_EXPONENT) {
    refuse('badPublicKey', 'the RSA key has a modulus or an exponent that is not safe');
  }
}

/** Keys as they come in requests, imported once. */
export interface KeyRing {
  /** Refuses with `badPublicKey`, or `badSignatureAlgorithm` where the key is not for this algorithm. */
  open(jwk: unknown, algorithm: string): Promise<PublicKey>;
}

export function keyRing(): KeyRing {
  const kept = new Map<string, PublicKey>();
  /** By the object that an account keeps: its requests are many, and a thumbprint takes as long as the signature. */
  const seen = new WeakMap<object, PublicKey>();
  return {
    async open(given, algorithm) {
      if (typeof given !== 'object' || given === null) refuse('malformed', 'jwk is not an object');
      const jwk = given as JWK;
      const own = algorithmOf(jwk);
      if (own !== algorithm) {
        refuse('badSignatureAlgorithm', `the key is for ${own}, not for ${algorithm}`, { algorithms: [own] });
      }
      const before = seen.get(jwk);
      if (before) return before;
      const thumbprint = await calculateJwkThumbprint(jwk).catch(unusable);
      const known = kept.get(thumbprint);
      if (known) {
        seen.set(jwk, known);
        return known;
      }
      const { kty, crv, x, y, n, e } = jwk;
      const bare = Object.fromEntries(
        Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined),
      );
      const key = importKey(bare as JWK);
      const [oldest] = kept.keys();
      if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest);
      const opened = { jwk: bare as JWK, thumbprint, key };
      kept.set(thumbprint, opened);
      seen.set(jwk, opened);
      return opened;
    },
  };
}

function importKey(jwk: JWK): KeyObject {
  try {
    return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    return unusable();
  }
}

/** A point that is not on its curve, and what else no key can be made of. */
const unusable = (): never => refuse('badPublicKey', 'the JWK cannot be used as a key');
