import { refuse } from './problem.ts';
import type { Reply } from './reply.ts';
import { expectEmpty, type SignedRequest } from './requests.ts';
import type { Ca } from './state.ts';
import { pemOf } from './x509.ts';

const PEM_CHAIN = 'application/pem-certificate-chain';

/** The chain to the first root, or, as alternate number 1, to the second (RFC 8555 section 7.4.2). */
export function readCertificate(ca: Ca, request: SignedRequest, id: string, alternate: boolean): Reply {
  expectEmpty(request);
  const certificate = ca.certificates.get(id) ?? refuse('malformed', 'there is no such certificate', { status: 404 });
  if (certificate.accountId !== request.account?.id) {
    refuse('unauthorized', 'the certificate was issued to another account');
  }
  const url = `${ca.origin}/certificate/${id}`;
  return {
    status: 200,
    headers: { 'content-type': PEM_CHAIN, link: `<${alternate ? url : `${url}/alternate`}>;rel="alternate"` },
    body: certificate.pem + pemOf(ca.authority.issuers[alternate ? 1 : 0]),
  };
}

/** Where certificates say that their issuer's is to be found (RFC 5280 section 4.2.2.1). */
export const readIssuer = ({ authority }: Ca): Reply => ({
  status: 200,
  headers: { 'content-type': 'application/pkix-cert' },
  body: Buffer.from(authority.issuers[0].rawData),
});
