import { isIP } from 'node:net';
import { isObject } from './jws.ts';
import { type Problem, problem, Refusal, refuse, together } from './problem.ts';

const MOST_OFFERED = 1_000;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;

/**
 * The names of an order, in lower case and each once. Any host name will do, with a wildcard as its first label or without (RFC 8555
 * section 7.1.3): whether it exists is for the DNS to say.
 */
export function readIdentifiers(given: unknown): string[] {
  if (!Array.isArray(given) || given.length === 0)
    return refuse('malformed', 'identifiers is not a list that holds any');
  if (given.length > MOST_OFFERED) refuse('malformed', `there are more than ${MOST_OFFERED} identifiers`);
  const read = given.map(readIdentifier);
  const refused = together(read.filter((one) => 'problem' in one));
  if (refused) throw new Refusal(refused);
  return [...new Set(read.map(({ name }) => name))];
}

function readIdentifier(given: unknown): { name: string } | { name: string; problem: Problem } {
  if (!isObject(given) || typeof given.type !== 'string' || typeof given.value !== 'string') {
    return refuse('malformed', 'an identifier is not an object with type and value');
  }
  const name = given.value.toLowerCase();
  if (given.type !== 'dns' || isIP(name)) {
    return { name, problem: problem('unsupportedIdentifier', `${given.value}: only DNS names are certified here`) };
  }
  const why = mistakeIn(name);
  return why === undefined ? { name } : { name, problem: problem('malformed', `${given.value} ${why}`) };
}

function mistakeIn(name: string): string | undefined {
  const host = withoutWildcard(name);
  if (host.includes('*')) return 'has a wildcard that is not the whole leftmost label';
  if (host.endsWith('.')) return 'ends in a dot';
  if (host.length > 253) return 'is longer than 253 characters';
  const labels = host.split('.');
  if (!labels.every((label) => LABEL.test(label))) return 'is not a host name';
  // What looks like a number is an address to many programs (RFC 1123 section 2.1).
  if (/^\d+$/u.test(labels.at(-1) ?? '')) return 'ends in a number';
  return undefined;
}

export const withoutWildcard = (name: string): string => name.replace(/^\*\./u, '');
