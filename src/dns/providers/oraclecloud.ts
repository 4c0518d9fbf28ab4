import {
  allPages,
  asciiName,
  ConfigError,
  changeSets,
  choice,
  defineProvider,
  type ProviderContext,
  quoteTxt,
  secret,
  text,
  unlessMissing,
  unquoteTxt,
  url,
} from '../kit/index.ts';
import { privateKeyFrom, readFile } from '../vendors/key-files.ts';
import {
  apiKeyIdentity,
  configFileAccount,
  domainOf,
  instanceAccount,
  type OciAccount,
  ociProblem,
  signedHeaders,
} from '../vendors/oracle.ts';

interface OciRecord {
  domain: string;
  rtype: string;
  rdata: string;
  ttl: number;
  recordHash?: string;
}

const env = {
  authType: choice('OCI_AUTH_TYPE', 'Where the credentials are; default: in the variables below', [
    'instance_principal',
    'user_principal',
  ]).optional(),
  tenancy: text(['OCI_TENANCY_OCID', 'TF_VAR_tenancy_ocid'], 'OCID of the tenancy').optional(),
  user: text(['OCI_USER_OCID', 'TF_VAR_user_ocid'], 'OCID of the user').optional(),
  fingerprint: text(
    ['OCI_PUBKEY_FINGERPRINT', 'OCI_FINGERPRINT', 'TF_VAR_fingerprint'],
    'Fingerprint of the API key',
  ).optional(),
  key: secret(['OCI_PRIVKEY', 'OCI_PRIVATE_KEY'], 'Private API key: PEM, as it is or in base64').optional(),
  keyPath: secret(
    ['OCI_PRIVATE_KEY_PATH', 'TF_VAR_private_key_path'],
    'File with the private API key, where OCI_PRIVKEY is not set',
  ).optional(),
  passphrase: secret(
    ['OCI_PRIVKEY_PASS', 'OCI_PRIVATE_KEY_PASSWORD', 'TF_VAR_private_key_password'],
    'Passphrase of the private key',
  ).optional(),
  region: text(['OCI_REGION', 'TF_VAR_region'], 'Region: us-phoenix-1').optional(),
  compartment: text('OCI_COMPARTMENT_OCID', 'OCID of the compartment of the zones').optional(),
  configFile: text('OCI_CONFIG_FILE', 'Configuration file for user_principal; default: ~/.oci/config')
    .noFile()
    .optional(),
  profile: text('OCI_PROFILE', 'Profile in that file').default('DEFAULT'),
  metadata: url('OCI_METADATA_BASE_URL', 'Address of the metadata service, for instance_principal').default(
    'http://169.254.169.254/opc/v2',
  ),
};

