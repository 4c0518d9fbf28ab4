import { X509Certificate } from 'node:crypto';
import { authorizationStatus } from './authorizations.ts';
import { fromBase64url } from './jws.ts';
import { refuse } from './problem.ts';
import type { Reply } from './reply.ts';
import { expectPayload, type SignedRequest } from './requests.ts';
import type { Account, Certificate } from './resources.ts';
import type { Ca } from './state.ts';
import { thumbprintOf } from './x509.ts';

/** Unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation (RFC 5280 section 5.3.1); the others are for CAs. */
const REASONS = [0, 1, 3, 4, 5];

/** RFC 8555 section 7.6. */
export async function revokeCert(ca: Ca, request: SignedRequest): Promise<Reply> {
  const { certificate: encoded, reason = 0 } = expectPayload(request);
  const [certificate, parsed] = find(ca, fromBase64url(encoded, 'certificate'));
  if (!(await mayRevoke(ca, request, certificate, parsed))) {
    refuse(
      'unauthorized',
      'the certificate is revoked by its account, its key, or an account that is authorized for all of its names',
    );
  }
  if (typeof reason !== 'number' || !REASONS.includes(reason)) {
    refuse('badRevocationReason', `the reasons that are accepted are ${REASONS.join(', ')}`);
  }
  if (certificate.revoked) refuse('alreadyRevoked', 'the certificate was revoked already');
  certificate.revoked = { at: ca.now(), reason: reason as number };
  await ca.certificates.save(certificate);
  ca.log.info(`sandbox CA: certificate ${certificate.id} revoked, reason ${String(reason)}`);
  return { status: 200 };
}

function find({ certificates }: Ca, der: Buffer): [Certificate, X509Certificate] {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(der);
  } catch {
    return refuse('malformed', 'certificate is not a certificate in DER');
  }
  const certificate = certificates.get(parsed.serialNumber.toLowerCase());
  // Byte by byte: a serial number can be copied into a certificate of one's own.
  if (!certificate || !new X509Certificate(certificate.pem).raw.equals(der)) {
    return refuse('malformed', 'the certificate was not issued here', { status: 404 });
  }
  return [certificate, parsed];
}

async function mayRevoke(
  ca: Ca,
  { account, key }: SignedRequest,
  certificate: Certificate,
  parsed: X509Certificate,
): Promise<boolean> {
  if (account) return account.id === certificate.accountId || isAuthorizedFor(ca, account, certificate.names);
  const spki = parsed.publicKey.export({ type: 'spki', format: 'der' });
  return (await thumbprintOf(spki)) === key.thumbprint;
}

function isAuthorizedFor(ca: Ca, account: Account, names: readonly string[]): boolean {
  const held = new Set<string>();
  for (const order of ca.orders.values()) {
    if (order.accountId !== account.id) continue;
    for (const one of order.authorizations) if (authorizationStatus(ca, one) === 'valid') held.add(one.name);
  }
  return names.every((name) => held.has(name));
}
