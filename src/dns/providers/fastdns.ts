import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import {
  asciiName,
  ConfigError,
  defineProvider,
  hash,
  hmac,
  oneOf,
  type Problem,
  ProviderError,
  quoteTxt,
  recordSets,
  type SignableRequest,
  secret,
  text,
  unquoteTxt,
} from '../kit/index.ts';

interface Client {
  readonly host: string;
  readonly clientToken: string;
  readonly clientSecret: string;
  readonly accessToken: string;
  readonly accountKey?: string | undefined;
}
interface RecordSet {
  ttl: number;
  rdata?: string[];
}
interface Row {
  value: string;
  /** As the API has it. */
  rdata: string;
  /** Of the set that is there already. */
  ttl?: number;
}

/** Bytes of a body that are hashed. */
const MAX_BODY = 131_072;

export default defineProvider({
  id: 'fastdns',
  name: 'Akamai Edge DNS',
  aliases: ['edgedns'],
  website: 'https://www.akamai.com/products/edge-dns',
  apiDocs: 'https://techdocs.akamai.com/edge-dns/reference/api',
  notes:
    'Create an API client in the Control Center under *Identity & access* with read-write access to *DNS—Zone Record Management*. ' +
    'Its credentials may stay in an `.edgerc` file that `AKAMAI_EDGERC` names. The signature holds the time, so the clock of ' +
    'the machine must be right to 30 seconds.',
  env: {
    auth: oneOf({
      keys: {
        host: text('AKAMAI_HOST', 'Host of the API client: akab-....luna.akamaiapis.net'),
        clientToken: secret('AKAMAI_CLIENT_TOKEN', 'Client token'),
        clientSecret: secret('AKAMAI_CLIENT_SECRET', 'Client secret'),
        accessToken: secret('AKAMAI_ACCESS_TOKEN', 'Access token'),
      },
      file: {
        file: text('AKAMAI_EDGERC', 'Path of an .edgerc file that holds these four'),
        section: text('AKAMAI_EDGERC_SECTION', 'Section of the .edgerc file').default('default'),
      },
      section: { section: text('AKAMAI_EDGERC_SECTION', 'Section of ~/.edgerc') },
    }),
    accountSwitchKey: text(
      'AKAMAI_ACCOUNT_SWITCH_KEY',
      'Account that holds the zones, where it is not that of the API client',
    ).optional(),
  },
  tuning: { prefix: 'AKAMAI', propagationTimeout: 180, pollingInterval: 15 },

  async connect({ config: { auth, accountSwitchKey }, rest, hide }) {
    const client =
      auth.via === 'keys' ? auth : await readEdgerc(auth.via === 'file' ? auth.file : '~/.edgerc', auth.section);
    for (const value of [client.clientToken, client.clientSecret, client.accessToken]) hide(value);
    const api = rest({
      url: `https://${client.host.replace(/^https?:\/\//u, '').replace(/\/+$/u, '')}/config-dns/v2/zones/`,
      sign: (request) => ({ authorization: edgeGrid(client, request) }),
      problem: problemOf,
    });
    const query = { accountSwitchKey: accountSwitchKey ?? ('accountKey' in client ? client.accountKey : undefined) };
    const path = (zone: string, fqdn: string) => `${zone}/names/${fqdn}/types/TXT`;

    async function read(zone: string, fqdn: string): Promise<(Row & { fqdn: string })[]> {
      try {
        const { ttl, rdata = [] } = await api.get<RecordSet>(path(zone, fqdn), query);
        return rdata.map((content) => ({ fqdn, value: unquoteTxt(content), rdata: content, ttl }));
      } catch (error) {
        if (error instanceof ProviderError && error.fault === 'missing') return [];
        throw error;
      }
    }

    return recordSets({
      async findZone(name) {
        const found = await api.get<{ zone: string; type?: string }>(name, query);
        if (asciiName(found.zone) !== name) return undefined;
        if (/^(?:secondary|alias)$/iu.test(found.type ?? ''))
          throw new ProviderError('zone', `fastdns: ${name} is a ${found.type?.toLowerCase()} zone`, {
            hint: 'only primary zones can be changed here: publish the record at the source of this one',
          });
        return { name };
      },
      async read(zone, fqdns) {
        const rows: (Row & { fqdn: string })[] = [];
        for (const fqdn of fqdns) rows.push(...(await read(zone.name, fqdn)));
        return rows;
      },
      toRow: ({ value }): Row => ({ value, rdata: quoteTxt(value) }),
      async write(zone, sets) {
        for (const { fqdn, ttl, rows } of sets) {
          const present = rows.find((row) => row.ttl !== undefined); // A set has one TTL: that of the others stays.
          const body = { name: fqdn, type: 'TXT', ttl: present?.ttl ?? ttl, rdata: rows.map(({ rdata }) => rdata) };
          const method = rows.length === 0 ? 'DELETE' : present ? 'PUT' : 'POST';
          await api.request(method, path(zone.name, fqdn), { query, body: rows.length === 0 ? undefined : body });
        }
      },
    });
  },
});

