import { createHmac, timingSafeEqual } from 'node:crypto';
import { type BaseBlock, Constructed, fromBER, Integer, ObjectIdentifier, OctetString } from 'asn1js';
import { derive } from './pfx-derive.ts';

const hashes: Readonly<Record<string, 'sha1' | 'sha256'>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
};
/** A file that asks for more is not worth the wait. */
const MOST_ITERATIONS = 1_000_000;

/**
 * Whether a PKCS#12 file has this password, by its MAC (RFC 7292 section 5.1). Undefined where that cannot be told: no MAC, one
 * of another kind, or no PKCS#12 at all.
 */
export async function hasPassword(file: Buffer, password: string): Promise<boolean | undefined> {
  const [, contentInfo, macData] = partsOf(fromBER(file).result);
  const [digestInfo, salt, iterations] = partsOf(macData);
  const [algorithm, expected] = partsOf(digestInfo);
  const [oid] = partsOf(algorithm);
  const content = partsOf(partsOf(contentInfo)[1])[0];
  const hash = oid instanceof ObjectIdentifier ? hashes[oid.getValue()] : undefined;
  if (!hash || !(content instanceof OctetString) || !(salt instanceof OctetString)) return undefined;
  if (!(expected instanceof OctetString)) return undefined;
  const count = iterations instanceof Integer ? iterations.valueBlock.valueDec : 1;
  if (!(count >= 1 && count <= MOST_ITERATIONS)) return undefined;
  const mac = Buffer.from(expected.getValue());
  const from = { hash, purpose: 'mac', password, salt: Buffer.from(salt.getValue()), iterations: count } as const;
  const key = await derive({ ...from, length: hash === 'sha1' ? 20 : 32 });
  const found = createHmac(hash, key).update(Buffer.from(content.getValue())).digest();
  return found.length === mac.length && timingSafeEqual(found, mac);
}

const partsOf = (block: BaseBlock | undefined): readonly BaseBlock[] =>
  block instanceof Constructed ? block.valueBlock.value : [];
