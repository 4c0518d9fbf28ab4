import { AcmeError, ConfigError } from '../errors.ts';
import { parseChain } from './certificate.ts';
import { type AcmeConnection, type AcmeOptions, connectAcme, type Directory } from './client.ts';

/** RFC 5280 section 5.3.1; there is no 7. */
const reasons: Readonly<Record<string, number>> = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10,
};
/** What a subscriber may say to a public CA (Baseline Requirements section 7.2.2); the others are for the CA itself. */
const SUBSCRIBER_REASONS = [0, 1, 3, 4, 5];
const forSubscribers = Object.entries(reasons)
  .flatMap(([name, number]) => (SUBSCRIBER_REASONS.includes(number) ? [`${name} (${number})`] : []))
  .join(', ');

/** The number of a reason that is given by number or name. Throws `ConfigError`. */
export function parseReason(text: string, flag = '--reason'): number {
  const given = text.trim();
  const plain = given.toLowerCase().replaceAll(/[-_]/gu, '');
  const found = Object.entries(reasons).find(([name, number]) => given === `${number}` || plain === name.toLowerCase());
  if (!found) throw new ConfigError(`${flag} ${text} is no reason`, { hint: `use one of ${forSubscribers}` });
  return found[1];
}

/** Whether public CAs take this reason from a subscriber. */
export const isForSubscribers = (reason: number): boolean => SUBSCRIBER_REASONS.includes(reason);

/** Whose signature asks for the revocation: a registered account's, or the certificate's own key (RFC 8555 section 7.6). */
export interface Revoker {
  readonly keyPem: string;
  /** Absent: the key is the certificate's own. */
  readonly accountUrl?: string | undefined;
}

/** A connection on which that key signs. */
export const connectRevoker = (
  { keyPem, accountUrl }: Revoker,
  directory: Directory,
  options: AcmeOptions,
): Promise<AcmeConnection> => connectAcme({ ...options, directory, accountKeyPem: keyPem, accountUrl });

export interface Revocation {
  /** For messages. */
  readonly name: string;
  readonly certificatePem: string;
  /** Absent: none is told. */
  readonly reason?: number | undefined;
}

/** Resolves only when the CA has said that the certificate is revoked. Safe to repeat. */
export async function revokeCertificate(
  { name, certificatePem, reason }: Revocation,
  acme: AcmeConnection,
): Promise<'revoked' | 'alreadyRevoked'> {
  const { revokeCert, url } = acme.directory;
  if (!revokeCert) throw new AcmeError('ACME_PROTOCOL', `acme: ${url} offers no revocation`);
  const [leaf] = parseChain(certificatePem);
  if (!leaf) throw new AcmeError('ACME_CERTIFICATE', `acme: there is no certificate in the file of ${name}`);
  const payload = { certificate: leaf.raw.toString('base64url'), ...(reason === undefined ? {} : { reason }) };
  const doing = `revoke the certificate ${name}`;
  try {
    const withJwk = acme.accountUrl === undefined;
    const { status } = await acme.post(revokeCert, payload, { doing, tolerate: ['alreadyRevoked'], withJwk });
    return status >= 400 ? 'alreadyRevoked' : 'revoked';
  } catch (error) {
    if (!(error instanceof AcmeError) || error.code !== 'ACME_BAD_REVOCATION_REASON') throw error;
    const { message, facts } = error;
    throw new AcmeError('ACME_BAD_REVOCATION_REASON', message, { facts, hint: `use one of ${forSubscribers}` });
  }
}

/**
 * Whether the CA does not know this account (any more). Nothing else leads to the certificate's own key by itself: some CAs take
 * its use for a key compromise, and block the key.
 */
export const refusesAccount = (error: unknown): error is AcmeError =>
  error instanceof AcmeError && error.code === 'ACME_ACCOUNT_DOES_NOT_EXIST';
