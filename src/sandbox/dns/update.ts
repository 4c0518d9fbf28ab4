import {
  addressOf,
  MalformedMessage,
  type Message,
  nameOf,
  type ResourceRecord,
  soaOf,
  txtOf,
} from '../../dns/wire/index.ts';
import { isWithin } from './names.ts';
import { checkPrerequisites, isMeta } from './prerequisites.ts';
import { isLater, soaFields, withSerial, withSet, type Zone } from './zone.ts';

export interface Updated {
  readonly rcode: string;
  /** As it was when nothing changed. */
  readonly zone: Zone;
}

/** Applies an update to the zone it names, whole or not at all (RFC 2136 section 3). The signature has been checked. */
export function applyUpdate(zone: Zone, { answers, authorities }: Message): Updated {
  const unmet = checkPrerequisites(zone, answers);
  const wrong = unmet === 'NOERROR' ? prescan(zone, authorities) : unmet;
  if (wrong !== 'NOERROR') return { rcode: wrong, zone };
  const changed = authorities.reduce(applyOne, zone);
  if (changed === zone) return { rcode: 'NOERROR', zone };
  // Section 3.6: the serial grows with every change, unless the update has seen to that itself.
  const serial = soaFields(zone).serial;
  const grown = isLater(soaFields(changed).serial, serial) ? changed : withSerial(changed, (serial + 1) >>> 0);
  return { rcode: 'NOERROR', zone: grown };
}

/** RFC 2136 section 3.4.1: nothing is changed unless all of it can be. */
function prescan(zone: Zone, updates: readonly ResourceRecord[]): string {
  for (const record of updates) {
    const { name, type, class: how, ttl, data } = record;
    if (!isWithin(name, zone.name)) return 'NOTZONE';
    const deletes = how === 'ANY' || how === 'NONE';
    if ((how !== 'IN' && !deletes) || (deletes && ttl !== 0)) return 'FORMERR';
    if (isMeta(type) && !(how === 'ANY' && type === 'ANY')) return 'FORMERR';
    if (how === 'ANY' ? data.length > 0 : !isWellFormed(record)) return 'FORMERR';
  }
  return 'NOERROR';
}

/** Reads the data of types that have an inner form: a server must not hand out what it could not read itself. */
function isWellFormed(record: ResourceRecord): boolean {
  const { type, data } = record;
  try {
    if (type === 'TXT') return data.length > 0 && txtOf(record) !== undefined;
    if (type === 'A' || type === 'AAAA') return addressOf(record) !== '';
    if (/^(?:NS|CNAME|PTR|DNAME)$/u.test(type)) return nameOf(record) !== undefined;
    if (type === 'SOA') return soaOf(record).serial >= 0;
    // RFC 8659 section 4.1: flags, the length of the tag, the tag.
    if (type === 'CAA') return data.length >= 3 && (data[1] ?? 0) >= 1 && data.length >= 2 + (data[1] ?? 0);
    return true;
  } catch (error) {
    if (error instanceof MalformedMessage) return false;
    throw error;
  }
}

/** RFC 2136 section 3.4.2. Gives back the very zone when there was nothing to do. */
function applyOne(zone: Zone, record: ResourceRecord): Zone {
  if (record.class === 'IN') return add(zone, record);
  return record.class === 'ANY' ? deleteSets(zone, record) : deleteValue(zone, record);
}

function add(zone: Zone, { name, type, ttl, data }: ResourceRecord): Zone {
  const node = zone.nodes.get(name);
  const set = node?.get(type);
  if (type === 'SOA') {
    const grows = name === zone.name && isLater(soaOf({ name, type, class: 'IN', ttl, data }).serial, serialOf(zone));
    return grows ? withSet(zone, name, type, { ttl, data: [data] }) : zone;
  }
  // A CNAME has its name for itself (section 3.4.2.2): the newcomer is dropped silently, whichever it is.
  const others = [...(node?.keys() ?? [])].filter((has) => has !== type);
  if (type === 'CNAME' ? others.length > 0 : others.includes('CNAME')) return zone;
  if (type === 'CNAME')
    return set?.data[0]?.equals(data) && set.ttl === ttl ? zone : withSet(zone, name, type, { ttl, data: [data] });
  const had = set?.data ?? [];
  const known = had.some((value) => value.equals(data));
  if (known && set?.ttl === ttl) return zone;
  return withSet(zone, name, type, { ttl, data: known ? had : [...had, data] });
}

const serialOf = (zone: Zone): number => soaFields(zone).serial;

/** All sets of a name, or one; those that make the zone a zone stay (section 3.4.2.3). */
function deleteSets(zone: Zone, { name, type }: ResourceRecord): Zone {
  const stays = (has: string) => name === zone.name && (has === 'SOA' || has === 'NS');
  const gone = [...(zone.nodes.get(name)?.keys() ?? [])].filter(
    (has) => (type === 'ANY' || has === type) && !stays(has),
  );
  return gone.reduce((left, has) => withSet(left, name, has, undefined), zone);
}

/** Exactly this value; the last name server of the zone stays (section 3.4.2.4). */
function deleteValue(zone: Zone, { name, type, data }: ResourceRecord): Zone {
  const set = zone.nodes.get(name)?.get(type);
  if (!set || type === 'SOA') return zone;
  const left = set.data.filter((value) => !value.equals(data));
  if (left.length === set.data.length) return zone;
  if (name === zone.name && type === 'NS' && left.length === 0) return zone;
  return withSet(zone, name, type, { ...set, data: left });
}