export default defineProvider({
  id: 'oraclecloud',
  name: 'Oracle Cloud',
  website: 'https://www.oracle.com/cloud/networking/dns/',
  apiDocs: 'https://docs.oracle.com/en-us/iaas/api/#/en/dns/20180115/',
  notes:
    'Add an API key to a user under *User settings → API keys*; the group of the user needs a policy such as ' +
    '`allow group acme to manage dns in compartment web`. `OCI_AUTH_TYPE=user_principal` takes a profile of `~/.oci/config` ' +
    'instead (also one of `oci session authenticate`), `OCI_AUTH_TYPE=instance_principal` the instance that quoin runs on, which ' +
    'must be in a dynamic group with such a policy; behind a proxy, `169.254.169.254` belongs into `NO_PROXY`.',
  env,
  tuning: { prefix: 'OCI', httpTimeout: 60 },

  async connect(context) {
    const { config, rest } = context;
    const account = await accountOf(context);
    const region = config.region ?? account.region;
    const api = rest({
      url: `https://dns.${region}.${account.domain}/20180115/`,
      sign: async (request) => signedHeaders(await account.identity(), request),
      problem: ociProblem,
    });
    // The parameter is deprecated, and of use only where the name of a zone is not unique.
    const place = { compartmentId: config.compartment };
    const pathOf = (zone: string, fqdn: string) =>
      `zones/${encodeURIComponent(zone)}/records/${encodeURIComponent(fqdn)}`;

    async function recordsAt(zone: string, fqdn: string): Promise<OciRecord[]> {
      const found = await allPages<OciRecord>(async ({ cursor: page }) => {
        const query = { ...place, rtype: 'TXT', page };
        const { body, headers } = await api.request<{ items?: OciRecord[] }>('GET', pathOf(zone, fqdn), { query });
        return { items: body.items, next: headers['opc-next-page'] };
      });
      return found.filter(({ rtype, domain }) => rtype === 'TXT' && asciiName(domain) === fqdn);
    }

    return changeSets({
      async findZone(name) {
        const zone = await api.get<{ name: string }>(`zones/${encodeURIComponent(name)}`, place);
        return asciiName(zone.name) === name ? { name } : undefined;
      },

      async read(zone, fqdns) {
        const names = await Promise.all(
          fqdns.map(async (fqdn) => {
            const records = (await recordsAt(zone.name, fqdn).catch(unlessMissing)) ?? [];
            return records.map((record) => ({ fqdn, value: unquoteTxt(record.rdata), record }));
          }),
        );
        return names.flat();
      },

      // What is added and removed is named, the rest of the set is not touched: nobody else's change can get lost.
      async write(zone, { add, remove, present }) {
        for (const fqdn of new Set([...add, ...remove].map((record) => record.fqdn))) {
          const ttlThere = present.find((row) => row.fqdn === fqdn)?.record.ttl; // A record set has one TTL: that stays.
          const added = add
            .filter((record) => record.fqdn === fqdn)
            .map(({ value, ttl }) => ({
              ...{ domain: fqdn, rtype: 'TXT', rdata: quoteTxt(value), ttl: ttlThere ?? ttl, operation: 'ADD' },
            }));
          const removed = remove
            .filter((record) => record.fqdn === fqdn)
            .map(({ record: { domain, rtype, rdata, recordHash } }) => ({
              ...{ domain, rtype, rdata, operation: 'REMOVE' },
              ...(recordHash === undefined ? {} : { recordHash }),
            }));
          await api.patch(pathOf(zone.name, fqdn), { items: [...removed, ...added] }, { query: place });
        }
      },
    });
  },
});

type Values<S> = { readonly [K in keyof S]: S[K] extends { readonly parse: (raw: string) => infer T } ? T : never };

async function accountOf(context: ProviderContext<Values<typeof env>>): Promise<OciAccount> {
  const { authType, tenancy, user, fingerprint, region, key, keyPath, ...others } = context.config;
  if (authType === 'instance_principal') return instanceAccount(context, others.metadata);
  if (authType === 'user_principal') return configFileAccount(context, others.configFile, others.profile);
  const needed = {
    OCI_TENANCY_OCID: tenancy,
    OCI_USER_OCID: user,
    OCI_PUBKEY_FINGERPRINT: fingerprint,
    OCI_REGION: region,
    'OCI_PRIVKEY_FILE or OCI_PRIVKEY': key ?? keyPath,
  };
  const missing = Object.entries(needed).flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (!tenancy || !user || !fingerprint || missing.length > 0)
    throw new ConfigError(`oraclecloud: ${missing.join(', ')} not set`, { hint: 'see: quoin dnshelp -c oraclecloud' });
  const pem = key === undefined ? readFile('oraclecloud: OCI_PRIVATE_KEY_PATH', keyPath ?? '') : decoded(key);
  const identity = apiKeyIdentity({
    ...{ tenancy, user, fingerprint },
    key: privateKeyFrom('oraclecloud: the private key', pem, others.passphrase),
  });
  return { identity: async () => identity, region, domain: domainOf(tenancy) };
}

/** A file holds the PEM itself, a variable the base64 of it. */
const decoded = (key: string) => (key.includes('-----BEGIN') ? key : Buffer.from(key, 'base64').toString('utf8'));
