import { createPrivateKey, createPublicKey, type KeyObject, sign, webcrypto } from 'node:crypto';
import { promisify } from 'node:util';
import type { BaseBlock } from 'asn1js';
import { exportsOf } from '../commonjs.ts';
import { ConfigError } from '../errors.ts';

/** id-pe-tlsfeature with status_request (RFC 7633): "must staple". */
const TLS_FEATURE = { oid: '1.3.6.1.5.5.7.1.24', value: Buffer.from('3003020105', 'hex') };
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const COMMON_NAME = '2.5.4.3';
/** RFC 2985 section 5.4.2. */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
/** The class of tags whose meaning depends on where they stand. */
const CONTEXT = 3;
/** The upper bound of a common name (RFC 5280 appendix A.1). */
const LONGEST_COMMON_NAME = 64;

const KEY_HINT = { hint: 'use an RSA key, or an EC key on P-256 or P-384' };
const signAsync = promisify(sign);

/** A certificate request that a user brought (RFC 2986). */
export interface CertificateRequest {
  readonly der: Buffer;
  /** The common name and the DNS names, each once, as they stand there. */
  readonly names: readonly string[];
  readonly publicKey: KeyObject;
  /** It asks for the extension. */
  readonly mustStaple: boolean;
}

/** Reads PEM or DER. Throws `ConfigError` for what is no request, has a wrong signature, or asks for more than DNS names. */
export async function readCsr(content: Buffer, from: string): Promise<CertificateRequest> {
  const refuse = (why: string, cause?: unknown): never => {
    throw new ConfigError(`${from} ${why}`, { cause, hint: 'name a certificate request (PKCS#10) in PEM or DER form' });
  };
  const { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } = await x509Library();
  const text = content.toString('latin1');
  const body = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END/u.exec(text)?.[1];
  const der = body === undefined ? content : Buffer.from(body, 'base64');
  try {
    const request = new Pkcs10CertificateRequest(der);
    if (!(await request.verify(webcrypto as unknown as Crypto))) refuse('has a signature that does not hold');
    const extension = request.getExtension(SUBJECT_ALTERNATIVE_NAME);
    const others = extension ? new SubjectAlternativeNameExtension(extension.rawData).names.toJSON() : [];
    const strange = others.find(({ type }) => type !== 'dns');
    if (strange) refuse(`asks for ${strange.type} ${strange.value}, and a certificate by DNS-01 has DNS names only`);
    const common = request.subjectName.getField('CN');
    return {
      der,
      names: [...new Set([...common, ...others.map(({ value }) => value)])],
      publicKey: createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' }),
      mustStaple: request.getExtension(TLS_FEATURE.oid) !== null,
    };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    return refuse('is no certificate request', error);
  }
}

const x509Library = async (): Promise<X509> => exportsOf<X509>(await import('@peculiar/x509'));
type X509 = typeof import('@peculiar/x509');
type Crypto = Parameters<X509['Pkcs10CertificateRequestGenerator']['create']>[1];

/** Signature algorithms (RFC 5758, RFC 4055) by the curve of the key, or `rsa`. */
const algorithms: Readonly<Record<string, { readonly hash: string; readonly oid: string }>> = {
  rsa: { hash: 'sha256', oid: '1.2.840.113549.1.1.11' },
  prime256v1: { hash: 'sha256', oid: '1.2.840.10045.4.3.2' },
  secp384r1: { hash: 'sha384', oid: '1.2.840.10045.4.3.3' },
  secp521r1: { hash: 'sha512', oid: '1.2.840.10045.4.3.4' },
};

/**
 * A certificate request (PKCS#10, DER) for these names, the first of them as common name where it fits. Made of asn1js, which is
 * below @peculiar/x509 as well: the whole of that takes longer to load than the rest of a run's code.
 */
export async function createCsr(
  names: readonly string[],
  keyPem: string,
  { mustStaple, commonName }: { readonly mustStaple: boolean; readonly commonName: boolean },
): Promise<Buffer> {
  const asn1 = exportsOf<typeof import('asn1js')>(await import('asn1js'));
  const sequence = (...value: readonly BaseBlock[]) => new asn1.Sequence({ value: [...value] });
  const setOf = (value: BaseBlock) => new asn1.Set({ value: [value] });
  const oid = (value: string) => new asn1.ObjectIdentifier({ value });
  const extension = (id: string, value: ArrayBuffer | Uint8Array) =>
    sequence(oid(id), new asn1.OctetString({ valueHex: value }));

  const key = createPrivateKey(keyPem);
  const algorithm = algorithms[key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? ''];
  if (!algorithm) throw new ConfigError('a private key of this kind cannot sign certificate requests', KEY_HINT);
  const first = names.find((name) => name.length <= LONGEST_COMMON_NAME);
  const subject = commonName && first ? [setOf(sequence(oid(COMMON_NAME), new asn1.Utf8String({ value: first })))] : [];
  const dnsNames = names.map(
    (name) => new asn1.Primitive({ idBlock: { tagClass: CONTEXT, tagNumber: 2 }, valueHex: Buffer.from(name) }),
  );
  const extensions = [
    extension(SUBJECT_ALTERNATIVE_NAME, sequence(...dnsNames).toBER()),
    ...(mustStaple ? [extension(TLS_FEATURE.oid, TLS_FEATURE.value)] : []),
  ];
  // RFC 2986 section 4.1.
  const info = sequence(
    new asn1.Integer({ value: 0 }),
    sequence(...subject),
    asn1.fromBER(createPublicKey(key).export({ type: 'spki', format: 'der' })).result,
    new asn1.Constructed({
      idBlock: { tagClass: CONTEXT, tagNumber: 0 },
      value: [sequence(oid(EXTENSION_REQUEST), setOf(sequence(...extensions)))],
    }),
  );
  const signature = await signAsync(algorithm.hash, Buffer.from(info.toBER()), key);
  const parameters = key.asymmetricKeyType === 'rsa' ? [new asn1.Null()] : [];
  const signed = sequence(
    info,
    sequence(oid(algorithm.oid), ...parameters),
    new asn1.BitString({ valueHex: signature }),
  );
  return Buffer.from(signed.toBER());
}
