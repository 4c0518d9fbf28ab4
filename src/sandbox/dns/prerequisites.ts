import type { ResourceRecord } from '../../dns/wire/index.ts';
import { isWithin } from './names.ts';
import type { Zone } from './zone.ts';

/** Types that only a question may have (RFC 2136 section 3.4.1.2). */
export const isMeta = (type: string): boolean => /^(?:ANY|AXFR|OPT|TSIG|TYPE(?:24[89]|25[0-4]))$/u.test(type);

/**
 * Whether the zone is as the update wants it to be: the response code, `NOERROR` when it is (RFC 2136 section 3.2.5).
 * Types with class IN are compared as sets, whatever their TTL and order.
 */
export function checkPrerequisites(zone: Zone, prerequisites: readonly ResourceRecord[]): string {
  const wanted = new Map<string, ResourceRecord[]>();
  for (const record of prerequisites) {
    const { name, type, class: how, ttl, data } = record;
    if (ttl !== 0) return 'FORMERR';
    if (!isWithin(name, zone.name)) return 'NOTZONE';
    const node = zone.nodes.get(name);
    if (how === 'IN') {
      if (isMeta(type)) return 'FORMERR';
      const key = `${type} ${name}`;
      wanted.set(key, [...(wanted.get(key) ?? []), record]);
      continue;
    }
    if ((how !== 'ANY' && how !== 'NONE') || data.length > 0 || (isMeta(type) && type !== 'ANY')) return 'FORMERR';
    const isThere = type === 'ANY' ? node !== undefined : node?.has(type) === true;
    if (how === 'ANY' && !isThere) return type === 'ANY' ? 'NXDOMAIN' : 'NXRRSET';
    if (how === 'NONE' && isThere) return type === 'ANY' ? 'YXDOMAIN' : 'YXRRSET';
  }
  for (const [first, ...rest] of wanted.values()) {
    if (!first) continue;
    const given = new Set([first, ...rest].map(({ data }) => data.toString('hex')));
    const had = zone.nodes.get(first.name)?.get(first.type)?.data ?? [];
    if (had.length !== given.size || !had.every((data) => given.has(data.toString('hex')))) return 'NXRRSET';
  }
  return 'NOERROR';
}
