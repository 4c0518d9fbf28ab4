import {
  allPages,
  defineProvider,
  oneOf,
  type ProviderContext,
  perRecord,
  type RecordSet,
  recordSets,
  secret,
  unlessMissing,
  unlessStatus,
  unquoteTxt,
  url,
} from '../kit/index.ts';

type Client = ProviderContext<unknown>['rest'];
interface Row {
  value: string;
  data: string;
  ttl: number;
}
interface Page {
  items?: { recordId: string; name: string; type: string; data: string }[] | null;
  links?: { rel: string }[];
}

/** Largest page of version 3. */
const PAGE_SIZE = 100;

export default defineProvider({
  id: 'godaddy',
  name: 'GoDaddy',
  website: 'https://www.godaddy.com',
  apiDocs: 'https://developer.godaddy.com/en/docs/api-users',
  aliases: ['godaddyv3'],
  notes:
    'Create a personal access token at <https://developer.godaddy.com> with the scopes `domains.domain:read` and ' +
    '`domains.dns:update`, and set `GODADDY_PAT`. Keys with a secret are the older way: GoDaddy says that they work through 2026. ' +
    'GoDaddy opens its API only to some accounts; the others get 403 `ACCESS_DENIED`, whatever the key. ' +
    'For the test environment (OTE) set `GODADDY_API_URL=https://api.ote-godaddy.com`.',
  env: {
    auth: oneOf({
      token: {
        pat: secret(
          ['GODADDY_PAT', 'GODADDYV3_PERSONAL_ACCESS_TOKEN'],
          'Personal access token, for version 3 of the API',
        ),
      },
      key: {
        key: secret('GODADDY_API_KEY', 'API key, for version 1 of the API'),
        secret: secret('GODADDY_API_SECRET', 'API secret that belongs to the key'),
      },
    }),
    baseUrl: url('GODADDY_API_URL', 'Address of the API').default('https://api.godaddy.com'),
  },
  tuning: { prefix: ['GODADDY', 'GODADDYV3'], ttl: 600, minTtl: 600, propagationTimeout: 120 },

  connect({ config: { auth, baseUrl }, rest }) {
    const base = baseUrl.replace(/(?:\/v[13](?:\/domains)?)?\/*$/u, '');
    return auth.via === 'token' ? version3(rest, base, auth.pat) : version1(rest, base, auth.key, auth.secret);
  },
});

/** https://developer.godaddy.com/doc/endpoint/domains: what is written replaces all values of the name. */
function version1(rest: Client, base: string, key: string, password: string) {
  const api = rest({
    url: `${base}/v1/domains/`,
    headers: { authorization: `sso-key ${key}:${password}` },
    problem(body, status) {
      if (status < 400 || typeof body?.message !== 'string') return undefined;
      const fields: string[] = (body.fields ?? []).map((field: { path?: string; message?: string }) =>
        [field.path, field.message].filter(Boolean).join(' '),
      );
      const message = [`${body.message} (${body.code})`, ...fields].join('; ');
      if (body.code === 'ACCESS_DENIED') return { message, fault: 'auth', hint: accountRule };
      // After a change the zone is locked for some seconds; lexicon, which edits whole zones, has to wait as well.
      return status === 409 ? { message, fault: 'rate' } : message;
    },
  });
  const path = (zone: { name: string }, name: string) => `${zone.name}/records/TXT/${name}`;

  return recordSets({
    findZone: (name) => zoneIf(name, api.get(path({ name }, '@'))),

    async read(zone, fqdns) {
      const found: (Row & { fqdn: string })[] = [];
      for (const fqdn of fqdns) {
        const name = fqdn === zone.name ? '@' : fqdn.slice(0, -zone.name.length - 1);
        const records = (await api.get<{ data: string; ttl: number }[]>(path(zone, name)).catch(unlessMissing)) ?? [];
        // Clients of old wrote empty values because they could not delete; they cannot be written back.
        const rows = records.filter(({ data }) => data !== '');
        found.push(...rows.map(({ data, ttl }) => ({ fqdn, value: unquoteTxt(data), data, ttl })));
      }
      return found;
    },
    toRow: ({ value, ttl }): Row => ({ value, data: value, ttl }),

    async write(zone, sets: readonly RecordSet<Row>[]) {
      for (const { name, rows } of sets) {
        // An empty list is refused.
        if (rows.length === 0) await api.delete(path(zone, name)).catch(unlessMissing);
        else
          await api.put(
            path(zone, name),
            rows.map(({ data, ttl }) => ({ data, ttl })),
          );
      }
    },
  });
}

/** In force since April 2024, eased in 2026; the help pages name other numbers than the answers of the support. */
const accountRule =
  'the key is known, but GoDaddy does not open its DNS API to every account: by its rules of 2024 those with ten domains or ' +
  'a Discount Domain Club plan, later those with at least one active domain. The domain must be in the account of the key, too';

/**
 * https://github.com/godaddy/cli, rust/domains-client/openapi/swagger_domains.v3.yaml: every value is a record.
 * Replacing a record (PUT) is left out there on purpose, because it deletes all the others.
 */
function version3(rest: Client, base: string, token: string) {
  const api = rest({
    url: `${base}/v3/domains/zones/`,
    headers: { authorization: `Bearer ${token}` },
    problem(body, status) {
      if (status < 400 || typeof body?.message !== 'string') return undefined;
      if (status === 409 && /exist|duplicate/iu.test(`${body.name} ${body.message}`)) return null;
      const message = `${body.message} (${body.name ?? body.code})`;
      if (status !== 403) return message;
      return {
        message,
        hint: 'the token in GODADDY_PAT needs the scopes domains.domain:read and domains.dns:update for this domain',
      };
    },
  });
  const records = (zone: string) => `${zone}/dns-records`;

  return perRecord({
    findZone: (name) => zoneIf(name, api.get(records(name), { type: 'TXT', name: '@' })),

    async list(zone, { name }) {
      const found = await allPages(async ({ page }) => {
        const query = { type: 'TXT', name, page, pageSize: PAGE_SIZE };
        const { items, links } = await api.get<Page>(records(zone.name), query);
        const hasMore = links ? links.some(({ rel }) => rel === 'next') : items?.length === PAGE_SIZE;
        return { items, pages: hasMore ? page + 1 : page };
      });
      return found
        .filter((record) => record.type === 'TXT' && record.name.toLowerCase() === name)
        .map(({ recordId, data }) => ({ recordId, value: unquoteTxt(data) }));
    },
    create: (zone, { name, value, ttl }) =>
      api.post(records(zone.name), { name, type: 'TXT', data: value, ttl: Math.min(ttl, 86_400) }),
    delete: (zone, { recordId }) => api.delete(`${records(zone.name)}/${encodeURIComponent(recordId)}`),
  });
}

/**
 * Reading the apex works for zones that the list of domains leaves out; names that cannot be a zone are no error here.
 * What is not in the account may be forbidden instead of unknown: the last name that is asked for tells about the key.
 */
const zoneIf = (name: string, asked: Promise<unknown>): Promise<{ name: string } | undefined> =>
  asked.then(() => ({ name }), unlessStatus(400, 404, 422, ...(name.split('.').length > 2 ? [403] : [])));
