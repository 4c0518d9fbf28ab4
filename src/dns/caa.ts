import type { ResourceRecord } from './wire/index.ts';

/** RFC 8659 section 4.1. */
export interface CaaProperty {
  readonly critical: boolean;
  /** Lower case. */
  readonly tag: string;
  readonly value: string;
}

/** The records that count for a name: those of the closest name at or above it that has any. */
export interface CaaSet {
  readonly at: string;
  readonly properties: readonly CaaProperty[];
}

export interface CaaQuestion {
  /** As in the certificate: `example.com` or `*.example.com`. */
  readonly name: string;
  /** What records call the CA; undefined: not known. */
  readonly identities?: readonly string[] | undefined;
}

export interface CaaJudgement {
  /** `unknown`: some CA may issue, and whether it is this one cannot be told. */
  readonly verdict: 'allowed' | 'forbidden' | 'unknown';
  /** In words, for whoever wants to know why. */
  readonly why: string;
  /** Where only some accounts of the CA may issue (RFC 8657 section 3): their URLs. */
  readonly accounts: readonly string[];
}

/** IANA "Certification Authority Restriction Properties": what a CA that issues for the web knows. */
const KNOWN_TAGS = new Set(['issue', 'issuewild', 'iodef', 'contactemail', 'contactphone', 'issuemail', 'issuevmc']);

/**
 * Climbs from the name to its top-level domain until there are records (RFC 8659 section 3). `find` follows CNAMEs, as resolvers
 * do. In a lab nobody may know the top-level domain: a failure there counts as none.
 */
export async function findCaa(
  name: string,
  find: (name: string) => Promise<readonly ResourceRecord[]>,
): Promise<CaaSet | undefined> {
  const labels = name.replace(/^\*\./u, '').split('.');
  for (let above = 0; above < labels.length; above += 1) {
    const at = labels.slice(above).join('.');
    const isTop = above === labels.length - 1;
    const records = await find(at).catch((error: unknown) => {
      if (isTop) return [];
      throw error;
    });
    if (records.length > 0) return { at, properties: records.map(readCaa) };
  }
  return undefined;
}

export function readCaa({ data }: Pick<ResourceRecord, 'data'>): CaaProperty {
  const length = data[1] ?? 0;
  return {
    critical: ((data[0] ?? 0) & 0x80) !== 0,
    tag: data
      .subarray(2, 2 + length)
      .toString('latin1')
      .toLowerCase(),
    value: data.subarray(2 + length).toString('latin1'),
  };
}

/** Whether a CA may issue for a name by dns-01. */
export function judgeCaa(set: CaaSet | undefined, { name, identities }: CaaQuestion): CaaJudgement {
  const judged = (verdict: CaaJudgement['verdict'], why: string, accounts: readonly string[] = []): CaaJudgement => ({
    verdict,
    why,
    accounts,
  });
  if (!set) return judged('allowed', 'there are no CAA records: every CA may issue');
  const unknown = set.properties.find(({ critical, tag }) => critical && !KNOWN_TAGS.has(tag));
  if (unknown) return judged('forbidden', `a critical property that CAs do not know: ${unknown.tag}`);

  const of = (tag: string) => set.properties.filter((property) => property.tag === tag);
  const isWildcard = name.startsWith('*.');
  const wild = isWildcard ? of('issuewild') : [];
  const relevant = wild.length > 0 ? wild : of('issue');
  if (relevant.length === 0) return judged('allowed', 'none of them restricts who may issue');

  const permits = relevant.map(({ value }) => readPermit(value));
  const usable = permits.flatMap((permit) => (permit?.issuer && permit.allowsDns01 ? [permit] : []));
  if (usable.length === 0) {
    const others = permits.some((permit) => permit?.issuer && !permit.allowsDns01);
    return judged('forbidden', others ? 'validationmethods leaves dns-01 out' : 'no CA may issue');
  }
  if (!identities) return judged('unknown', 'what this CA is called in CAA records is not known here');
  const mine = usable.filter(({ issuer }) => identities.includes(issuer));
  if (mine.length === 0) {
    const excluded = permits.some((permit) => permit && !permit.allowsDns01 && identities.includes(permit.issuer));
    if (excluded) return judged('forbidden', `validationmethods of ${identities.join(', ')} leaves dns-01 out`);
    return judged('forbidden', `not ${identities.join(', ')}`);
  }
  const accounts = mine.flatMap(({ account }) => (account === undefined ? [] : [account]));
  const isFree = accounts.length < mine.length;
  return judged('allowed', 'this CA may issue', isFree ? [] : accounts);
}

interface Permit {
  /** Empty: nobody. */
  readonly issuer: string;
  readonly account: string | undefined;
  readonly allowsDns01: boolean;
}

/** RFC 8659 section 4.2, with the parameters of RFC 8657; undefined for what makes no sense, which permits nothing. */
function readPermit(value: string): Permit | undefined {
  const [issuer = '', ...rest] = value.split(';').map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const part of rest.filter(Boolean)) {
    const [, name, setting = ''] = /^([a-z0-9-]+)\s*=\s*(\S*)$/iu.exec(part) ?? [];
    if (name === undefined || parameters.has(name.toLowerCase())) return undefined;
    parameters.set(name.toLowerCase(), setting);
  }
  const methods = parameters.get('validationmethods');
  return {
    issuer: issuer.toLowerCase(),
    account: parameters.get('accounturi'),
    allowsDns01: methods === undefined || methods.split(',').includes('dns-01'),
  };
}