/** https://techdocs.akamai.com/developer/docs/authenticate-with-edgegrid: the body counts in POST only. */
function edgeGrid(client: Client, { method, url, body }: SignableRequest): string {
  const timestamp = `${new Date().toISOString().slice(0, 19).replaceAll('-', '')}+0000`;
  const unsigned =
    `EG1-HMAC-SHA256 client_token=${client.clientToken};access_token=${client.accessToken};` +
    `timestamp=${timestamp};nonce=${randomUUID()};`;
  const { protocol, host, pathname, search } = new URL(url);
  const bytes = Buffer.from(body).subarray(0, MAX_BODY);
  const content = method === 'POST' && bytes.length > 0 ? hash('sha256', bytes, 'base64') : '';
  const headers = ''; // Edge DNS asks for none to be signed.
  const data = [method, protocol.replace(':', ''), host, pathname + search, headers, content, unsigned].join('\t');
  return `${unsigned}signature=${hmac('sha256', hmac('sha256', client.clientSecret, timestamp), data)}`;
}

function problemOf(
  body: { type?: string; title?: string; detail?: string } | undefined,
  status: number,
): Problem | undefined {
  if (status < 400 || typeof body?.title !== 'string') return undefined;
  const message = body.detail ? `${body.title}: ${body.detail}` : body.title;
  if (/timestamp/iu.test(body.detail ?? '') && (status === 400 || status === 401)) {
    const hint = `the clock of this machine, which shows ${new Date().toISOString()}, must be right to 30 seconds: set it`;
    return { message, fault: 'auth', hint };
  }
  if (body.type?.includes('/pep-authn/')) return { message, fault: 'auth' };
  if (status === 403) {
    const hint =
      'give the API client read-write access to DNS—Zone Record Management, or check AKAMAI_ACCOUNT_SWITCH_KEY';
    return { message, fault: 'auth', hint };
  }
  // Another change of the zone was being made at the same time.
  return status === 409 && /concurrent/iu.test(`${body.type} ${message}`) ? { message, fault: 'rate' } : { message };
}

/** https://techdocs.akamai.com/developer/docs/edgerc */
async function readEdgerc(file: string, section: string): Promise<Client> {
  const content = await readFile(file.replace(/^~(?=\/)/u, homedir()), 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigError(`fastdns: cannot read ${file} (AKAMAI_EDGERC): ${cause.code}`, { cause });
  });
  const found: Record<string, string> = {};
  let current = '';
  let exists = false;
  for (const line of content.split(/\r?\n/u)) {
    current = /^\s*\[([^\]]*)\]/u.exec(line)?.[1]?.trim() ?? current;
    exists ||= current === section;
    const [, name = '', value = ''] = /^\s*([\w-]+)\s*[=:]\s*(.*?)\s*(?:\s[;#].*)?$/u.exec(line) ?? [];
    if (current === section && name !== '') found[name.replaceAll('-', '_')] = value.replace(/^(["'])(.*)\1$/u, '$2');
  }
  if (!exists) throw new ConfigError(`fastdns: ${file} has no section [${section}] (AKAMAI_EDGERC_SECTION)`);
  const missing = ['host', 'client_token', 'client_secret', 'access_token'].filter((name) => !found[name]);
  if (missing.length > 0) throw new ConfigError(`fastdns: ${file}: section [${section}] lacks ${missing.join(', ')}`);
  const { host = '', client_token = '', client_secret = '', access_token = '', account_key } = found;
  return {
    host,
    clientToken: client_token,
    clientSecret: client_secret,
    accessToken: access_token,
    accountKey: account_key,
  };
}
