import type { KeyObject } from 'node:crypto';

/** As lego writes it: `EC256`, `RSA2048`. */
export function keyTypeOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  if (asymmetricKeyType === 'rsa') return `RSA${asymmetricKeyDetails?.modulusLength}`;
  return asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'EC384' : 'EC256';
}
