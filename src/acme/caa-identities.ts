import { directories } from './directories.ts';

/**
 * Sectigo's FAQ "CAA Record - Certification Authority Authorization" (sectigo.com/faqs). The directory of ZeroSSL, whose
 * certificates Sectigo issues, has these five in `caaIdentities`; ZeroSSL's help ("Invalid CAA Records", help.zerossl.com)
 * asks for the first one.
 */
const sectigo = ['sectigo.com', 'comodoca.com', 'comodo.com', 'usertrust.com', 'trust-provider.com'];

/**
 * What CAA records call each CA (RFC 8659 section 4.2), as its own documentation and the `caaIdentities` of its directory
 * (RFC 8555 section 7.1.1) have it. Any of them will do; the first is the one to recommend.
 */
const identities: Readonly<Record<string, readonly string[]>> = {
  // letsencrypt.org/docs/caa, and both directories.
  letsencrypt: ['letsencrypt.org'],
  'letsencrypt-staging': ['letsencrypt.org'],
  zerossl: sectigo,
  // developers.google.com/public-key-infrastructure/dns-debugging
  googletrust: ['pki.goog'],
  'googletrust-staging': ['pki.goog'],
  // ssl.com/how-to/configure-caa-records-to-authorize-ssl-com. Its earlier comodoca.com was for certificates from Comodo's root.
  sslcomrsa: ['ssl.com'],
  sslcomecc: ['ssl.com'],
  // CCADB's report of CAA identifiers (ccadb.my.salesforce-sites.com/ccadb/AllCAAIdentifiersReport).
  actalis: ['actalis.it'],
  // Public Trust CP/CPS 7.07 (2025-10-24) section 4.2.1.1, without the names of Amazon and of PKIoverheid, which it has too.
  digicert: [
    'digicert.com',
    'www.digicert.com',
    'digicert.ne.jp',
    'cybertrust.ne.jp',
    'symantec.com',
    'thawte.com',
    'geotrust.com',
    'rapidssl.com',
    'quovadisglobal.com',
    'digitalcertvalidation.com',
    ...['volusion', 'stratossl', 'intermediatecertificate', '1and1'].map((name) => `${name}.digitalcertvalidation.com`),
  ],
  sectigo,
};

const byHost = new Map(
  Object.entries(identities).map(([name, names]) => [new URL(directories[name] ?? '').hostname, names]),
);

/** The names of the CA behind a directory; undefined where they are not known without asking it. */
export const caaIdentities = (directoryUrl: string): readonly string[] | undefined =>
  byHost.get(new URL(directoryUrl).hostname);
