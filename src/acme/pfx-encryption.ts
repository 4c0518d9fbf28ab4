import { createCipheriv, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { type BaseBlock, Integer, Null, ObjectIdentifier, OctetString, Sequence } from 'asn1js';
import { derive } from './pfx-derive.ts';
import { encryptRc2 } from './rc2.ts';

export interface Encrypted {
  /** AlgorithmIdentifier, with salt and iterations in it. */
  readonly algorithm: Sequence;
  readonly data: Buffer;
}
export type Encrypt = (data: Buffer, password: string, iterations: number) => Promise<Encrypted>;

const pbkdf2Async = promisify(pbkdf2);
const SALT_BYTES = 16;
/** Old software expects no other length. */
const OLD_SALT_BYTES = 8;

export const oid = (value: string): ObjectIdentifier => new ObjectIdentifier({ value });
export const sequence = (...value: BaseBlock[]): Sequence => new Sequence({ value });
export const octets = (bytes: Buffer): OctetString => new OctetString({ valueHex: bytes });
export const integer = (value: number): Integer => new Integer({ value });

/** PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC: RFC 8018 sections 5.2 and 6.2. The password counts in UTF-8. */
export const aes256: Encrypt = async (data, password, iterations) => {
  const salt = randomBytes(SALT_BYTES);
  const iv = randomBytes(16);
  const key = await pbkdf2Async(password, salt, iterations, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const hmacSha256 = sequence(oid('1.2.840.113549.2.9'), new Null());
  return {
    algorithm: sequence(
      oid('1.2.840.113549.1.5.13'),
      sequence(
        sequence(oid('1.2.840.113549.1.5.12'), sequence(octets(salt), integer(iterations), hmacSha256)),
        sequence(oid('2.16.840.1.101.3.4.1.42'), octets(iv)),
      ),
    ),
    data: Buffer.concat([cipher.update(data), cipher.final()]),
  };
};

/** pbeWithSHAAnd3-KeyTripleDES-CBC: RFC 7292 appendix C. */
export const tripleDes: Encrypt = async (data, password, iterations) => {
  const { algorithm, key, iv } = await ofPkcs12('1.2.840.113549.1.12.1.3', 24, password, iterations);
  const cipher = createCipheriv('des-ede3-cbc', key, iv);
  return { algorithm, data: Buffer.concat([cipher.update(data), cipher.final()]) };
};

/** pbeWithSHAAnd40BitRC2-CBC: RFC 7292 appendix C. Anybody can break it. */
export const rc2With40Bits: Encrypt = async (data, password, iterations) => {
  const { algorithm, key, iv } = await ofPkcs12('1.2.840.113549.1.12.1.6', 5, password, iterations);
  return { algorithm, data: await encryptRc2(data, key, iv, 40) };
};

async function ofPkcs12(id: string, keyBytes: number, password: string, iterations: number) {
  const salt = randomBytes(OLD_SALT_BYTES);
  const from = { hash: 'sha1', password, salt, iterations } as const;
  const key = await derive({ ...from, purpose: 'key', length: keyBytes });
  const iv = await derive({ ...from, purpose: 'iv', length: 8 });
  return { algorithm: sequence(oid(id), sequence(octets(salt), integer(iterations))), key, iv };
}
