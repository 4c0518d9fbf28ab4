import { type KeyObject, verify } from 'node:crypto';
import { type FlattenedJWSInput, flattenedVerify, type JWK } from 'jose';
import { SIGNATURE_ALGORITHMS } from './keys.ts';
import { refuse } from './problem.ts';

/** A signed message that is well-formed; nothing about it has been verified. */
export interface Jws {
  readonly raw: FlattenedJWSInput & { readonly payload: string };
  readonly algorithm: string;
  readonly url: string;
  readonly nonce: unknown;
  /** Exactly one of `kid` and `jwk` is there. */
  readonly kid: string | undefined;
  readonly jwk: JWK | undefined;
}

type Json = Readonly<Record<string, unknown>>;
const BASE64URL = /^[A-Za-z0-9_-]*$/u;
export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Bytes in base64url without padding; other spellings are refused (RFC 8555 section 6.1). */
export function fromBase64url(text: unknown, what: string): Buffer {
  if (typeof text !== 'string' || !BASE64URL.test(text) || text.length % 4 === 1) {
    refuse('malformed', `${what} is not base64url without padding`);
  }
  return Buffer.from(text, 'base64url');
}

export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return refuse('malformed', `${what} is not JSON`);
  }
}

/**
 * Reads a JWS in flattened JSON form with everything in its protected header (RFC 8555 section 6.2). `algorithms` are those that
 * may be used here.
 */
export function readJws(value: unknown, algorithms: readonly string[] = SIGNATURE_ALGORITHMS): Jws {
  if (!isObject(value)) refuse('malformed', 'the JWS is not a JSON object');
  if ('signatures' in value) refuse('malformed', 'the JWS is not in the flattened form: it holds a list of signatures');
  if ('header' in value) refuse('malformed', 'the JWS has an unprotected header');
  const { protected: encoded, payload, signature } = value;
  const header = parseJson(fromBase64url(encoded, 'the protected header').toString('utf8'), 'the protected header');
  fromBase64url(payload, 'the payload of the JWS');
  fromBase64url(signature, 'the signature of the JWS');
  if (!isObject(header)) refuse('malformed', 'the protected header is not a JSON object');
  if ('crit' in header || 'b64' in header) refuse('malformed', 'the protected header uses extensions of JWS');

  const { alg, url, nonce, kid, jwk } = header;
  if (typeof alg !== 'string' || !algorithms.includes(alg)) {
    refuse('badSignatureAlgorithm', `the algorithm ${String(alg)} is not accepted`, { algorithms });
  }
  if (typeof url !== 'string') refuse('malformed', 'the protected header has no url');
  if ((kid === undefined) === (jwk === undefined)) {
    refuse('malformed', 'the protected header must have exactly one of jwk and kid');
  }
  if (kid !== undefined && typeof kid !== 'string') refuse('malformed', 'kid is not a string');
  if (jwk !== undefined && !isObject(jwk)) refuse('malformed', 'jwk is not an object');
  return {
    raw: { protected: encoded as string, payload: payload as string, signature: signature as string },
    algorithm: alg,
    url,
    nonce,
    kid,
    jwk,
  };
}

/** RFC 7518 section 3.1, RFC 8037. */
const HASHES: Readonly<Record<string, string | null>> = {
  ...{ ES256: 'sha256', ES384: 'sha384', ES512: 'sha512', RS256: 'sha256' },
  EdDSA: null,
};

/** Refuses a message that was not signed with this key, public or shared; gives its payload. */
export async function verifyJws(jws: Jws, key: KeyObject | Uint8Array): Promise<string> {
  const holds = key instanceof Uint8Array ? await isMac(jws, key) : isSignature(jws, key);
  if (!holds) refuse('malformed', 'the signature of the JWS does not hold');
  return Buffer.from(jws.raw.payload, 'base64url').toString('utf8');
}

const isMac = ({ raw, algorithm }: Jws, key: Uint8Array): Promise<boolean> =>
  flattenedVerify(raw, key, { algorithms: [algorithm] }).then(
    () => true,
    () => false,
  );

/** By Node itself: WebCrypto, and so jose, hands each signature to another thread, which takes longer than to verify it. */
function isSignature({ raw, algorithm }: Jws, key: KeyObject): boolean {
  const hash = HASHES[algorithm];
  if (hash === undefined) return false;
  const signed = Buffer.from(`${raw.protected}.${raw.payload}`);
  try {
    return verify(hash, signed, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(raw.signature, 'base64url'));
  } catch {
    return false; // Of a length that no signature has.
  }
}
