import { isProviderError, ProviderError } from '../../errors.ts';

/** Which page is to be read. */
export interface PagePosition {
  /** Counts from 1. */
  readonly page: number;
  /** How many items have come so far. */
  readonly offset: number;
  /** `next` of the page before; absent for the first page. */
  readonly cursor: string | undefined;
}

/** One page, and how this vendor tells whether there are more; a page that tells nothing is the last. */
export interface ListPage<T> {
  readonly items: readonly T[] | null | undefined;
  /** How many pages there are. */
  readonly pages?: number | string | null | undefined;
  /** How many items there are; `Infinity` where nothing tells, so that the list goes on until a page brings nothing new. */
  readonly total?: number | string | null | undefined;
  /** Where the next page begins. It is followed even where a page is empty, unless it has been there before. */
  readonly next?: string | null | undefined;
}

/**
 * All items of a list that comes in pages. One that is counted ends at the latest with a page that brings nothing, or, with
 * `idOf`, nothing new.
 * A fault `missing` may mean that there is nothing to list, but not once a page has come: half a list is not "no records".
 */
export async function allPages<T>(
  read: (at: PagePosition) => Promise<ListPage<T>>,
  idOf?: (item: T) => unknown,
): Promise<T[]> {
  const found: T[] = [];
  const ids = new Set<unknown>();
  const cursors = new Set<string>();
  const isNew = (item: T) => !idOf || ids.size < ids.add(idOf(item)).size;

  for (let page = 1, cursor: string | undefined; ; page += 1) {
    const at = { page, offset: found.length, cursor };
    const { items, pages, total, next } = page === 1 ? await read(at) : await read(at).catch(brokenOff);
    const fresh = (items ?? []).filter(isNew);
    found.push(...fresh);
    cursor = next || undefined;
    const counted = page < Number(pages ?? 1) || found.length < Number(total ?? 0);
    if (cursor ? cursors.has(cursor) : !counted || fresh.length === 0) return found;
    if (cursor) cursors.add(cursor);
  }
}

function brokenOff(error: unknown): never {
  if (!isProviderError(error, 'missing')) throw error;
  throw new ProviderError('api', `${error.message} (not the first page of a list)`, { cause: error });
}
