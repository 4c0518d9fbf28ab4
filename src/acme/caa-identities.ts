import { directories } from './directories.ts';

const sectigo = ['sectigo.com', 'comodoca.com', 'comodo.com', 'usertrust.com', 'trust-provider.com'];

/**
 * What CAA records call each CA (RFC 8659 section 4.2), as its own documentation and the `caaIdentities` of its directory
 * (RFC 8555 section 7.1.1) have it. Any of them will do.
 */
const identities: Readonly<Record<string, readonly string[]>> = {
  letsencrypt: ['letsencrypt.org'],
  'letsencrypt-staging': ['letsencrypt.org'],
  zerossl: sectigo, // ZeroSSL's certificates are issued by Sectigo.
  googletrust: ['pki.goog'],
  'googletrust-staging': ['pki.goog'],
  sslcomrsa: ['ssl.com'],
  sslcomecc: ['ssl.com'],
  actalis: ['actalis.it'],
  digicert: [
    'digicert.com',
    'www.digicert.com',
    'digicert.ne.jp',
    'cybertrust.ne.jp',
    'symantec.com',
    'thawte.com',
    'geotrust.com',
    'rapidssl.com',
  ],
  sectigo,
};

const byHost = new Map(
  Object.entries(identities).map(([name, names]) => [new URL(directories[name] ?? '').hostname, names]),
);

/** The names of the CA behind a directory; undefined where they are not known without asking it. */
export const caaIdentities = (directoryUrl: string): readonly string[] | undefined =>
  byHost.get(new URL(directoryUrl).hostname);
