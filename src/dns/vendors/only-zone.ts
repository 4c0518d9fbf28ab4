import { asciiName, ProviderError, unlessMissing, type Zone, type ZoneLookup } from '../kit/index.ts';

export interface OnlyZone<Z extends Zone> {
  /** The provider's id, for messages. */
  readonly who: string;
  /** The variable that names the zone. */
  readonly variable: string;
  /** What it says; without it all zones may be used. */
  readonly name: string | undefined;
  /** How zones are found without it. */
  readonly lookup: ZoneLookup<Z>;
  /** Where the account may be unable to find it. Default: `findZone` of the look-up. */
  readonly find?: (name: string) => Promise<Z | undefined>;
}

/** The one zone that the user has named, instead of the deepest one that holds a name. */
export function onlyZone<Z extends Zone>({ who, variable, name, lookup, find }: OnlyZone<Z>): ZoneLookup<Z> {
  if (!name) return lookup;
  const only = asciiName(name);
  const findOnly = async () => (find ?? lookup.findZone)?.(only);
  return {
    async zoneOf(fqdn) {
      const zone = fqdn === only || fqdn.endsWith(`.${only}`) ? await findOnly().catch(unlessMissing) : undefined;
      if (zone) return zone;
      throw new ProviderError('zone', `${who}: no zone for ${fqdn}: ${variable} is ${only}`, {
        hint: `the account must have a zone ${only} that holds the name; without the variable the zone is looked up`,
      });
    },
  };
}
