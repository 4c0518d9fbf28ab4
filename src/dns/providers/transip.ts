import { createPrivateKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  asciiName,
  ConfigError,
  changeSets,
  defineProvider,
  type Problem,
  text,
  unlessMissing,
  unquoteTxt,
  type Zone,
} from '../kit/index.ts';
import { shortLived } from '../vendors/short-lived.ts';

interface DnsEntry {
  /** Relative to the domain; `@` at the apex. */
  name: string;
  expire: number;
  type: string;
  content: string;
}

const API = 'https://api.transip.nl/v6/';
const LIFETIME_MINUTES = 30;

export default defineProvider({
  id: 'transip',
  name: 'TransIP',
  website: 'https://www.transip.nl/',
  apiDocs: 'https://api.transip.nl/rest/docs.html',
  notes:
    'Turn the API on under *My account → API* in the control panel and create a key pair. One that accepts only whitelisted IP ' +
    'addresses needs the address of this machine on the whitelist. `TRANSIP_PRIVATE_KEY_PATH` names the file with the private key.',
  env: {
    account: text('TRANSIP_ACCOUNT_NAME', 'Name of the account, as for the control panel'),
    keyPath: text('TRANSIP_PRIVATE_KEY_PATH', 'File with the private key, PEM'),
  },
  tuning: { prefix: 'TRANSIP', ttl: 10, propagationTimeout: 600, pollingInterval: 10 },

  async connect({ config, rest, hide }) {
    const key = await readKey(config.keyPath, hide);
    const auth = rest({
      url: API,
      sign: ({ body }) => ({ signature: sign('sha512', Buffer.from(body), key).toString('base64') }),
      problem(body, status) {
        if (typeof body?.token === 'string') hide(body.token); // Before the answer is logged.
        return loginProblem(body, status);
      },
    });
    const token = shortLived(async () => {
      const nonce = randomBytes(16).toString('hex'); // 32 characters are the most.
      const { token } = await auth.post<{ token: string }>('auth', {
        login: config.account,
        nonce,
        read_only: false,
        expiration_time: `${LIFETIME_MINUTES} minutes`,
        label: `quoin-${Date.now()}-${nonce.slice(0, 8)}`, // Shown in the control panel; no two tokens may share one.
        global_key: true, // Also from addresses that are not whitelisted, where the key pair allows it.
      });
      return { token, seconds: LIFETIME_MINUTES * 60 };
    });
    const api = rest({
      url: API,
      sign: async () => ({ authorization: `Bearer ${await token()}` }),
      problem: problemOf,
    });

    return changeSets({
      async findZone(name) {
        await api.get(`domains/${name}/dns`); // 404 for a domain that is not of this account.
        return { name };
      },

      async read(zone) {
        const { dnsEntries } = await api.get<{ dnsEntries?: DnsEntry[] | null }>(`domains/${zone.name}/dns`);
        return (dnsEntries ?? [])
          .filter(({ type }) => type === 'TXT')
          .map((entry) => ({ fqdn: fullName(entry, zone), value: unquoteTxt(entry.content), entry }));
      },

      // Not `perRecord`: an entry must have the TTL of those that share its name, and an entry has no id.
      async write(zone, { add, remove, present }) {
        const path = `domains/${zone.name}/dns`;
        for (const { name, fqdn, value, ttl } of add) {
          const expire = present.find((neighbour) => neighbour.fqdn === fqdn)?.entry.expire ?? ttl;
          await api.post(path, { dnsEntry: { name, expire, type: 'TXT', content: value } });
        }
        for (const { entry } of remove) {
          const { name, expire, type, content } = entry;
          await api.delete(path, { dnsEntry: { name, expire, type, content } }).catch(unlessMissing);
        }
      },
    });
  },
});

const fullName = ({ name }: DnsEntry, zone: Zone): string =>
  name === '@' ? zone.name : `${asciiName(name)}.${zone.name}`;

async function readKey(path: string, hide: (secret: string) => void): Promise<KeyObject> {
  const pem = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(`transip: TRANSIP_PRIVATE_KEY_PATH names ${path}, which cannot be read (${error.code})`);
  });
  hide(pem);
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch {
    // Told below: OpenSSL's words would not help.
  }
  throw new ConfigError(
    `transip: TRANSIP_PRIVATE_KEY_PATH names ${path}, which holds no RSA private key (PEM, not encrypted)`,
  );
}

const check = 'check TRANSIP_ACCOUNT_NAME and TRANSIP_PRIVATE_KEY_PATH';

/** Whatever is wrong with a login, 409 and 429 apart, is wrong with the credentials. */
function loginProblem(body: { error?: unknown } | undefined, status: number): Problem | undefined {
  const problem = problemOf(body, status);
  if (![400, 401, 403, 404, 406, 422].includes(status)) return problem;
  return { message: problem?.message ?? 'the login is refused', fault: 'auth', hint: problem?.hint ?? check };
}

function problemOf(body: { error?: unknown } | undefined, status: number): Problem | undefined {
  if (status < 400 || typeof body?.error !== 'string') return undefined;
  const message = body.error;
  if (/\bIP is not authorized/iu.test(message))
    return {
      message,
      fault: 'auth',
      hint: 'put the address of this machine on the whitelist of the API, or create a key pair without the whitelist',
    };
  return status === 401 || status === 403 ? { message, hint: check } : { message };
}
