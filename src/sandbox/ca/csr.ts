import * as x509 from '@peculiar/x509';
import { fromBase64url } from './jws.ts';
import { refuse } from './problem.ts';
import { accountWith, type Ca } from './state.ts';
import { crypto, MUST_STAPLE, thumbprintOf } from './x509.ts';

/** What of a certificate request goes into the certificate. */
export interface CertificateRequest {
  readonly publicKey: x509.PublicKey;
  readonly isRsa: boolean;
  /** The first one that is asked for, in lower case. */
  readonly commonName: string | undefined;
  readonly mustStaple: boolean;
}

const [LEAST_RSA_BITS, MOST_RSA_BITS] = [2048, 8192];
const CURVES = ['P-256', 'P-384'];
const HASHES = ['SHA-256', 'SHA-384', 'SHA-512'];

/** A certificate request (RFC 2986) that is fit for an order of these names (RFC 8555 section 7.4); `encoded` is base64url. */
export async function readCsr(ca: Ca, encoded: unknown, names: readonly string[]): Promise<CertificateRequest> {
  if (typeof encoded === 'string' && encoded.includes('-----BEGIN')) {
    refuse('malformed', 'csr is PEM; it must be DER in base64url');
  }
  const request = parse(fromBase64url(encoded, 'csr'));
  const isRsa = checkKey(request);
  const { hash } = request.signatureAlgorithm;
  if (!HASHES.includes(hash?.name)) refuse('badCSR', `the CSR is signed with ${hash?.name ?? 'an unknown algorithm'}`);
  if (!(await request.verify(crypto).catch(() => false))) refuse('badCSR', 'the signature of the CSR does not hold');
  const commonNames = request.subjectName.getField('CN').map((name) => name.toLowerCase());
  checkNames([...alternativeNames(request), ...commonNames], names);
  const thumbprint = await thumbprintOf(request.publicKey.rawData);
  if (thumbprint !== undefined && accountWith(ca, thumbprint))
    refuse('badCSR', 'the key of the CSR is that of an account');
  return { publicKey: request.publicKey, isRsa, commonName: commonNames[0], mustStaple: asksToStaple(request) };
}

function parse(der: Buffer): x509.Pkcs10CertificateRequest {
  try {
    const request = new x509.Pkcs10CertificateRequest(der);
    // The parser passes over what comes after the request, and reads its parts only when they are asked for.
    const parts = [request.publicKey.algorithm, request.signatureAlgorithm, request.subjectName, request.extensions];
    if (isOneElement(der) && parts.every(Boolean)) return request;
  } catch {
    // Told below.
  }
  return refuse('badCSR', 'the CSR cannot be parsed');
}

/** Whether these bytes are one DER element and nothing else: the length in its head is that of the rest. */
function isOneElement(der: Buffer): boolean {
  const first = der[1] ?? 0;
  const size = first < 0x80 ? 0 : first & 0x7f;
  if (size > 4 || der.length < 2 + size) return false;
  return der.length === 2 + size + (size === 0 ? first : der.readUIntBE(2, size));
}

/** Whether it is an RSA key; refuses kinds and sizes that no browser takes. */
function checkKey({ publicKey }: x509.Pkcs10CertificateRequest): boolean {
  const algorithm = publicKey.algorithm as { name: string; namedCurve?: string; modulusLength?: number };
  if (algorithm.name.startsWith('RSA')) {
    const { modulusLength: bits = 0 } = algorithm;
    if (bits < LEAST_RSA_BITS || bits > MOST_RSA_BITS) {
      refuse('badCSR', `the RSA key of the CSR has ${bits} bits, not ${LEAST_RSA_BITS} to ${MOST_RSA_BITS}`);
    }
    return true;
  }
  if (!CURVES.includes(algorithm.namedCurve ?? '')) {
    refuse('badCSR', `the key of the CSR is neither RSA nor on ${CURVES.join(' or ')}`);
  }
  return false;
}

function alternativeNames(request: x509.Pkcs10CertificateRequest): string[] {
  const items = request.extensions
    .filter((extension) => extension instanceof x509.SubjectAlternativeNameExtension)
    .flatMap(({ names }) => names.items);
  const other = items.find(({ type }) => type !== 'dns');
  if (other) refuse('badCSR', `the CSR asks for a name of type ${other.type}; only DNS names are certified here`);
  return items.map(({ value }) => value.toLowerCase());
}

function checkNames(asked: readonly string[], ordered: readonly string[]): void {
  const surplus = asked.find((name) => !ordered.includes(name));
  if (surplus !== undefined) refuse('badCSR', `the CSR asks for ${surplus}, which was not ordered`);
  const missing = ordered.find((name) => !asked.includes(name));
  if (missing !== undefined) refuse('badCSR', `the CSR does not ask for ${missing}, which was ordered`);
}

function asksToStaple(request: x509.Pkcs10CertificateRequest): boolean {
  const feature = request.extensions.find(({ type }) => type === MUST_STAPLE.oid);
  if (!feature) return false;
  if (Buffer.from(feature.value).toString('hex') !== MUST_STAPLE.value) {
    refuse('badCSR', 'the CSR asks for a TLS feature other than status_request');
  }
  return true;
}
