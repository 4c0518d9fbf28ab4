import type { ResourceRecord } from '../../dns/wire/index.ts';
import type { Answer } from './resolver.ts';
import { LookupError } from './resolver.ts';

/** What CAA records have to name so that this CA may issue; never registered, because `.test` cannot be (RFC 2606). */
export const CAA_IDENTITY = 'sandbox.test';

/** RFC 8659 section 4.1. */
interface Property {
  readonly critical: boolean;
  readonly tag: string;
  readonly value: string;
}

export interface CaaRequest {
  /** As ordered. */
  readonly name: string;
  readonly accountUrl: string;
}

/**
 * Why the CAA records forbid this certificate, in words; undefined where they do not. The closest set of records counts, from the
 * name up to its top-level domain (RFC 8659 section 3).
 */
export async function caaForbids(
  { name, accountUrl }: CaaRequest,
  find: (name: string) => Promise<Answer>,
): Promise<string | undefined> {
  const isWildcard = name.startsWith('*.');
  const labels = (isWildcard ? name.slice(2) : name).split('.');
  for (let above = 0; above < labels.length; above += 1) {
    const at = labels.slice(above).join('.');
    const records = await caaAt(at, find);
    if (records.length > 0) return verdict(at, records, isWildcard, accountUrl);
  }
  return undefined;
}

/**
 * The server may be authoritative, and refuse to talk about what is above its zones; and in a lab nobody may know the top-level
 * domain. Where the name itself cannot be looked up, its TXT records cannot either.
 */
async function caaAt(name: string, find: (name: string) => Promise<Answer>): Promise<readonly ResourceRecord[]> {
  try {
    return (await find(name)).records;
  } catch (error) {
    if (error instanceof LookupError && (error.reason === 'REFUSED' || !name.includes('.'))) return [];
    throw error;
  }
}

function verdict(
  at: string,
  records: readonly ResourceRecord[],
  isWildcard: boolean,
  accountUrl: string,
): string | undefined {
  const properties = records.map(readProperty);
  const unknown = properties.find(({ critical, tag }) => critical && !/^(?:issue|issuewild|iodef)$/u.test(tag));
  if (unknown) return `the CAA records of ${at} have a critical property that is unknown here: ${unknown.tag}`;
  const of = (tag: string) => properties.filter((property) => property.tag === tag);
  const [issue, wild] = [of('issue'), of('issuewild')];
  const relevant = isWildcard && wild.length > 0 ? wild : issue;
  if (relevant.length === 0 || relevant.some(({ value }) => allows(value, accountUrl))) return undefined;
  const shown = relevant.map(({ tag, value }) => `${tag} "${value}"`).join(', ');
  return `the CAA records of ${at} do not allow ${CAA_IDENTITY} to issue: ${shown}`;
}

function readProperty({ data }: ResourceRecord): Property {
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

/** Whether a property names this CA, and its parameters (RFC 8657) fit this account and dns-01. */
function allows(value: string, accountUrl: string): boolean {
  const [issuer = '', ...rest] = value.split(';').map((part) => part.trim());
  if (issuer.toLowerCase() !== CAA_IDENTITY) return false;
  const parameters = rest.filter((part) => part !== '').map((part) => /^([a-z0-9-]+)\s*=\s*(\S*)$/iu.exec(part));
  return parameters.every((parameter) => {
    if (!parameter) return false;
    const [, name = '', setting = ''] = parameter;
    if (name.toLowerCase() === 'accounturi') return setting === accountUrl;
    return name.toLowerCase() !== 'validationmethods' || setting.split(',').includes('dns-01');
  });
}
