import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import {
  asciiName,
  ConfigError,
  createUpdateClient,
  defineProvider,
  list,
  type ResourceRecord,
  secret,
  type TsigKey,
  type TxtEditor,
  type TxtRecord,
  text,
  tsigAlgorithm,
  tsigAlgorithms,
  txtData,
  type Zone,
} from '../kit/index.ts';

interface Credentials {
  readonly name: string | undefined;
  readonly payload: string | undefined;
  readonly algorithm: string;
}

export default defineProvider({
  id: 'rfc2136',
  name: 'RFC 2136 (DNS UPDATE)',
  aliases: ['dnsupdate'],
  website: 'https://www.rfc-editor.org/rfc/rfc2136.html',
  apiDocs: 'https://www.rfc-editor.org/rfc/rfc2136.html',
  notes: [
    'Works with BIND, Knot DNS, PowerDNS, Windows DNS and every other server that takes DNS UPDATE. The zone is found by asking the',
    'name server itself. Requests are signed with TSIG (RFC 8945), and the signature of the answer is checked; without key and',
    'secret they go unsigned. The default algorithm is `hmac-sha1`, as in lego 4; choose `hmac-sha256` for new keys. Values are',
    'added to a record set and removed from it one by one, so no `RFC2136_SEQUENCE_INTERVAL` is needed. A key file made by',
    '`tsig-keygen` may be given instead of key, secret and algorithm.',
  ].join('\n'),
  env: {
    server: text(
      ['RFC2136_NAMESERVER', 'DNSUPDATE_NAMESERVER'],
      'Name server to update: host, host:port or [IPv6]:port',
    ),
    key: text(['RFC2136_TSIG_KEY', 'DNSUPDATE_TSIG_KEY'], 'Name of the TSIG key, as the server knows it').optional(),
    secret: secret(['RFC2136_TSIG_SECRET', 'DNSUPDATE_TSIG_SECRET'], 'TSIG secret, base64').optional(),
    algorithm: text(
      ['RFC2136_TSIG_ALGORITHM', 'DNSUPDATE_TSIG_ALGORITHM'],
      `TSIG algorithm: ${tsigAlgorithms.join(', ')}`,
    ).default('hmac-sha1'),
    keyFile: text(['DNSUPDATE_TSIG_FILE', 'RFC2136_TSIG_FILE'], 'Key file as tsig-keygen writes it')
      .noFile()
      .optional(),
    zones: list(
      ['DNSUPDATE_ZONES', 'RFC2136_ZONES'],
      'Zones that may be updated, instead of asking the name server which one holds a name',
    ).optional(),
  },
  tuning: {
    prefix: ['RFC2136', 'DNSUPDATE'],
    names: {
      httpTimeout: ['RFC2136_DNS_TIMEOUT', 'DNSUPDATE_DNS_TIMEOUT'],
      propagationTimeout: ['RFC2136_PROPAGATION_TIMEOUT', 'RFC2136_TIMEOUT', 'DNSUPDATE_TIMEOUT'],
    },
    httpTimeout: 10,
  },

  connect({ config, timeoutMs, signal, addressOf, hide }): TxtEditor {
    const fromFile = config.keyFile === undefined ? undefined : readKeyFile(config.keyFile, hide);
    const client = createUpdateClient({
      who: 'rfc2136',
      server: endpoint(config.server),
      key: tsigKey(fromFile ?? { name: config.key, payload: config.secret, algorithm: config.algorithm }),
      timeoutMs,
      signal,
      addressOf,
      variables: { server: 'RFC2136_NAMESERVER', key: 'RFC2136_TSIG_KEY', secret: 'RFC2136_TSIG_SECRET' },
    });
    return {
      async zoneOf(fqdn): Promise<Zone | undefined> {
        const name = config.zones ? deepest(config.zones.map(asciiName), fqdn) : await client.zoneOf(fqdn);
        return name ? { name } : undefined;
      },
      async apply(zone, { add, remove }) {
        // A record set has one TTL (RFC 2181 section 5.2): servers would give ours to the values of others, and keep it.
        const ttls = await client.ttls([...new Set(add.map(({ fqdn }) => fqdn))]);
        await client.update(zone.name, [
          ...remove.map((record) => change(record, { class: 'NONE', ttl: 0 })),
          ...add.map((record) => change(record, { class: 'IN', ttl: ttls.get(record.fqdn) ?? record.ttl })),
        ]);
      },
    };
  },
});

