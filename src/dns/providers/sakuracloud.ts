import { asciiName, basicAuth, defineProvider, secret, text, unquoteTxt, wholeZone } from '../kit/index.ts';

/** Fields that are not known here go back as they came. */
interface ResourceRecord {
  /** Relative to the zone; `@` at the apex. */
  Name: string;
  Type: string;
  RData: string;
  TTL?: number;
}
interface DnsItem {
  ID: string | number;
  Name?: string;
  Settings?: { DNS?: { ResourceRecordSets?: ResourceRecord[] | null } | null } | null;
  /** Sent back with a change, which is refused when someone else has made one since. */
  SettingsHash?: string;
  Status?: { Zone?: string };
}
interface Found {
  From?: number;
  Total?: number;
  CommonServiceItems?: DnsItem[] | null;
}

export default defineProvider({
  id: 'sakuracloud',
  name: 'Sakura Cloud',
  website: 'https://cloud.sakura.ad.jp/',
  apiDocs: 'https://manual.sakura.ad.jp/cloud-api/1.1/appliance/index.html',
  notes: 'Create an API key in the control panel, with an access level that may change settings.',
  env: {
    token: text('SAKURACLOUD_ACCESS_TOKEN', 'Access token (UUID) of the API key'),
    secret: secret('SAKURACLOUD_ACCESS_TOKEN_SECRET', 'Access token secret'),
  },
  tuning: { prefix: 'SAKURACLOUD', httpTimeout: 10 },

  connect({ config, rest }) {
    const api = rest({
      // DNS is one for all regions; any of them will do.
      url: 'https://secure.sakura.ad.jp/cloud/zone/is1a/api/cloud/1.1/',
      headers: { authorization: basicAuth(config.token, config.secret) },
      problem(body, status) {
        if (body?.is_fatal !== true && typeof body?.error_code !== 'string') return undefined;
        const message = `${plain(String(body.error_msg ?? body.status))} (${body.error_code})`;
        // Someone else is changing the zone, or has just done so: read it again, and try again.
        return status === 409 || status === 423 ? { message, fault: 'rate' } : message;
      },
    });
    /** What the records came with, between reading and writing a zone. */
    const loaded = new Map<string, DnsItem>();

    async function find(name: string): Promise<DnsItem | undefined> {
      for (let from = 0; ; ) {
        // The search is the whole query, as JSON; names that merely contain this one are found as well.
        const search = { Filter: { 'Provider.Class': 'dns', Name: name }, ...(from > 0 ? { From: from } : {}) };
        const found = await api.get<Found>(`commonserviceitem?${encodeURIComponent(JSON.stringify(search))}`);
        const items = found.CommonServiceItems ?? [];
        const zone = items.find(({ Name, Status }) => asciiName(Status?.Zone ?? Name ?? '') === name);
        if (zone) return zone;
        from += items.length;
        if (items.length === 0 || from >= (found.Total ?? 0)) return undefined;
      }
    }

    return wholeZone({
      async findZone(name) {
        const zone = await find(name);
        return zone && { name, id: String(zone.ID) };
      },

      async load({ id, name }) {
        // What is not given back is deleted, so an item without its settings must not be taken for an empty zone.
        const listed = await find(name);
        const item = listed?.Settings?.DNS
          ? listed
          : (await api.get<{ CommonServiceItem: DnsItem }>(`commonserviceitem/${id}`)).CommonServiceItem;
        loaded.set(id, item);
        return item.Settings?.DNS?.ResourceRecordSets ?? [];
      },
      save({ id }, records) {
        const { Settings: settings, SettingsHash } = loaded.get(id) ?? {};
        const Settings = { ...settings, DNS: { ...settings?.DNS, ResourceRecordSets: records } };
        return api.put(`commonserviceitem/${id}`, { CommonServiceItem: { Settings, SettingsHash } });
      },
      toRow: ({ name, value, ttl }): ResourceRecord => ({ Name: name, Type: 'TXT', RData: value, TTL: ttl }),
      isRow: (row, { name, value }) =>
        row.Type === 'TXT' && asciiName(row.Name) === name && unquoteTxt(row.RData) === value,
    });
  },
});

/** Messages are written for web pages. */
const plain = (html: string): string =>
  html
    .replace(/&#(\d+);/gu, (_, code: string) => String.fromCodePoint(Number(code)))
    .replace(/&(lt|gt|quot|amp);/gu, (_, name: string) => ({ lt: '<', gt: '>', quot: '"' })[name] ?? '&');
