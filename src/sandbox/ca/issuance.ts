import * as x509 from '@peculiar/x509';
import type { CertificateRequest } from './csr.ts';
import { profileNamed } from './profiles.ts';
import type { Certificate, Order } from './resources.ts';
import type { Ca } from './state.ts';
import { validityOf } from './validity.ts';
import { crypto, MUST_STAPLE, newSerial, pemOf, sign } from './x509.ts';

/** Makes the certificate of an order (RFC 5280, with what the CA/Browser Forum asks of a TLS server's). */
export async function issue(ca: Ca, order: Order, request: CertificateRequest): Promise<Certificate> {
  const { authority, origin, options } = ca;
  const profile = profileNamed(order.profile, options.lifetimeMs);
  const now = ca.now();
  const { notBefore, notAfter } = validityOf(order, profile.lifetimeMs, now);
  const names = order.authorizations.map(({ name }) => name);
  const id = newSerial();
  const commonName = profile.traditional ? request.commonName : undefined;
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  const usages = profile.traditional && request.isRsa ? digitalSignature | keyEncipherment : digitalSignature;
  const leaf = await sign({
    serialNumber: id,
    subject: commonName === undefined ? [] : [{ CN: [commonName] }],
    issuer: authority.issuers[0].subjectName,
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    publicKey: request.publicKey,
    signingKey: authority.signingKey,
    extensions: [
      new x509.KeyUsagesExtension(usages, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.AuthorityKeyIdentifierExtension(authority.keyIdentifier),
      ...(profile.traditional
        ? [await x509.SubjectKeyIdentifierExtension.create(request.publicKey, false, crypto)]
        : []),
      new x509.AuthorityInfoAccessExtension({ caIssuers: `${origin}/issuer` }),
      // Critical where there is no subject (RFC 5280 section 4.2.1.6).
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: 'dns', value })),
        commonName === undefined,
      ),
      ...(request.mustStaple
        ? [new x509.Extension(MUST_STAPLE.oid, false, Buffer.from(MUST_STAPLE.value, 'hex'))]
        : []),
    ],
  });
  return { id, createdAt: now, accountId: order.accountId, names, pem: pemOf(leaf), notBefore, notAfter };
}
