import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { ConfigError } from '../errors.ts';

export const keyTypes = ['ec256', 'ec384', 'rsa2048', 'rsa3072', 'rsa4096', 'rsa8192'] as const;
export type KeyType = (typeof keyTypes)[number];

const generate = promisify(generateKeyPair);

/** `ec256` and the other names, and lego's spellings of them: `EC256`, `P256`, `RSA2048`, `2048`. */
export function parseKeyType(text: string): KeyType {
  const plain = text.toLowerCase();
  const name = /^p\d+$/u.test(plain) ? `ec${plain.slice(1)}` : /^\d+$/u.test(plain) ? `rsa${plain}` : plain;
  const found = keyTypes.find((known) => known === name);
  if (!found) throw new ConfigError(`key type ${text} is unknown`, { hint: `use one of ${keyTypes.join(', ')}` });
  return found;
}

async function generateKey(type: KeyType): Promise<KeyObject> {
  const bits = Number(type.replace(/\D/gu, ''));
  const { privateKey } = type.startsWith('ec')
    ? await generate('ec', { namedCurve: `P-${bits}` })
    : await generate('rsa', { modulusLength: bits });
  return privateKey;
}

/** A new certificate key, PKCS#8 PEM. */
export const generateCertificateKey = async (type: KeyType): Promise<string> =>
  (await generateKey(type)).export({ type: 'pkcs8', format: 'pem' }).toString();

/** A new account key in the older PEM forms (SEC1, PKCS#1), because lego 4 reads no other. */
export async function generateAccountKey(type: KeyType): Promise<string> {
  const key = await generateKey(type);
  return key.export({ type: type.startsWith('ec') ? 'sec1' : 'pkcs1', format: 'pem' }).toString();
}

/** The PKCS#8 form of any unencrypted private key, which is all that acme-client's signing needs. */
export const asPkcs8 = (pem: string): string =>
  createPrivateKey(pem).export({ type: 'pkcs8', format: 'pem' }).toString();
