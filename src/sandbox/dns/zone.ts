import { addressData, nameData, type ResourceRecord, type Soa, soaData, soaOf } from '../../dns/wire/index.ts';
import { isWithin } from './names.ts';

/** All records of one name and type (RFC 2181 section 5). */
export interface RrSet {
  readonly ttl: number;
  readonly data: readonly Buffer[];
}
export type Node = ReadonlyMap<string, RrSet>;

/** The records of a zone. Never changed: an update makes another one, so that the old one can still be served. */
export interface Zone {
  /** Lower case, no trailing dot. */
  readonly name: string;
  readonly nodes: ReadonlyMap<string, Node>;
}

const TTL = 60;
/** Short, so that a resolver in front of the sandbox soon sees what was published (RFC 2308 section 5). */
const NEGATIVE_TTL = 1;

/** A zone as it is at the start: SOA, one name server, and that server's address. */
export function newZone(name: string, address: string, serial: number): Zone {
  const primary = `ns.${name}`;
  const mailbox = `hostmaster.${name}`;
  const soa = soaData({ primary, mailbox, serial, refresh: 60, retry: 60, expire: 3600, minimum: NEGATIVE_TTL });
  const set = (data: Buffer): RrSet => ({ ttl: TTL, data: [data] });
  return {
    name,
    nodes: new Map([
      [
        name,
        new Map([
          ['SOA', set(soa)],
          ['NS', set(nameData(primary))],
        ]),
      ],
      [primary, new Map([['A', set(addressData(address))]])],
    ]),
  };
}

/** Whether a name exists: it has records, or a name below it has (RFC 4592 section 2.2.2). */
export function exists({ nodes }: Zone, name: string): boolean {
  if (nodes.has(name)) return true;
  for (const owner of nodes.keys()) if (isWithin(owner, name)) return true;
  return false;
}

/** The records of a set, under the name that was asked for: a wildcard's are its own (RFC 4592 section 3.3.1). */
export const toRecords = (name: string, type: string, set: RrSet | undefined): ResourceRecord[] =>
  (set?.data ?? []).map((data) => ({ name, type, class: 'IN', ttl: set?.ttl ?? 0, data }));

export const recordsAt = ({ nodes }: Zone, name: string, type: string): ResourceRecord[] =>
  toRecords(name, type, nodes.get(name)?.get(type));

export function soaRecord(zone: Zone): ResourceRecord {
  const [record] = recordsAt(zone, zone.name, 'SOA');
  if (!record) throw new Error(`${zone.name} has lost its SOA record`);
  return record;
}

export const soaFields = (zone: Zone): Soa => soaOf(soaRecord(zone));

/** The zone with one record set replaced, or removed when nothing is left of it. */
export function withSet(zone: Zone, name: string, type: string, set: RrSet | undefined): Zone {
  const node = new Map(zone.nodes.get(name));
  if (set && set.data.length > 0) node.set(type, set);
  else node.delete(type);
  const nodes = new Map(zone.nodes);
  if (node.size > 0) nodes.set(name, node);
  else nodes.delete(name);
  return { ...zone, nodes };
}

/** Whether serial `a` is later than `b` (RFC 1982 section 3.2). */
export const isLater = (a: number, b: number): boolean => a !== b && (a - b) >>> 0 < 0x8000_0000;

export function withSerial(zone: Zone, serial: number): Zone {
  const { ttl } = soaRecord(zone);
  return withSet(zone, zone.name, 'SOA', { ttl, data: [soaData({ ...soaFields(zone), serial })] });
}
