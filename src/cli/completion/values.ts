import { directories } from '../../acme/directories.ts';
import { pfxFormats } from '../../acme/extra-files.ts';
import { importFormats } from '../../acme/import/formats.ts';
import { keyTypes } from '../../acme/keys.ts';
import { drafts } from '../../acme/persist.ts';
import { aliases, catalog } from '../../dns/catalog.generated.ts';
import { formats } from '../certificate-options.ts';

/** What a shell can offer for a value: words, or what it finds itself. `text`: nothing. */
export type Value =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'providers' | 'certificates' | 'files' | 'folders' | 'programs' | 'text' };

const words = (...list: readonly string[]): Value => ({ kind: 'words', words: list });

/** Codes for `--dns`. A file is one too. */
export const providers: readonly string[] = [...Object.keys(catalog), ...Object.keys(aliases), 'sandbox'].sort();
/** Those of RFC 5280 that public CAs take from a subscriber. */
export const reasons = ['unspecified', 'keyCompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation'];

/** By the flag's long name, behind its command where it means something else elsewhere. */
export const flagValues: Readonly<Record<string, Value>> = {
  '--dns': { kind: 'providers' },
  '--code': words(...providers.filter((code) => code !== 'sandbox')),
  '--server': words(...Object.keys(directories), 'sandbox'),
  '--key-type': words(...keyTypes),
  '--account-key-type': words(...keyTypes),
  '--preferred-chain': words('shortest'),
  'export --format': words(...formats),
  '--pfx.format': words(...pfxFormats),
  'revoke --reason': words(...reasons),
  'import --from': words(...importFormats),
  'persist --draft': words(...drafts),
  'persist print --draft': words(...drafts),
  'persist check --draft': words(...drafts),
  'sandbox --renewal-window': words('now'),
};

/** By what stands in the angle brackets of a flag, or names an argument. */
export const placeholders: Readonly<Record<string, Value>> = {
  file: { kind: 'files' },
  folder: { kind: 'folders' },
  dir: { kind: 'folders' },
  command: { kind: 'programs' },
};
/** Commands whose words are certificates of the store. */
export const aboutCertificates: ReadonlySet<string> = new Set(['renew', 'revoke', 'show', 'export']);
