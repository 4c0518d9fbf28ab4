import { asciiName, defineProvider, ProviderError, perRecordSet, secret, unquoteTxt, type Zone } from '../kit/index.ts';

interface Answer {
  /** A TXT answer may come in several strings. */
  readonly answer: readonly (string | number)[];
}
/** An answer may have `meta` and a `region` besides, a record filters: that is how NS1 chooses whom to tell what. */
interface Ns1Record {
  readonly answers?: readonly Answer[] | null;
  readonly link?: string | null;
}

/** Whatever decides how a record is answered; goes back as it came. */
const SETTINGS = ['ttl', 'meta', 'regions', 'filters', 'use_client_subnet'] as const;

const textOf = ({ answer }: Answer) => answer.map((part) => unquoteTxt(String(part))).join('');

export default defineProvider({
  id: 'ns1',
  name: 'NS1',
  website: 'https://ns1.com',
  apiDocs: 'https://developer.ibm.com/apis/catalog/ns1--ibm-ns1-connect-api/',
  notes:
    'Create a key under *Account Settings → API Keys* with the DNS permissions *View zones* and *Manage zones*. If the key has ' +
    'a list of allowed IP addresses, the machine that runs quoin belongs on it.',
  env: { key: secret('NS1_API_KEY', 'API key that may view and manage zones') },
  tuning: { prefix: 'NS1', httpTimeout: 10 },

  connect({ config, rest }) {
    const api = rest({
      url: 'https://api.nsone.net/v1/',
      headers: { 'x-nsone-key': config.key },
      problem: (body, status) => (status >= 400 && typeof body?.message === 'string' ? body.message : undefined),
    });
    const path = (zone: Zone, fqdn: string) => `zones/${zone.name}/${fqdn}/TXT`;

    async function read(zone: Zone, fqdn: string): Promise<Ns1Record | undefined> {
      const record = await api.get<Ns1Record>(path(zone, fqdn)).catch((error: unknown) => {
        if (error instanceof ProviderError && error.fault === 'missing') return undefined;
        throw error;
      });
      if (record?.link)
        throw new ProviderError('api', `ns1: ${fqdn} is linked to the record ${record.link} and has no answers itself`);
      return record;
    }

    return perRecordSet({
      async findZone(name) {
        const { zone = name } = await api.get<{ zone?: string }>(`zones/${name}`, { records: false });
        return asciiName(zone) === name ? { name } : undefined;
      },
      read: async (zone, { fqdn }) => ((await read(zone, fqdn))?.answers ?? []).map(textOf),

      // Read again, because an answer is more than its value. PUT only creates, and POST only changes what is there.
      async write(zone, { fqdn, ttl }, values) {
        const record = await read(zone, fqdn);
        if (values.length === 0) return record && api.delete(path(zone, fqdn));
        const kept = (record?.answers ?? []).filter((answer) => values.includes(textOf(answer)));
        const missing = values.filter((value) => !kept.some((answer) => textOf(answer) === value));
        const answers = [...kept, ...missing.map((value) => ({ answer: [value] }))];
        const body = { zone: zone.name, domain: fqdn, type: 'TXT', answers };
        return record
          ? api.post(path(zone, fqdn), { ...settingsOf(record), ...body })
          : api.put(path(zone, fqdn), { ...body, ttl });
      },
    });
  },
});

/** The API answers with `null` what it does not take as `null`. */
const settingsOf = (record: object) =>
  Object.fromEntries(
    Object.entries(record).filter(([name, value]) => SETTINGS.some((known) => known === name) && value !== null),
  );
