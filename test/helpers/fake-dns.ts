export interface FakeRecord {
  readonly id: number;
  readonly type: string;
  readonly fqdn: string;
  readonly value: string;
  readonly ttl?: number | undefined;
}

/** What the fake provider stores. The contract tests look at this, never at requests. */
export class FakeDns {
  readonly zones = new Map<string, FakeRecord[]>();
  #nextId = 1;

  /** @throws a 404 when there is no such zone */
  records(zone: string): FakeRecord[] {
    const found = this.zones.get(zone);
    if (!found) throw notFound();
    return found;
  }
  add(zone: string, type: string, fqdn: string, value: string, ttl?: number): FakeRecord {
    if (fqdn !== zone && !fqdn.endsWith(`.${zone}`)) throw new Violation(`${fqdn} is not inside ${zone}`);
    const record = { id: this.#nextId++, type, fqdn, value, ttl };
    this.records(zone).push(record);
    return record;
  }
  /** @throws a 404 when there is no such record */
  drop(zone: string, test: (record: FakeRecord) => boolean): void {
    const records = this.records(zone);
    if (!records.some(test)) throw notFound();
    this.zones.set(
      zone,
      records.filter((record) => !test(record)),
    );
  }
  txt(fqdn: string): string[] {
    return [...this.zones.values()]
      .flat()
      .filter((record) => record.type === 'TXT' && record.fqdn === fqdn)
      .map((record) => record.value)
      .sort();
  }
  /** The deepest zone that holds the name, as a SOA look-up would tell. */
  zoneOf(fqdn: string): string | undefined {
    return [...this.zones.keys()]
      .filter((zone) => fqdn === zone || fqdn.endsWith(`.${zone}`))
      .sort((a, b) => b.length - a.length)[0];
  }
  /** Everything but ids, in an order that does not depend on the history. */
  snapshot(): Record<string, string[]> {
    return Object.fromEntries(
      [...this.zones].map(([zone, records]) => [
        zone,
        records.map(({ type, fqdn, value, ttl }) => `${type} ${fqdn} ${value} ${ttl ?? ''}`).sort(),
      ]),
    );
  }
}

export interface FakeReply {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
}

/** Thrown by a route: the vendor's own way to say no. */
export class Reply extends Error {
  readonly reply: FakeReply;
  constructor(reply: FakeReply) {
    super(`reply ${reply.status ?? 200}`);
    this.reply = reply;
  }
}
export const notFound = () => new Reply({ status: 404, body: { message: 'not found' } });

/** The provider sent something that the vendor's documentation does not allow: recorded, and the test fails. */
export class Violation extends Error {}

type FieldType = 'string' | 'number' | 'boolean' | 'object' | 'array' | 'digits';

/**
 * The fields of a request body or query, each of the right type and no other; `?` behind a name makes it optional.
 * `digits` is a number in a form or query.
 */
export function strict(given: unknown, fields: Record<string, FieldType>): void {
  const values: Record<string, unknown> =
    given instanceof URLSearchParams ? Object.fromEntries(given) : { ...(given as Record<string, unknown>) };
  for (const [spelled, type] of Object.entries(fields)) {
    const name = spelled.replace(/\?$/u, '');
    const value = values[name];
    delete values[name];
    if (value === undefined) {
      if (spelled === name) throw new Violation(`field ${name} is missing`);
      continue;
    }
    const found = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
    if (type === 'digits' ? !/^\d+$/u.test(String(value)) : found !== type)
      throw new Violation(`field ${name} is ${found} ${JSON.stringify(value)}, not ${type}`);
  }
  const unknown = Object.keys(values);
  if (unknown.length > 0) throw new Violation(`unknown field ${unknown.join(', ')}`);
}

/** One page of a list. Fakes use tiny pages, so that a provider that reads only the first one is found out. */
export function page<T>(items: readonly T[], number: number, size = 2): { items: T[]; pages: number; total: number } {
  return {
    items: items.slice((number - 1) * size, number * size),
    pages: Math.max(1, Math.ceil(items.length / size)),
    total: items.length,
  };
}
