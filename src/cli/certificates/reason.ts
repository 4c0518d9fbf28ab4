import type { CertificateInfo } from '../../acme/certificate.ts';
import { directories } from '../../acme/directories.ts';
import type { CertificateSettings, StoredCertificate } from '../../acme/storage.ts';

const compared = ['keyType', 'profile', 'preferredChain', 'mustStaple', 'bundle'] as const;

/** What makes a certificate due at once, whatever its age: in words, or undefined. `stored` comes without its key where there is none. */
export function changeOf(
  stored: Pick<StoredCertificate, 'keyPem' | 'settings'>,
  { names }: Pick<CertificateInfo, 'names'>,
  wanted: CertificateSettings,
): string | undefined {
  if (stored.keyPem === undefined && wanted.csrPem === undefined) return 'its private key is missing';
  if ([...names].sort().join(' ') !== [...wanted.names].sort().join(' ')) return 'the names changed';
  const had = stored.settings;
  if (!had) return undefined;
  // A certificate of the second CA is as good as one of the first: the next renewal goes back to that.
  if (serversOf(had).join(' ') !== serversOf(wanted).join(' ')) return 'the CA changed';
  const changed = compared.find((key) => had[key] !== wanted[key]);
  if (changed) return `${words[changed]} changed`;
  if ((had.commonName ?? true) !== (wanted.commonName ?? true)) return 'the wish for a common name changed';
  if (had.csrPem !== wanted.csrPem) return 'the certificate request changed';
  return had.privateKeyFile === wanted.privateKeyFile ? undefined : 'the file of the private key changed';
}

const later = ['dns', 'files', 'hooks', 'renewDays', 'reuseKey'] as const satisfies (keyof CertificateSettings)[];

/** What the next certificate will have otherwise, and no reason to renew this one. Nothing is known of what lego wrote. */
export const changedLater = (had: CertificateSettings | undefined, wanted: CertificateSettings): string[] =>
  had ? later.filter((key) => JSON.stringify(had[key] ?? {}) !== JSON.stringify(wanted[key] ?? {})) : [];

/** A short name and its URL are the same CA. */
const serversOf = ({ servers, directoryUrl }: CertificateSettings): readonly string[] =>
  (servers ?? [directoryUrl]).map((server) => {
    const known = Object.hasOwn(directories, server) ? directories[server] : undefined;
    return known ?? (URL.canParse(server) ? new URL(server).href : server);
  });

const words = {
  keyType: 'the key type',
  profile: 'the profile',
  preferredChain: 'the preferred chain',
  mustStaple: 'must-staple',
  bundle: 'bundling',
} as const satisfies Record<(typeof compared)[number], string>;
