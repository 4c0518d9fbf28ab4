import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { makeFolder, namesIn, readJson, removeFile, writeFileAtomic } from '../files.ts';
import type { CertificateInfo } from './certificate.ts';
import { usableState } from './renewal-file.ts';
import { fileNameOf } from './store-names.ts';

const VERSION = 1;

/** What the CA has said about renewing one certificate (RFC 9773), and when to ask again. Times are ISO 8601. */
export interface AriState {
  /** `renewalInfo` of the CA's directory; empty where the CA has none. */
  readonly url: string;
  /** Of the certificate (section 4.1); empty where it has none, absent before it was looked for. */
  readonly id?: string | undefined;
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly explanationUrl?: string | undefined;
  /** The point of the window that was chosen: once, as section 4.2 has it. */
  readonly chosen?: string | undefined;
  readonly askAgain: string;
}

/** The last attempt to renew it failed. */
export interface FailureState {
  readonly count: number;
  readonly at: string;
  /** Not before that time is another attempt made by itself. */
  readonly notBefore: string;
  readonly code: string;
  readonly exitCode: number;
  readonly message: string;
  /** By directory of the CA: the time before which it wants no other attempt. */
  readonly limits?: Readonly<Record<string, string>> | undefined;
}

/** What is known about renewing one certificate, beside its files: all of it can be lost without harm. */
export interface RenewalState {
  /** Hash of the certificate file that `notBefore`, `notAfter` and `ari` were read from; empty before there is one. */
  readonly certificate: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly ari?: AriState | undefined;
  readonly failure?: FailureState | undefined;
  /** What else decides about the next run, so that nothing has to be read as long as the certificate's files are as they were. */
  readonly seen?:
    | { readonly stamp: string; readonly name: string; readonly renewDays?: number | undefined }
    | undefined;
  /** Its deploy hook has not run to its end since the certificate was stored. */
  readonly deploy?: 'pending' | undefined;
}

export interface RenewalStore {
  /** Undefined when nothing is known, or what was known is damaged. */
  read(name: string): Promise<RenewalState | undefined>;
  write(name: string, state: RenewalState): Promise<void>;
  remove(name: string): Promise<void>;
}

export function openRenewals(folder: string): RenewalStore {
  const fileOf = (name: string) => join(folder, `${fileNameOf(name)}.json`);
  return {
    async read(name) {
      const file = await readJson<{ version?: unknown }>(fileOf(name)).catch(() => undefined);
      return file?.version === VERSION ? usableState({ ...file }) : undefined;
    },
    async write(name, state) {
      await makeFolder(folder);
      await writeFileAtomic(fileOf(name), JSON.stringify({ version: VERSION, ...state }));
    },
    remove: async (name) => {
      if ((await namesIn(folder)).length > 0) await removeFile(fileOf(name));
    },
  };
}

export const certificateHash = (pem: string): string => createHash('sha256').update(pem).digest('base64url');

/** The state of this certificate: what was known of an older one, or of none, is left behind, but not how attempts went. */
export function stateOf(pem: string, known: RenewalState | undefined, read: () => CertificateInfo): RenewalState {
  const certificate = certificateHash(pem);
  if (known?.certificate === certificate) return known;
  const { notBefore, notAfter } = read();
  const { failure, deploy } = known ?? {};
  return {
    certificate,
    notBefore: notBefore.toISOString(),
    notAfter: notAfter.toISOString(),
    ...(failure ? { failure } : {}),
    ...(deploy ? { deploy } : {}),
  };
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** After the first failure, the second ... and all further ones. */
const BACK_OFF_MS = [MINUTE_MS, 10 * MINUTE_MS, 100 * MINUTE_MS, DAY_MS];

/** No CA's limit is longer than a week, and a certificate must not end because of an answer that makes no sense. */
const LONGEST_WAIT_MS = 8 * DAY_MS;

/** One more failure. `asked`: the time before which the CA wants no other attempt. */
export function failedOnce(
  before: FailureState | undefined,
  { code, exitCode, message }: Pick<FailureState, 'code' | 'exitCode' | 'message'>,
  asked: Date | undefined,
  now: Date,
): FailureState {
  const count = (before?.count ?? 0) + 1;
  const pause = BACK_OFF_MS[Math.min(count, BACK_OFF_MS.length) - 1] ?? DAY_MS;
  const wait = Math.max(pause, Math.min((asked?.getTime() ?? 0) - now.getTime(), LONGEST_WAIT_MS));
  const notBefore = now.getTime() + wait;
  return { count, at: now.toISOString(), notBefore: new Date(notBefore).toISOString(), code, exitCode, message };
}

/** Whether the CA is to be asked now. A time that is more than a day ahead was noted by a clock that was wrong. */
export function mayAsk({ ari }: RenewalState, now: Date): boolean {
  const wait = ari ? Date.parse(ari.askAgain) - now.getTime() : 0;
  return wait <= 0 || wait > DAY_MS;
}

const SHORT_LIFETIME_MS = 10 * DAY_MS;
/** With less than this share of the lifetime left a certificate is renewed, whatever the CA suggests. */
const LAST_SHARE = 1 / 10;

export interface DueOptions {
  readonly renewDays?: number | undefined;
  /** More days than the certificate lives count, too: who types that wants it renewed now. */
  readonly insisted?: boolean | undefined;
  /** Leave the CA's suggestion aside. */
  readonly ariDisabled?: boolean | undefined;
}

export interface Due {
  readonly at: Date;
  /** In words: `the CA suggests it`, `a third of its lifetime is left`. */
  readonly why: string;
}

/**
 * When a certificate is to be renewed: at the point chosen of the CA's window; else with a third of the lifetime left, or half of it
 * for lives of ten days or less; at the latest in the last tenth. `renewDays` takes the place of the third, and counts beside the
 * window; it does not count where the whole lifetime is no longer.
 */
export function dueOf({ notBefore, notAfter, ari }: RenewalState, options: DueOptions): Due {
  const end = Date.parse(notAfter);
  const lifetime = end - Date.parse(notBefore);
  // More days than it has, kept in its record: it would be due again as soon as it is there, at every run.
  const counts = options.insisted || (options.renewDays ?? 0) * DAY_MS < lifetime;
  const renewDays = counts ? options.renewDays : undefined;
  const isShort = lifetime <= SHORT_LIFETIME_MS;
  const usual: Due =
    renewDays === undefined
      ? {
          at: new Date(end - lifetime * (isShort ? 1 / 2 : 1 / 3)),
          why: `a ${isShort ? 'half' : 'third'} of its lifetime is left`,
        }
      : { at: new Date(end - renewDays * DAY_MS), why: `${renewDays} days are left` };
  if (options.ariDisabled || !ari?.chosen) return usual;
  const chosen: Due = {
    at: new Date(ari.chosen),
    why: `the CA suggests it${ari.explanationUrl ? `, see ${ari.explanationUrl}` : ''}`,
  };
  const last: Due = { at: new Date(end - lifetime * LAST_SHARE), why: 'a tenth of its lifetime is left' };
  return [chosen, last, ...(renewDays === undefined ? [] : [usual])].reduce((a, b) => (b.at < a.at ? b : a));
}
