import { domainToASCII } from 'node:url';
import { ConfigError } from '../errors.ts';

/** Top-level domains that nobody can ever own (RFC 2606 section 2, RFC 6761). */
export const RESERVED = ['test', 'example', 'invalid', 'localhost'] as const;

/**
 * Zones as the DNS server wants them: A-labels in lower case, each once.
 * @throws ConfigError for names that somebody may own: a sandbox that answers for them would be a trap
 */
export function checkZones(given: readonly string[]): string[] {
  const zones = given.map((text) => {
    const name = domainToASCII(text.trim().replace(/\.$/u, ''));
    if (!/^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z]+$/u.test(name) || name.length > 200)
      throw new ConfigError(`${text} is no zone name`, { hint: 'write a domain name such as example.test' });
    if (!RESERVED.some((tld) => name === tld || name.endsWith(`.${tld}`))) {
      throw new ConfigError(`${text} is no zone for a sandbox: its names may belong to somebody`, {
        hint: `use a name under ${RESERVED.map((tld) => `.${tld}`).join(', ')}: they are reserved for tests (RFC 2606)`,
      });
    }
    return name;
  });
  return [...new Set(zones)];
}
