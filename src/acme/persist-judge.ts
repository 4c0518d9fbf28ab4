import { plainText } from '../plain-text.ts';
import { draftName, type PersistDraft, type PersistRecord, parsePersist } from './persist.ts';
import { accountHash } from './persist-hash.ts';

/** Whose record is looked for. */
export interface PersistQuestion {
  readonly issuers: readonly string[];
  /** Which format the CA follows. */
  readonly draft: PersistDraft;
  readonly accountUrl: string;
  readonly thumbprint: string;
  /** Of draft 02; undefined: not known, so that any will do. */
  readonly hashPrefix?: string | undefined;
  /** Seconds since 1970. */
  readonly now: number;
}

export const missKinds = ['malformed', 'issuer', 'account', 'policy', 'expired'] as const;
export type MissKind = (typeof missKinds)[number];

/** Why a record does not count. */
export interface Miss {
  readonly kind: MissKind;
  readonly why: string;
}

export interface PersistJudgement {
  /** As DNS shows it. */
  readonly value: string;
  /** Undefined: it cannot be read. */
  readonly record?: PersistRecord | undefined;
  /** Which format its `accounturi` looks like. */
  readonly draft?: PersistDraft | undefined;
  /** None: it lets the account have a certificate for the name. */
  readonly misses: readonly Miss[];
}

const SHOWN = 200;
/** The end of a hashed URI (draft -02 section 4.1). */
const HASH = /(?:^|\/)(sha-256\/[\w-]{43})$/u;
/** Hashes for any name have `*` in its place. */
const ANY_NAME = '*';

/** Whether a TXT value found at `_validation-persist.<name>` is a record for this account at this CA. */
export function judgePersist(value: string, name: string, question: PersistQuestion): PersistJudgement {
  const record = parsePersist(value);
  if ('problem' in record) return { value, misses: [{ kind: 'malformed', why: record.problem }] };
  const { issuer, accountUri, wildcard, until } = record;
  const misses: Miss[] = [];
  if (!question.issuers.includes(issuer)) misses.push({ kind: 'issuer', why: `it is for the CA ${issuer}` });
  const account = accountProblem(accountUri, name, question);
  if (account) misses.push({ kind: 'account', why: account });
  if (name.startsWith('*.') && !wildcard) misses.push({ kind: 'policy', why: 'policy=wildcard is missing' });
  if (until !== undefined && until < question.now)
    misses.push({ kind: 'expired', why: `it expired ${dateOf(until) ?? 'long ago'}` });
  return { value, record, draft: HASH.test(accountUri) ? '02' : '01', misses };
}

function accountProblem(uri: string, name: string, question: PersistQuestion): string | undefined {
  const { draft, accountUrl, hashPrefix } = question;
  const [, hash] = HASH.exec(uri) ?? [];
  const base = name.replace(/^\*\./u, '');
  const isOurHash =
    hash !== undefined && [base, ANY_NAME].some((one) => hash === accountHash({ ...question, name: one }));
  const wanted = `the CA goes by ${draftName(draft)}`;
  if (draft === '01') {
    if (uri === accountUrl) return undefined;
    if (isOurHash) return `its accounturi is a hash of this account, and ${wanted}: it wants the URL of the account`;
    return `it is for another account: ${plainText(uri, SHOWN)}`;
  }
  if (uri === accountUrl) return `its accounturi is the URL of this account, and ${wanted}: it wants a hash`;
  if (!isOurHash) {
    return hash === undefined
      ? `its accounturi is no hash, and ${wanted}: ${plainText(uri, SHOWN)}`
      : 'its hash is of another account, another name, or a former key of this account';
  }
  return hashPrefix === undefined || uri === `${hashPrefix}${hash}`
    ? undefined
    : `its hash is not below the CA's prefix ${plainText(hashPrefix, SHOWN)}`;
}

const LAST_DATE = 253_402_300_799; // The year 9999: what comes after it, dates cannot be written for.

/** Undefined beyond the year 9999. */
export const dateOf = (seconds: number): string | undefined =>
  seconds <= LAST_DATE ? new Date(seconds * 1000).toISOString() : undefined;
