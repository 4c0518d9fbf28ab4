import { createPrivateKey, type KeyObject } from 'node:crypto';
import { damaged } from '../files.ts';

/** The private key of a PEM text, or `StorageError` naming the file. */
export function readKey(pem: string, path: string, hint?: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw damaged(path, pem.trim() === '' ? 'it is empty' : 'it holds no private key', hint, cause);
  }
}

/** `EC256`, `RSA2048`: how lego 5 spells the type of a key in its JSON. */
export function legoKeyType({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  if (asymmetricKeyType === 'rsa') return `RSA${asymmetricKeyDetails?.modulusLength ?? ''}`;
  const curve = asymmetricKeyDetails?.namedCurve;
  return curve === 'prime256v1' ? 'EC256' : curve === 'secp384r1' ? 'EC384' : (asymmetricKeyType ?? '');
}

/** The older PEM forms (SEC1, PKCS#1), since lego 4 reads account keys in no other. */
export function olderPem(key: KeyObject, pem: string): string {
  const { asymmetricKeyType: type } = key;
  if (!(type === 'ec' || type === 'rsa') || /BEGIN (?:EC|RSA) PRIVATE KEY/u.test(pem)) return pem;
  return key.export({ type: type === 'ec' ? 'sec1' : ('pkcs1' as 'sec1'), format: 'pem' }).toString();
}