/** RFC 2136 section 2.5: class IN adds to the set, class NONE deletes exactly this value. */
const change = ({ fqdn, value }: TxtRecord, how: Pick<ResourceRecord, 'class' | 'ttl'>): ResourceRecord => ({
  name: fqdn,
  type: 'TXT',
  data: txtData(value),
  ...how,
});

const deepest = (zones: readonly string[], fqdn: string): string | undefined =>
  zones.filter((zone) => fqdn === zone || fqdn.endsWith(`.${zone}`)).sort((a, b) => b.length - a.length)[0];

function endpoint(given: string): { host: string; port: number } {
  if (isIPv6(given)) return { host: given, port: 53 };
  const found = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:\s]+))(?::(?<port>\d{1,5}))?$/u.exec(given.trim())?.groups;
  const host = found?.v6 ?? found?.host;
  const port = Number(found?.port ?? 53);
  if (!host || port < 1 || port > 65_535) throw configured('RFC2136_NAMESERVER must be host, host:port or [IPv6]:port');
  return { host, port };
}

/** Secrets may hold `//`, but stand between quotes then. */
const withoutComments = (text: string): string =>
  text.replace(/"[^"]*"|\/\*.*?\*\/|(?:\/\/|#)[^\n]*/gsu, (found) => (found.startsWith('"') ? found : ' '));

/** `key "name" { algorithm hmac-sha256; secret "..."; };` with the comments of named.conf. */
function readKeyFile(path: string, hide: (secret: string) => void): Credentials {
  let content: string;
  try {
    content = withoutComments(readFileSync(path, 'utf8'));
  } catch (error) {
    throw configured(
      `DNSUPDATE_TSIG_FILE names ${path}, which cannot be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
  const [, name, body = ''] = /\bkey\s+"?([^\s"{]+)"?\s*\{([^}]*)\}/u.exec(content) ?? [];
  const payload = /\bsecret\s+"?([^\s";]+)"?\s*;/u.exec(body)?.[1];
  const algorithm = /\balgorithm\s+"?([^\s";]+)"?\s*;/u.exec(body)?.[1];
  if (!name || !payload || !algorithm)
    throw configured(`DNSUPDATE_TSIG_FILE names ${path}, in which there is no key as tsig-keygen writes it`);
  hide(payload);
  return { name, payload, algorithm };
}

function tsigKey({ name, payload, algorithm }: Credentials): TsigKey | undefined {
  if (!name && !payload) return undefined;
  if (!name || !payload) {
    throw configured(
      name
        ? 'RFC2136_TSIG_KEY is set but RFC2136_TSIG_SECRET is not'
        : 'RFC2136_TSIG_SECRET is set but RFC2136_TSIG_KEY is not',
    );
  }
  const known = tsigAlgorithm(algorithm);
  if (!known) throw configured(`RFC2136_TSIG_ALGORITHM must be one of ${tsigAlgorithms.join(', ')}`);
  if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/u.test(payload)) throw configured('RFC2136_TSIG_SECRET is not base64');
  return { name: name.toLowerCase().replace(/\.$/u, ''), algorithm: known, secret: Buffer.from(payload, 'base64') };
}

const configured = (message: string) =>
  new ConfigError(`rfc2136: ${message}`, { hint: 'see: quoin dnshelp -c rfc2136' });
