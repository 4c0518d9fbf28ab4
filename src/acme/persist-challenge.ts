import { AcmeError } from '../errors.ts';
import { addressAt } from './answer.ts';
import type { Directory } from './directory.ts';
import { isAccountUri, isHashPrefix, isIssuerName, issuerForm, type PersistDraft } from './persist.ts';

/** What a CA says about dns-persist-01, in its directory and in an authorization. The drafts: persist.ts. */
export const CHALLENGE_TYPE = 'dns-persist-01';
/** Draft -02 section 3.1. */
const MAX_ISSUERS = 10;

/**
 * The issuer names that a directory tells, and the prefix of hashes where it follows draft -02. What is malformed counts as
 * missing.
 */
export function persistMeta({ issuerDomainNames, caaIdentities = [], accountHashPrefix }: Directory['meta']): {
  readonly issuers: readonly string[];
  readonly hashPrefix: string | undefined;
} {
  const listed = issuerDomainNames && areIssuers(issuerDomainNames) ? issuerDomainNames : undefined;
  return {
    issuers: listed ?? caaIdentities.map(issuerForm).filter(isIssuerName),
    hashPrefix: accountHashPrefix !== undefined && isHashPrefix(accountHashPrefix) ? accountHashPrefix : undefined,
  };
}

const areIssuers = (names: readonly string[]): boolean =>
  names.length > 0 && names.length <= MAX_ISSUERS && names.every(isIssuerName);

/** The challenge as an authorization offers it. */
export interface PersistChallenge {
  /** Where to say that the record is there. */
  readonly url: string;
  readonly draft: PersistDraft;
  readonly issuers: readonly string[];
  /** What the CA wants to find in `accounturi`, where it says so (draft -01 section 3.1). */
  readonly accountUri?: string | undefined;
}

/**
 * Reads one entry of an authorization's `challenges`; `url`: where it came from. Undefined for challenges of other types.
 *
 * @throws AcmeError for one that both drafts tell clients to reject
 */
export function readPersistChallenge(
  challenge: unknown,
  url: string,
  meta: Directory['meta'] = {},
): PersistChallenge | undefined {
  if (typeof challenge !== 'object' || challenge === null) return undefined;
  const { type, url: address, accounturi, ...more } = challenge as Record<string, unknown>;
  if (type !== CHALLENGE_TYPE) return undefined;
  const { issuerDomainNames: newer, 'issuer-domain-names': older } = more;
  const refuse = (why: string): never => {
    throw new AcmeError(
      'ACME_PROTOCOL',
      `acme: ${url} offers a ${CHALLENGE_TYPE} challenge that makes no sense: ${why}`,
    );
  };
  const names: unknown = newer ?? older;
  const issuers = Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : [];
  if (!areIssuers(issuers)) return refuse(`it must have 1 to ${MAX_ISSUERS} issuer domain names`);
  if (newer !== undefined) {
    // Draft -02 section 3.2.
    const known = meta.caaIdentities?.map(issuerForm);
    const promised = meta.issuerDomainNames && areIssuers(meta.issuerDomainNames) ? meta.issuerDomainNames : [];
    if (promised.some((name) => !issuers.includes(name))) refuse('it lacks an issuer that the directory promises');
    if (known && issuers.some((name) => !known.includes(name))) refuse('its issuer is none of caaIdentities');
  }
  return {
    url: addressAt(address, url) ?? refuse('it has no address'),
    draft: newer === undefined ? '01' : '02',
    issuers,
    ...(typeof accounturi === 'string' && isAccountUri(accounturi) ? { accountUri: accounturi } : {}),
  };
}
