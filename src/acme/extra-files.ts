import { ConfigError } from '../errors.ts';
import type { CertificateFiles, CertificatePaths, PfxFormat, StoredCertificate } from './storage.ts';

export const pfxFormats = ['SHA256', 'DES', 'RC2'] as const satisfies readonly PfxFormat[];
/** lego's, so that what reads its files reads ours. It protects nothing: everybody knows it. */
export const PUBLIC_PFX_PASSWORD = 'changeit';

/** `SHA256` and lego's other names, in either case. Throws `ConfigError` that calls the flag or key by `name`. */
export function parsePfxFormat(value: string, name: string): PfxFormat {
  const found = pfxFormats.find((known) => known === value.toUpperCase());
  if (!found) throw new ConfigError(`${name} ${value} is unknown`, { hint: `use one of ${pfxFormats.join(', ')}` });
  return found;
}

export interface WantedFiles {
  readonly pem?: boolean | undefined;
  readonly pfx?: PfxFormat | undefined;
}

/** Both files hold the key: says so before anything is ordered, where quoin will not have it. */
export function refuseFilesWithoutKey({ pem, pfx }: WantedFiles): void {
  if (!pem && !pfx) return;
  throw new ConfigError(`--${pem ? 'pem' : 'pfx'} needs the private key, which stays with you when you bring a CSR`, {
    hint: `leave out --${pem ? 'pem' : 'pfx'}, or --csr`,
  });
}

/**
 * A renewal that is told no password would lock the new file with `changeit`, and whoever reads it has another one: says so before
 * anything is ordered. `file` is the .pfx that is in the store.
 */
export async function refuseForgottenPassword(file: Buffer, path: string): Promise<void> {
  const { hasPassword } = await import('./pfx-password.ts');
  if ((await hasPassword(file, PUBLIC_PFX_PASSWORD)) !== false) return;
  throw new ConfigError(`${path} has a password, which was not given`, {
    hint: `set QUOIN_PFX_PASSWORD, or move the file away to have the next one locked with ${PUBLIC_PFX_PASSWORD}`,
  });
}

/** Where the files are that lego does not write by default. */
export const beside = ({ certificate }: CertificatePaths, extension: '.pem' | '.pfx'): string =>
  certificate.replace(/\.crt$/u, extension);

export interface ExtraFiles extends WantedFiles {
  /** Unless given, `changeit`. */
  readonly pfxPassword?: string | undefined;
  readonly certificate: StoredCertificate;
}

/**
 * The files that lego calls `<name>.pem` (the certificate as in `.crt`, its key behind it) and `<name>.pfx` (PKCS#12), for
 * `CertificateFiles.extra`. None of a certificate without a key, see `refuseFilesWithoutKey`.
 */
export async function extraFiles({
  pem,
  pfx,
  pfxPassword = PUBLIC_PFX_PASSWORD,
  certificate,
}: ExtraFiles): Promise<NonNullable<CertificateFiles['extra']>> {
  const { name, certificatePem, issuerPem, keyPem } = certificate;
  if (keyPem === undefined) return {};
  const content = { certificatePem, issuerPem, keyPem, password: pfxPassword, friendlyName: name };
  return {
    ...(pem ? { '.pem': `${certificatePem.trimEnd()}\n${keyPem.trimEnd()}\n` } : {}),
    // Loaded here, because most runs write no such file.
    ...(pfx ? { '.pfx': await (await import('./pfx.ts')).encodePfx({ ...content, format: pfx }) } : {}),
  };
}
