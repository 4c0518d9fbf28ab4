import { isIPv6 } from 'node:net';
import {
  ConfigError,
  createUpdateClient,
  defineProvider,
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
    'added to a record set and removed from it one by one, so no `RFC2136_SEQUENCE_INTERVAL` is needed.',
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
  },
  tuning: {
    prefix: ['RFC2136', 'DNSUPDATE'],
    names: {
      httpTimeout: ['RFC2136_DNS_TIMEOUT', 'DNSUPDATE_DNS_TIMEOUT'],
      propagationTimeout: ['RFC2136_PROPAGATION_TIMEOUT', 'RFC2136_TIMEOUT', 'DNSUPDATE_TIMEOUT'],
    },
    httpTimeout: 10,
  },

  connect({ config, timeoutMs, signal, addressOf }): TxtEditor {
    const client = createUpdateClient({
      who: 'rfc2136',
      server: endpoint(config.server),
      key: tsigKey({ name: config.key, payload: config.secret, algorithm: config.algorithm }),
      timeoutMs,
      signal,
      addressOf,
      variables: { server: 'RFC2136_NAMESERVER', key: 'RFC2136_TSIG_KEY', secret: 'RFC2136_TSIG_SECRET' },
    });
    return {
      async zoneOf(fqdn): Promise<Zone | undefined> {
        const name = await client.zoneOf(fqdn);
        return name ? { name } : undefined;
      },
      apply: (zone, { add, remove }) =>
        client.update(zone.name, [
          ...remove.map((record) => change(record, { class: 'NONE', ttl: 0 })),
          ...add.map((record) => change(record, { class: 'IN', ttl: record.ttl })),
        ]),
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

function endpoint(given: string): { host: string; port: number } {
  if (isIPv6(given)) return { host: given, port: 53 };
  const found = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:\s]+))(?::(?<port>\d{1,5}))?$/u.exec(given.trim())?.groups;
  const host = found?.v6 ?? found?.host;
  if (!host) throw configured('RFC2136_NAMESERVER must be host, host:port or [IPv6]:port');
  return { host, port: Number(found?.port ?? 53) };
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
