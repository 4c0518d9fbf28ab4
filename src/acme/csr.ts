import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from 'node:crypto';
import { ConfigError } from '../errors.ts';

/** id-pe-tlsfeature with status_request (RFC 7633): "must staple". */
const TLS_FEATURE = { oid: '1.3.6.1.5.5.7.1.24', value: Buffer.from('3003020105', 'hex') };
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
/** The upper bound of a common name (RFC 5280 appendix A.1). */
const LONGEST_COMMON_NAME = 64;

/** A certificate request that a user brought (RFC 2986). */
export interface CertificateRequest {
  readonly der: Buffer;
  /** The common name and the DNS names, each once, as they stand there. */
  readonly names: readonly string[];
  readonly publicKey: KeyObject;
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
    };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    return refuse('is no certificate request', error);
  }
}

async function x509Library(): Promise<X509> {
  const loaded: X509 & { readonly default?: X509 } = await import('@peculiar/x509');
  return loaded.default ?? loaded; // Bundled it is the CommonJS copy that acme-client has loaded.
}

function algorithmOf(key: KeyObject): RsaHashedImportParams | EcKeyImportParams {
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  return { name: 'ECDSA', namedCurve: key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'P-384' : 'P-256' };
}
type RsaHashedImportParams = webcrypto.RsaHashedImportParams;
type EcKeyImportParams = webcrypto.EcKeyImportParams;

/** A certificate request (PKCS#10, DER) for these names, the first of them as common name where it fits. */
export async function createCsr(
  names: readonly string[],
  keyPem: string,
  { mustStaple, commonName }: { readonly mustStaple: boolean; readonly commonName: boolean },
): Promise<Buffer> {
  const x509 = await x509Library();
  const key = createPrivateKey(keyPem);
  const algorithm = algorithmOf(key);
  const { subtle } = webcrypto;
  const [privateKey, publicKey] = await Promise.all([
    subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), algorithm, false, ['sign']),
    subtle.importKey('spki', createPublicKey(key).export({ type: 'spki', format: 'der' }), algorithm, true, ['verify']),
  ]);
  const first = names.find((name) => name.length <= LONGEST_COMMON_NAME);
  const hash =
    algorithm.name === 'ECDSA' && 'namedCurve' in algorithm && algorithm.namedCurve === 'P-384' ? 'SHA-384' : 'SHA-256';
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: commonName && first ? [{ CN: [first] }] : [],
      keys: { privateKey, publicKey } as CryptoKeyPair,
      signingAlgorithm: { name: algorithm.name, hash },
      extensions: [
        new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
        ...(mustStaple ? [new x509.Extension(TLS_FEATURE.oid, false, TLS_FEATURE.value)] : []),
      ],
    },
    webcrypto as unknown as Crypto,
  );
  return Buffer.from(request.rawData);
}
type X509 = typeof import('@peculiar/x509');
type Generate = Parameters<X509['Pkcs10CertificateRequestGenerator']['create']>;
type CryptoKeyPair = Generate[0]['keys'];
type Crypto = Generate[1];
