import type { TxtEditor, TxtRecord, Zone, ZoneLookup } from './contract.ts';
import { distinct, type Extras } from './editors.ts';

/** All TXT values of one name. */
export interface RecordSet<R> {
  readonly name: string;
  readonly fqdn: string;
  readonly ttl: number;
  readonly rows: readonly R[];
}

/**
 * For APIs that replace the values of several names in one call: one read and at most one write per batch.
 * A row may carry more than its value, so that what others wrote goes back as it came.
 */
export function recordSets<Z extends Zone, R extends { readonly value: string }>(
  api: ZoneLookup<Z> &
    Extras<Z> & {
      /** The TXT rows at these names. More names than asked for do no harm. */
      read(zone: Z, fqdns: readonly string[]): Promise<readonly (R & { readonly fqdn: string })[]>;
      toRow(record: TxtRecord): R;
      /** Makes `rows` the only ones at each name; a set without rows is deleted. */
      write(zone: Z, sets: readonly RecordSet<R>[]): Promise<unknown>;
    },
): TxtEditor<Z> {
  return {
    ...api,
    async apply(zone, changes) {
      const { add, remove } = distinct(changes);
      const changed = new Map([...add, ...remove].map((record) => [record.fqdn, record]));
      const present = await api.read(zone, [...changed.keys()]);
      const sets: RecordSet<R>[] = [];
      for (const { name, fqdn, ttl } of changed.values()) {
        const before = present.filter((row) => row.fqdn === fqdn);
        const has = ({ value }: { value: string }, list: readonly { fqdn: string; value: string }[]) =>
          list.some((other) => other.fqdn === fqdn && other.value === value);
        const kept = before.filter((row) => !has(row, remove));
        const missing = add.filter((record) => record.fqdn === fqdn && !has(record, kept));
        if (missing.length === 0 && kept.length === before.length) continue;
        sets.push({ name, fqdn, ttl, rows: [...kept, ...missing.map((record) => api.toRow(record))] });
      }
      if (sets.length > 0) {
        await api.write(zone, sets);
      }
      await api.commit?.(zone);
    },
  };
}
