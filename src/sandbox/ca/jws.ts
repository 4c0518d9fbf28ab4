import { type FlattenedJWSInput, flattenedVerify, type JWK } from 'jose';
import { type PublicKey, SIGNATURE_ALGORITHMS } from './keys.ts';
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

/** Refuses a message that was not signed with this key; gives its payload. */
export async function verifyJws({ raw, algorithm }: Jws, key: PublicKey['key'] | Uint8Array): Promise<string> {
  try {
    const { payload } = await flattenedVerify(raw, key, { algorithms: [algorithm] });
    return Buffer.from(payload).toString('utf8');
  } catch {
    return refuse('malformed', 'the signature of the JWS does not hold');
  }
}
