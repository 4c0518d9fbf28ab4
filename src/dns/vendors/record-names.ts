import { asciiName } from '../kit/index.ts';

/**
 * Whether a record that an API lists is the one at `fqdn`: its name may be relative or complete, and empty, `@` or absent at
 * the zone apex.
 */
export const isNamed = (name: string | null | undefined, zone: string, fqdn: string): boolean =>
  [asciiName(name ?? ''), asciiName(!name || name === '@' ? zone : `${name}.${zone}`)].includes(fqdn);
