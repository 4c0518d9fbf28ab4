import { randomUUID } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import {
  asciiName,
  ConfigError,
  defineProvider,
  distinct,
  list,
  oneOf,
  type Problem,
  ProviderError,
  type Rest,
  type RestOptions,
  type TxtEditor,
  type TxtRecord,
  text,
  url,
} from '../kit/index.ts';

/** As https://github.com/nrdcg/goacmedns keeps it, so that lego's files go on working. */
interface Account {
  readonly fulldomain: string;
  readonly subdomain: string;
  readonly username: string;
  readonly password: string;
  readonly server_url?: string;
}
type Accounts = Readonly<Record<string, Account>>;

interface Storage {
  /** The account whose name is `fqdn`, else the one of the domain. */
  find(fqdn: string, domain: string): Promise<Account | undefined>;
  /** Tells whether the storage has made the CNAME itself. */
  put(domain: string, account: Account): Promise<boolean>;
}

const PREFIX = '_acme-challenge.';
/** "Rolling update of two TXT records": https://github.com/joohoi/acme-dns#features */
const KEPT = 2;

export default defineProvider({
  id: 'acme-dns',
  aliases: ['acmedns'],
  name: "Joohoi's ACME-DNS",
  website: 'https://github.com/joohoi/acme-dns',
  apiDocs: 'https://github.com/joohoi/acme-dns#api',
  notes:
    'The first run for a domain registers an account, saves it and ends with the CNAME record that you have to create once; every ' +
    'later run finds the account by that. The file holds passwords: keep it, and keep it private. Any number of domains may lead to ' +
    'one account. No value can be removed: the last ones stay until others take their place.',
  env: {
    base: url('ACME_DNS_API_BASE', 'Address of the acme-dns server'),
    storage: oneOf({
      file: { path: text('ACME_DNS_STORAGE_PATH', 'JSON file that accounts are kept in') },
      server: { url: url('ACME_DNS_STORAGE_BASE_URL', 'Address of a server that accounts are kept on') },
    }),
    allowlist: list('ACME_DNS_ALLOWLIST', 'Networks that new accounts may be used from, 192.0.2.0/24').optional(),
  },
  valuesPerName: KEPT,
  // The server answers with a TTL of its own.
  tuning: { prefix: 'ACME_DNS', ignored: ['ttl'] },

  connect({ config, rest, hide }): TxtEditor {
    const api = rest({
      url: config.base,
      problem(body) {
        hidePasswords(body, hide);
        return problemOf(body);
      },
    });
    const { storage: place } = config;
    const storage = place.via === 'file' ? fileStorage(place.path, hide) : serverStorage(rest, place.url, hide);

    /** The account to be used for a name, or the CNAME that is missing. */
    async function prepare(fqdn: string, domain: string): Promise<Account | string> {
      const owner = fqdn.startsWith(PREFIX) ? fqdn : PREFIX + domain;
      const known = await storage.find(fqdn, domain);
      if (known) return asciiName(known.fulldomain) === fqdn ? known : `${owner} CNAME ${known.fulldomain}`;
      const { allowlist } = config;
      const made = await api.post<Account>('register', allowlist ? { allowfrom: allowlist } : {});
      const { fulldomain, subdomain, username, password } = made;
      const account = { fulldomain, subdomain, username, password, server_url: config.base };
      return (await storage.put(domain, account)) ? account : `${owner} CNAME ${fulldomain}`;
    }

    return {
      // Nothing can be removed: https://github.com/joohoi/acme-dns#api
      async apply(_zone, changes) {
        const { add } = distinct({ ...changes, remove: [] });
        const names = new Map(add.map((record) => [record.fqdn, record]));
        const ready: { account: Account; values: readonly string[] }[] = [];
        const missing: string[] = [];
        for (const [fqdn, record] of names) {
          const account = await prepare(fqdn, domainOf(record));
          const values = add.filter((other) => other.fqdn === fqdn).map(({ value }) => value);
          if (typeof account === 'string') missing.push(account);
          else ready.push({ account, values });
        }
        if (missing.length > 0) throw notPointed(missing);
        // A guard: the engine solves them in turns.
        for (const { account, values } of ready)
          if (values.length > KEPT) throw tooMany(account.fulldomain, values.length);
        for (const { account, values } of ready)
          for (const txt of values)
            await api.post(
              'update',
              { subdomain: account.subdomain, txt },
              { headers: { 'x-api-user': account.username, 'x-api-key': account.password } },
            );
      },
    };
  },
});

/** Whose account it is: the name's own domain, or the one whose challenge leads here by CNAME. */
const domainOf = ({ fqdn, challenge }: TxtRecord): string =>
  fqdn.startsWith(PREFIX) ? fqdn.slice(PREFIX.length) : (challenge?.domain ?? fqdn);

