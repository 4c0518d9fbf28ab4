import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from 'node:crypto';

/** id-pe-tlsfeature with status_request (RFC 7633): "must staple". */
const TLS_FEATURE = { oid: '1.3.6.1.5.5.7.1.24', value: Buffer.from('3003020105', 'hex') };
/** The upper bound of a common name (RFC 5280 appendix A.1). */
const LONGEST_COMMON_NAME = 64;

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
  const loaded: X509 & { readonly default?: X509 } = await import('@peculiar/x509');
  const x509 = loaded.default ?? loaded; // Bundled it is the CommonJS copy that acme-client has loaded.
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
