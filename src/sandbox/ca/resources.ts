import type { JWK } from 'jose';
import type { Problem } from './problem.ts';

/** What the CA remembers. Times are milliseconds since 1970; identifiers of objects are hexadecimal, fit for URLs and file names. */

export interface Account {
  readonly id: string;
  readonly createdAt: number;
  status: 'valid' | 'deactivated';
  contact: readonly string[];
  jwk: JWK;
  /** RFC 7638, of `jwk`. */
  thumbprint: string;
  /** As the client sent it (RFC 8555 section 7.3.4). */
  readonly externalAccountBinding?: object | undefined;
}

/** An authorization and its one challenge, dns-01. */
export interface Authorization {
  /** As ordered: `*.example.test` where it is for a wildcard. */
  readonly name: string;
  readonly token: string;
  /** `processing` is the challenge's; the authorization is pending then (RFC 8555 section 7.1.6). */
  status: 'pending' | 'processing' | 'valid' | 'invalid' | 'deactivated';
  expires: number;
  validated?: number;
  error?: Problem;
}

export interface Order {
  readonly id: string;
  readonly createdAt: number;
  readonly accountId: string;
  readonly profile: string;
  readonly authorizations: readonly Authorization[];
  readonly notBefore?: number | undefined;
  readonly notAfter?: number | undefined;
  /** The certificate that this one takes the place of (RFC 9773 section 5). */
  readonly replaces?: string | undefined;
  readonly expires: number;
  /** Set from finalization on; before, the authorizations decide. */
  status?: 'processing' | 'valid' | 'invalid';
  error?: Problem;
  /** Of the request that is being worked on, base64url: a restart goes on with it. */
  csr?: string;
  certificateId?: string;
}

export interface Certificate {
  /** The serial number. */
  readonly id: string;
  readonly createdAt: number;
  readonly accountId: string;
  readonly names: readonly string[];
  readonly pem: string;
  readonly notBefore: number;
  readonly notAfter: number;
  revoked?: { readonly at: number; readonly reason: number };
  /** The order that was finalized in its place. */
  replacedBy?: string;
}
