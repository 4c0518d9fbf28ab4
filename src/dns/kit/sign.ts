import { createHash, createHmac, type HashOptions } from 'node:crypto';

type Algorithm = 'md5' | 'sha1' | 'sha256' | 'sha384' | 'sha512';
type Data = string | Uint8Array;

export const hash = (algorithm: Algorithm, data: Data, encoding: 'hex' | 'base64' = 'hex', options?: HashOptions) =>
  createHash(algorithm, options).update(data).digest(encoding);

export const hmac = (algorithm: Algorithm, key: Data, data: Data, encoding: 'hex' | 'base64' = 'base64'): string =>
  createHmac(algorithm, key).update(data).digest(encoding);

/** For keys that are derived step by step, as in AWS Signature Version 4. */
export const hmacBytes = (algorithm: Algorithm, key: Data, data: Data): Buffer =>
  createHmac(algorithm, key).update(data).digest();

/** RFC 3986 section 2.1: everything but letters, digits and `-._~` is encoded, a space as `%20`. */
export const percentEncode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/gu, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** Names and values encoded, sorted by name and then by value: the form that signatures are computed over. */
export function canonicalQuery(params: Readonly<Record<string, string | number | boolean>> | URLSearchParams): string {
  const pairs = params instanceof URLSearchParams ? [...params] : Object.entries(params);
  return pairs
    .map(([name, value]) => [percentEncode(name), percentEncode(String(value))] as const)
    .sort((a, b) => order(a[0], b[0]) || order(a[1], b[1]))
    .map((pair) => pair.join('='))
    .join('&');
}

/** By code points, whatever the language of the machine. */
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Value of an `Authorization` header (RFC 7617). */
export const basicAuth = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
