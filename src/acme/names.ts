import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { ConfigError } from '../errors.ts';

/**
 * The DNS names of a certificate as a CA wants them: A-labels in lower case, without final dot, each once, in the order
 * given. Throws `ConfigError` for what no CA issues for by dns-01.
 */
export function normalizeNames(given: readonly string[]): string[] {
  const names = [...new Set(given.map((name) => normalizeName(name.trim())).filter((name) => name !== ''))];
  if (names.length === 0) throw new ConfigError('no domain name was given', { hint: 'name them: -d example.com' });
  for (const name of names) {
    const wildcard = `*.${name.slice(name.indexOf('.') + 1)}`;
    if (!name.startsWith('*.') && names.includes(wildcard)) {
      throw new ConfigError(`${name} is covered by ${wildcard}, and CAs refuse both in one certificate`, {
        hint: `leave ${name} out`,
      });
    }
  }
  return names;
}

function normalizeName(given: string): string {
  if (given === '') return '';
  const wildcard = given.startsWith('*.');
  const host = (wildcard ? given.slice(2) : given).replace(/\.$/u, '');
  const refuse = (why: string): never => {
    throw new ConfigError(`${given} ${why}`, {
      hint: 'a certificate by DNS-01 is for names such as example.com or *.example.com',
    });
  };
  if (isIP(host)) refuse('is an IP address');
  if (host.includes('*')) refuse('has a wildcard that is not its leftmost label');
  const ascii = domainToASCII(host);
  if (ascii === '' || isIP(ascii)) refuse('is not a domain name');
  const labels = ascii.split('.');
  if (labels.length < 2) refuse('has a single label');
  if (ascii.length > 253 || labels.some((label) => label.length > 63)) refuse('is too long for a domain name');
  if (!labels.every((label) => /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/u.test(label))) refuse('is not a host name');
  return wildcard ? `*.${ascii}` : ascii;
}

/** `_acme-challenge.example.com`, for `*.example.com` too (RFC 8555 section 8.4). */
export const challengeName = (name: string): string => `_acme-challenge.${name.replace(/^\*\./u, '')}`;
