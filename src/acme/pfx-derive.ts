import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** What a derived secret is for: the diversifier of RFC 7292 appendix B.3. */
const purposes = { key: 1, iv: 2, mac: 3 } as const;

export interface Derivation {
  readonly hash: 'sha1' | 'sha256';
  readonly purpose: keyof typeof purposes;
  readonly password: string;
  readonly salt: Buffer;
  readonly iterations: number;
  /** Bytes. */
  readonly length: number;
}

/** The block size of both hashes, in bytes. */
const BLOCK = 64;
/** Iterations of some milliseconds, after which others get their turn. */
const TURN = 10_000;

/** The key derivation of PKCS#12 itself, which node:crypto lacks: RFC 7292 appendix B.2. */
export async function derive({ hash, purpose, password, salt, iterations, length }: Derivation): Promise<Buffer> {
  const diversifier = Buffer.alloc(BLOCK, purposes[purpose]);
  let input = Buffer.concat([fill(salt), fill(bmpString(password))]);
  const parts: Buffer[] = [];
  for (let made = 0; made < length; ) {
    let digest = createHash(hash).update(diversifier).update(input).digest();
    for (let i = 1; i < iterations; i += 1) {
      if (i % TURN === 0) await nextTurn();
      digest = createHash(hash).update(digest).digest();
    }
    parts.push(digest);
    made += digest.length;
    input = addToEachBlock(input, fill(digest).subarray(0, BLOCK));
  }
  return Buffer.concat(parts).subarray(0, length);
}

/** Repeated until it fills whole blocks. */
const fill = (bytes: Buffer): Buffer => Buffer.alloc(Math.ceil(bytes.length / BLOCK) * BLOCK, bytes);

/** Big-endian UTF-16 that ends with two zero bytes, also when it is empty: RFC 7292 appendix B.1. */
const bmpString = (text: string): Buffer => Buffer.from(`${text}\0`, 'utf16le').swap16();

/** Each block of `input`, as a big-endian number, plus `block` plus 1, less what runs over. */
function addToEachBlock(input: Buffer, block: Buffer): Buffer<ArrayBuffer> {
  const sum = Buffer.from(input);
  for (let start = 0; start < sum.length; start += BLOCK) {
    let carry = 1;
    for (let i = BLOCK - 1; i >= 0; i -= 1) {
      carry += (sum[start + i] ?? 0) + (block[i] ?? 0);
      sum[start + i] = carry & 0xff;
      carry >>= 8;
    }
  }
  return sum;
}
