import { createHash, createPublicKey } from 'node:crypto';

/* Apart from persist.ts, whose checks the command line needs at every start: node:crypto takes its time. */

/** RFC 7638, as it is part of key authorizations too (RFC 8555 section 8.1). */
export function accountThumbprint(keyPem: string): string {
  const { e, kty, n, crv, x, y } = createPublicKey(keyPem).export({ format: 'jwk' });
  // The required members only, by their names in order.
  const members = kty === 'RSA' ? { e, kty, n } : { crv, kty, x, ...(y === undefined ? {} : { y }) };
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}

export interface HashInput {
  /** The name below the label, also where a CNAME leads elsewhere; `*`: for any name. */
  readonly name: string;
  readonly thumbprint: string;
  readonly accountUrl: string;
}

/** `sha-256/...`, which follows the prefix of the CA (draft -02 section 4.1). */
export function accountHash({ name, thumbprint, accountUrl }: HashInput): string {
  const hash = createHash('sha256')
    .update(Buffer.from([name.length]))
    .update(name)
    .update(thumbprint);
  return `sha-256/${hash.update(accountUrl).digest('base64url')}`;
}
