import { type AppError, ConfigError, StorageError } from '../../errors.ts';
import { namesIn, readIfThere, readJson } from '../../files.ts';
import { plainText } from '../../plain-text.ts';
import type { HookSettings, StoredAccount, StoredCertificate } from '../storage.ts';

/** What a user says of a store that it may not say of itself. */
export interface ImportHints {
  /** Of accounts without an address. */
  readonly email?: string | undefined;
  /** Directory URLs, as the user has given them: tried where the CA is not known, or only its host. */
  readonly servers: readonly string[];
  /** Where no provider is known; as typed after `--dns`. */
  readonly dns: readonly string[];
  /** To look names up with; recorded. */
  readonly resolvers: readonly string[];
  /** Recorded with the certificates of private CAs; absolute paths. */
  readonly caCertificates: readonly string[];
  /** Take hook commands over, too. */
  readonly hooks: boolean;
}

export interface FoundAccount {
  /** The file or folder that it was read from. */
  readonly from: string;
  readonly account: StoredAccount;
  readonly notes: readonly string[];
}

export interface FoundCertificate {
  readonly from: string;
  readonly stored: StoredCertificate;
  /** Commands that the other client runs; in `stored.settings` only where the user wants them. */
  readonly hooks: HookSettings;
  readonly notes: readonly string[];
}

/** Something that could not be read. It does not stop the rest. */
export interface NotFound {
  readonly from: string;
  readonly error: AppError;
}

/** Where the other client has its credentials for a provider, and what quoin calls them. Never a value. */
export interface Credentials {
  /** quoin's code. */
  readonly provider: string;
  /** `dns_cf`, `dns-cloudflare`. */
  readonly hook: string;
  readonly file: string;
  readonly set: readonly CredentialName[];
  readonly note?: string | undefined;
}
export interface CredentialName {
  readonly name: string;
  /** `CF_Token`, or several with what stands between them: `DP_Id,DP_Key`. */
  readonly from: string;
}

/** All that a store of another client holds. */
export interface Found {
  readonly accounts: readonly FoundAccount[];
  readonly certificates: readonly FoundCertificate[];
  readonly problems: readonly NotFound[];
  readonly credentials: readonly Credentials[];
  /** About the store as a whole. */
  readonly notes: readonly string[];
}

/** What a reader collects. */
export interface Findings {
  readonly accounts: FoundAccount[];
  readonly certificates: FoundCertificate[];
  readonly problems: NotFound[];
  readonly credentials: Credentials[];
  readonly notes: string[];
}
export const noFindings = (): Findings => ({
  accounts: [],
  certificates: [],
  problems: [],
  credentials: [],
  notes: [],
});

/** How a provider is called elsewhere. */
export interface Counterpart {
  readonly code: string;
  /** quoin's variable: where the other client keeps the value. */
  readonly set: Readonly<Record<string, string>>;
  readonly note?: string;
}

/** Notes where the credentials for a provider are; the same for many certificates is one line. */
export function addCredentials(
  all: Credentials[],
  hook: string,
  file: string,
  { code, set, note }: Counterpart,
  isSet: (names: readonly string[]) => boolean = () => true,
): void {
  if (all.some((one) => one.hook === hook && one.file === file)) return;
  const names = Object.entries(set).map(([name, from]) => ({ name, from }));
  const kept = names.filter(({ from }) => isSet(from.match(/[A-Za-z_]\w*/gu) ?? []));
  all.push({ provider: code, hook, file, set: kept.length > 0 ? kept : names, ...(note ? { note } : {}) });
}

/** What of an account its source does not say. */
export const accountNotes = (client: string, email: string | undefined, url: string | undefined): string[] => [
  ...(email === undefined
    ? [`${client} does not keep its e-mail address: give it with --email, by which quoin run finds the account`]
    : []),
  ...(url === undefined ? ['its URL is not known: the next run asks for it, and needs --accept-tos'] : []),
];

/** An id for an account: its address, or where another account of that CA has it, a name of its own. */
export function accountId(found: Findings, directoryUrl: string, address: string, own: string): string {
  const taken = found.accounts.some(({ account: one }) => one.directoryUrl === directoryUrl && one.id === address);
  return taken ? own : address;
}

/** Collects what goes wrong with one thing, so that the others are still read. */
export async function attempt<T>(from: string, problems: NotFound[], read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof StorageError || error instanceof ConfigError)) throw error;
    problems.push({ from, error });
    return undefined;
  }
}

const DENIED = 'run as a user who may read it, or copy the folder to where you may';

/** The hints of the store's own errors are about quoin's store; here nothing is to be moved away. */
export async function ofSource<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    throw error instanceof StorageError ? asOfSource(error) : error;
  }
}

export function asOfSource({ message, cause }: StorageError): StorageError {
  return new StorageError(message, { cause, hint: message.includes('permission denied') ? DENIED : undefined });
}

export const sourceNames = async (folder: string): Promise<string[]> => (await ofSource(namesIn(folder))).sort();
/** For a look around: what cannot be read has no names. */
export const namesThere = (folder: string): Promise<readonly string[]> =>
  namesIn(folder).catch((): readonly string[] => []);
export const sourceText = (path: string): Promise<string | undefined> => ofSource(readIfThere(path));
export const sourceJson = <T extends object>(path: string): Promise<T | undefined> => ofSource(readJson<T>(path));

/** Text of a strange file, fit to be shown. */
export const shown = (text: string): string => plainText(text, 200);