const notPointed = (missing: readonly string[]) =>
  new ProviderError('zone', `acme-dns: missing in DNS: ${missing.join('; ')}`, {
    hint: 'the accounts are saved; create the CNAME records once, then run again',
  });

const tooMany = (fqdn: string, count: number) =>
  new ProviderError('api', `acme-dns: ${count} values at ${fqdn} at one time, and the server keeps the last ${KEPT}`, {
    hint: 'point the CNAMEs of other domains to other accounts, or order them in another certificate',
  });

/** https://github.com/joohoi/acme-dns/blob/master/api.go and auth.go */
function problemOf(body: { error?: unknown } | undefined): Problem | undefined {
  const hints: Readonly<Record<string, string>> = {
    forbidden: 'the server does not know the saved account, or its allow list lacks the address of this machine',
    invalid_allowfrom_cidr: 'check ACME_DNS_ALLOWLIST: networks such as 192.0.2.0/24, separated by commas',
    bad_txt: 'acme-dns takes only values of 43 characters, as ACME makes them',
  };
  return typeof body?.error === 'string' ? { message: body.error, hint: hints[body.error] } : undefined;
}

const byName = (accounts: Accounts, fqdn: string): Account | undefined =>
  Object.values(accounts).find((account) => asciiName(account?.fulldomain ?? '') === fqdn);

/** Those of one account, or of a list of them. */
function hidePasswords(found: unknown, hide: (secret: string) => void): void {
  if (typeof found !== 'object' || found === null) return;
  for (const account of [found, ...Object.values(found)] as (Partial<Account> | undefined)[])
    if (typeof account?.password === 'string') hide(account.password);
}

/** Read and written without waiting in between, so that registrations of one run do not lose each other. */
function fileStorage(path: string, hide: (secret: string) => void): Storage {
  const failed = (doing: string, error: unknown) =>
    new ConfigError(`acme-dns: cannot ${doing} ACME_DNS_STORAGE_PATH, ${path}: ${(error as Error).message}`);

  function read(): Accounts {
    let content: string;
    try {
      content = readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
      throw failed('read', error);
    }
    try {
      const accounts: unknown = content.trim() === '' ? {} : JSON.parse(content);
      hidePasswords(accounts, hide);
      if (typeof accounts === 'object' && accounts !== null && !Array.isArray(accounts)) return accounts as Accounts;
    } catch {} // Below: it must not be overwritten.
    throw new ConfigError(`acme-dns: ACME_DNS_STORAGE_PATH, ${path}, is not a JSON object of accounts`);
  }

  function write(accounts: Accounts): void {
    const target = realTarget(path);
    const temporary = `${target}.${randomUUID()}.tmp`;
    try {
      const file = openSync(temporary, 'wx', 0o600);
      try {
        writeFileSync(file, `${JSON.stringify(accounts, undefined, 2)}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, target);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw failed('write', error);
    }
  }

  return {
    async find(fqdn, domain) {
      const accounts = read();
      const found = byName(accounts, fqdn) ?? accounts[domain] ?? accounts[fqdn] ?? accounts[`${fqdn}.`];
      if (!found)
        try {
          accessSync(dirname(path), constants.W_OK); // An account that cannot be saved is better not made.
        } catch (error) {
          throw failed('write', error);
        }
      return found;
    },
    async put(domain, account) {
      write({ ...read(), [domain]: account });
      return false;
    },
  };
}

function realTarget(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** https://github.com/go-acme/lego/blob/master/providers/dns/acmedns/internal/readme.md */
function serverStorage(rest: (options: RestOptions) => Rest, base: string, hide: (secret: string) => void): Storage {
  const { origin, pathname } = new URL(base);
  const api = rest({
    url: origin,
    problem(body) {
      hidePasswords(body, hide);
      return undefined;
    },
  });
  const all = pathname.replace(/\/+$/u, ''); // All accounts are asked for without a slash at the end.
  const one = (domain: string) => `${all}/${encodeURIComponent(domain)}`;

  const unlessMissing = <T>(asked: Promise<T>) =>
    asked.catch((error: unknown) => {
      if (!(error instanceof ProviderError) || error.fault !== 'missing') throw error;
      return undefined;
    });

  return {
    async find(fqdn, domain) {
      const own = await unlessMissing(api.get<Account | undefined>(one(domain)));
      if (own && asciiName(own.fulldomain) === fqdn) return own;
      // The account of another domain may be shared, by a CNAME that leads there.
      const accounts = fqdn.startsWith(PREFIX) ? undefined : await unlessMissing(api.get<Accounts | undefined>(all));
      return byName(accounts ?? {}, fqdn) ?? own;
    },
    put: async (domain, account) => (await api.request('POST', one(domain), { body: account })).status === 201,
  };
}
