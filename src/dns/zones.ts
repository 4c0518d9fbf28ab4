import { isProviderError, ProviderError } from '../errors.ts';
import { remember } from '../remember.ts';
import type { TxtEditor, Zone } from './kit/contract.ts';
import { asciiName, suffixes } from './kit/names.ts';

/** For providers that cannot look zones up themselves: the public SOA record decides. */
export type SoaLookup = (fqdn: string) => Promise<string | undefined>;

/**
 * Finds the deepest zone of the account that holds a name. Answers are kept for the session; a failure is not an answer.
 * `likely` is the zone that DNS itself names: where the account has it, no other need be looked for.
 * @throws ProviderError `zone`, with all the names that were looked for
 */
export function createZoneFinder(
  who: string,
  editor: TxtEditor,
  findZoneBySoa?: SoaLookup,
): (fqdn: string, likely?: string) => Promise<Zone> {
  const exact = new Map<string, Promise<Zone | undefined>>();
  let listed: Promise<ReadonlyMap<string, Zone>> | undefined;

  async function exactZone(name: string): Promise<Zone | undefined> {
    if (editor.findZone) return remembered(exact, name, () => unlessMissing(editor.findZone?.(name)));
    listed ??= Promise.resolve(editor.listZones?.() ?? []).then(
      (zones) => new Map(zones.map((zone) => [asciiName(zone.name), zone])),
    );
    listed.catch(() => {
      listed = undefined;
    });
    return (await listed).get(name);
  }

  async function choose(fqdn: string, likely: string | undefined): Promise<Zone | undefined> {
    if (editor.zoneOf) return unlessMissing(editor.zoneOf(fqdn));
    if (!editor.findZone && !editor.listZones) {
      const name = await findZoneBySoa?.(fqdn);
      return name === undefined ? undefined : { name };
    }
    const names = candidates(fqdn);
    for (const name of likely && names.includes(likely) ? [likely, ...names] : names) {
      const zone = await exactZone(name);
      if (zone) return zone;
    }
    return undefined;
  }

  const chosen = new Map<string, Promise<Zone>>();
  return (fqdn, likely) =>
    remembered(chosen, fqdn, async () => {
      const zone = await choose(fqdn, likely);
      if (zone) return zone;
      const where = editor.findZone || editor.listZones ? 'the account has none of' : 'no server answers for any of';
      throw new ProviderError('zone', `${who}: no zone for ${fqdn}`, {
        hint: `${where} ${candidates(fqdn).join(', ')}`,
      });
    });
}

const candidates = (fqdn: string) => suffixes(fqdn).filter((name) => name.includes('.'));

/** One question at a time for each key, and none for what is known. */
function remembered<T>(known: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const found = known.get(key);
  if (found) return found;
  const asked = ask();
  remember(known, key, asked);
  asked.catch(() => known.delete(key));
  return asked;
}

async function unlessMissing(asked: Promise<Zone | undefined> | undefined): Promise<Zone | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isProviderError(error, 'missing')) return undefined;
    throw error;
  }
}
