import {
  asciiName,
  basicAuth,
  changeSets,
  defineProvider,
  secret,
  text,
  unlessMissing,
  unlessStatus,
  unquoteTxt,
  url,
} from '../kit/index.ts';

interface ZoneRecord {
  id: string | number;
  name: string;
  destination: string;
}

export default defineProvider({
  id: 'zoneee',
  name: 'Zone.ee',
  website: 'https://www.zone.ee/en/',
  apiDocs: 'https://api.zone.eu/v2',
  notes:
    'Create an API key in the account management of ZoneID; `ZONEEE_API_USER` is your ZoneID user name. ' +
    'The API takes 60 requests a minute, and there is no TTL to choose.',
  env: {
    user: text('ZONEEE_API_USER', 'ZoneID user name'),
    key: secret('ZONEEE_API_KEY', 'API key'),
    endpoint: url('ZONEEE_ENDPOINT', 'Address of the API').default('https://api.zone.eu/v2/'),
  },
  tuning: { prefix: 'ZONEEE', ignored: ['ttl'], propagationTimeout: 300, pollingInterval: 5 },

  connect({ config, rest }) {
    const api = rest({
      // Older settings carry the /dns that now belongs to each path.
      url: `${config.endpoint.replace(/\/*(?:\/dns)?\/*$/u, '')}/dns/`,
      headers: { authorization: basicAuth(config.user, config.key) },
      problem: (body, status) => (status >= 400 ? complaint(body) : undefined),
    });

    return changeSets({
      async findZone(name) {
        const found = await api.get<{ identificator?: string; name?: string }[] | null>(name).catch(unlessUnknown);
        if (found) {
          const [zone] = found; // Every resource comes in an array; an empty one means that there is none.
          return zone && asciiName(zone.identificator ?? zone.name ?? name) === name ? { name } : undefined;
        }
        if (name.startsWith('_')) return undefined; // No zone, and requests are scarce.
        // lego asks for nothing but records: those may be within reach where the zone itself is not.
        return api.get(`${name}/txt`).then(() => ({ name }), unlessUnknown);
      },

      // All names at once: with a list for each, a hundred would never fit into 60 requests a minute.
      async read(zone) {
        const records = (await api.get<ZoneRecord[] | null>(`${zone.name}/txt`)) ?? [];
        return records.map(({ id, name, destination }) => ({
          id,
          fqdn: asciiName(name),
          value: unquoteTxt(destination),
        }));
      },
      async write(zone, { add, remove }) {
        for (const { fqdn, value } of add) await api.post(`${zone.name}/txt`, { name: fqdn, destination: value });
        for (const { id } of remove) await api.delete(`${zone.name}/txt/${id}`).catch(unlessMissing);
      },
    });
  },
});

/** A name that cannot be a zone may be refused as a value. */
const unlessUnknown = unlessStatus(400, 404, 422);

/** A refused resource comes back with the complaints in place of the values: `{"name":"invalid_host"}`. */
function complaint(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  return Object.entries(body)
    .map(([field, said]) => `${field}: ${Array.isArray(said) ? said.join(', ') : String(said)}`)
    .join('; ');
}
