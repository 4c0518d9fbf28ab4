import type { TxtEditor, TxtRecord, Zone, ZoneLookup } from './contract.ts';
import { distinct, type Extras } from './editors.ts';

/** A TXT record as the vendor has it; whatever else is needed to delete it may be in it. */
interface Present {
  readonly fqdn: string;
  readonly value: string;
}

export interface ChangeSet<R> {
  readonly add: readonly TxtRecord[];
  readonly remove: readonly R[];
  /** All that was read, for APIs in which the records of a name have something in common, such as one TTL. */
  readonly present: readonly R[];
}

/** For APIs that take all that is to be created and deleted in one call: one read and at most one write per batch. */
export function changeSets<Z extends Zone, R extends Present>(
  api: ZoneLookup<Z> &
    Extras<Z> & {
      /** The TXT records at these names, all pages. More names than asked for do no harm. */
      read(zone: Z, fqdns: readonly string[]): Promise<readonly R[]>;
      write(zone: Z, changes: ChangeSet<R>): Promise<unknown>;
    },
): TxtEditor<Z> {
  return {
    ...api,
    async apply(zone, changes) {
      const { add, remove } = distinct(changes);
      const present = await api.read(zone, [...new Set([...add, ...remove].map(({ fqdn }) => fqdn))]);
      const missing = add.filter((wanted) => !present.some((record) => isSame(record, wanted)));
      const unwanted = present.filter((record) => remove.some((gone) => isSame(record, gone)));
      if (missing.length + unwanted.length > 0) await api.write(zone, { add: missing, remove: unwanted, present });
      await api.commit?.(zone);
    },
  };
}

const isSame = (a: Present, b: Present): boolean => a.fqdn === b.fqdn && a.value === b.value;
