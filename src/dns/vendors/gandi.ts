import {
  asciiName,
  type ProviderContext,
  ProviderError,
  quoteTxt,
  type Rest,
  recordSets,
  unquoteTxt,
  type Zone,
} from '../kit/index.ts';

interface RecordSet {
  rrset_ttl?: number;
  rrset_values?: string[] | null;
}
interface Row {
  value: string;
  /** As Gandi wrote it, for values of others. */
  content: string;
  ttl?: number | undefined;
}
/** A zone is edited with the credentials that found it. */
export interface LiveZone extends Zone {
  readonly api: Rest;
}

export const isLive = (zone: Zone): zone is LiveZone => 'api' in zone;
export const isRefusal = (error: unknown): boolean => error instanceof ProviderError && error.fault === 'auth';

/**
 * LiveDNS: https://api.gandi.net/docs/livedns/. Of several `Authorization` headers the first that Gandi accepts is used.
 * The host of the first LiveDNS, dns.api.gandi.net, is end of life and knows no personal access tokens.
 */
export function liveDns(rest: ProviderContext<unknown>['rest'], authorizations: readonly string[]) {
  const clients = authorizations.map((authorization) =>
    rest({
      url: 'https://api.gandi.net/v5/livedns/',
      headers: { authorization },
      problem(body) {
        if (!body?.errors) return body?.cause && body.message;
        return body.errors
          .map((error: { description: string; name: string }) => `${error.name}: ${error.description}`)
          .join();
      },
    }),
  );
  const path = ({ name: zone }: Zone, fqdn: string) =>
    `domains/${zone}/records/${fqdn === zone ? '@' : fqdn.slice(0, -zone.length - 1)}/TXT`;

  async function readSet(zone: LiveZone, fqdn: string): Promise<RecordSet> {
    try {
      return await zone.api.get<RecordSet>(path(zone, fqdn));
    } catch (error) {
      if (error instanceof ProviderError && error.fault === 'missing') return {};
      throw error;
    }
  }

  return recordSets({
    async findZone(name): Promise<LiveZone | undefined> {
      let refusal: unknown;
      for (const api of clients) {
        try {
          const { fqdn = name } = await api.get<{ fqdn?: string }>(`domains/${name}`);
          return asciiName(fqdn) === name ? { name, api } : undefined;
        } catch (error) {
          if (!isRefusal(error)) throw error;
          refusal ??= error;
        }
      }
      throw refusal;
    },
    async read(zone, fqdns) {
      const rows: (Row & { fqdn: string })[] = [];
      for (const fqdn of fqdns) {
        const { rrset_values: values, rrset_ttl: ttl } = await readSet(zone, fqdn);
        rows.push(...(values ?? []).map((content) => ({ fqdn, value: unquoteTxt(content), content, ttl })));
      }
      return rows;
    },
    toRow: ({ value }): Row => ({ value, content: quoteTxt(value) }),
    async write(zone, sets) {
      for (const { fqdn, rows, ttl } of sets) {
        if (rows.length === 0) await zone.api.delete(path(zone, fqdn));
        else
          await zone.api.put(path(zone, fqdn), {
            rrset_values: rows.map(({ content }) => content),
            // A set has one TTL: that of the others stays.
            rrset_ttl: rows.find((row) => row.ttl !== undefined)?.ttl ?? ttl,
          });
      }
    },
  });
}
