import { ConfigError } from '../errors.ts';

/** One flag: declared here, and nowhere else, for the parser, the environment, the help and the reference. */
export interface Flag<T> {
  /** As commander writes it: `-d, --domains <name>`. */
  readonly flags: string;
  readonly help: string;
  /** Other spellings that work and are not shown. */
  readonly older?: readonly string[];
  /** Without `QUOIN_`; lego's `LEGO_` is read for the same name where lego has it. Absent: no variable is read. */
  readonly env?: string;
  readonly many?: boolean;
  readonly parse: (text: string, flag: string) => T;
  readonly fallback?: T;
}

export const text = (value: string): string => value;
export const list = (value: string): string[] =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);

/** Milliseconds. */
export function duration(value: string, flag: string): number {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/u.exec(value.trim());
  if (!found)
    throw new ConfigError(`${flag} ${value} is no duration`, { hint: 'write seconds, or such as 90s, 5m, 1h' });
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[(found[2] ?? 's') as 's'];
  return Number(found[1]) * unit;
}

function days(value: string, flag: string): number {
  if (!/^\d+$/u.test(value)) throw new ConfigError(`${flag} ${value} is no number of days`);
  return Number(value);
}

function boolean(value: string, flag: string): boolean {
  if (!/^(?:true|false|t|f|1|0|yes|no)$/iu.test(value))
    throw new ConfigError(`${flag} must be true or false, not ${value}`);
  return /^(?:true|t|1|yes)$/iu.test(value);
}

export function flag<T>(declared: Flag<T> & { readonly fallback: T }): Flag<T> & { readonly fallback: T };
export function flag<T>(declared: Flag<T>): Flag<T>;
export function flag<T>(declared: Flag<T>): Flag<T> {
  return declared;
}

/** What each flag is read as, by key. */
export const declarations = {
  domains: flag({
    flags: '-d, --domains <name>',
    env: 'DOMAINS',
    many: true,
    parse: list,
    fallback: [] as string[],
    help: 'name to certify; repeat it, or separate names by commas',
  }),
  dns: flag({
    flags: '--dns <provider>',
    env: 'DNS',
    parse: text,
    help: 'DNS provider: a code of dnshelp, npm:<package> or ./file.js',
  }),
  server: flag({
    flags: '-s, --server <url>',
    env: 'SERVER',
    parse: text,
    fallback: 'letsencrypt',
    help: 'CA: a directory URL or a short name such as letsencrypt-staging',
  }),
  email: flag({ flags: '-m, --email <address>', env: 'EMAIL', parse: text, help: 'e-mail address of the account' }),
  acceptTos: flag({
    flags: '-a, --accept-tos',
    env: 'ACCEPT_TOS',
    parse: boolean,
    fallback: false,
    help: "agree to the CA's terms of service",
  }),
  path: flag({
    flags: '--path <folder>',
    env: 'PATH',
    parse: text,
    help: 'store; default ./.quoin, or ./.lego where that exists',
  }),
  keyType: flag({
    flags: '-k, --key-type <type>',
    env: 'KEY_TYPE',
    parse: text,
    fallback: 'ec256',
    help: 'ec256, ec384, rsa2048, rsa3072, rsa4096 or rsa8192',
  }),
  eab: flag({
    flags: '--eab',
    env: 'EAB',
    parse: boolean,
    fallback: false,
    help: 'bind the account to a customer of the CA, with --kid and --hmac',
  }),
  kid: flag({
    flags: '--kid <id>',
    older: ['--eab.kid <id>'],
    env: 'EAB_KID',
    parse: text,
    help: 'key id for the external account binding',
  }),
  hmac: flag({
    flags: '--hmac <key>',
    older: ['--eab.hmac <key>'],
    env: 'EAB_HMAC',
    parse: text,
    help: 'HMAC key for the external account binding, base64url',
  }),
  profile: flag({
    flags: '--profile <name>',
    env: 'PROFILE',
    parse: text,
    help: "one of the CA's certificate profiles",
  }),
  preferredChain: flag({
    flags: '--preferred-chain <name>',
    env: 'PREFERRED_CHAIN',
    parse: text,
    help: "root's common name, or shortest",
  }),
  mustStaple: flag({
    flags: '--must-staple',
    env: 'MUST_STAPLE',
    parse: boolean,
    fallback: false,
    help: 'ask for the OCSP must-staple extension',
  }),
  noBundle: flag({
    flags: '--no-bundle',
    env: 'NO_BUNDLE',
    parse: boolean,
    fallback: false,
    help: 'store the certificate without its issuers behind it',
  }),
  disableCn: flag({
    flags: '--disable-cn',
    env: 'DISABLE_CN',
    parse: boolean,
    fallback: false,
    help: 'leave the common name out of the request',
  }),
  renewDays: flag({
    flags: '--renew-days <days>',
    older: ['--days <days>'],
    env: 'RENEW_DAYS',
    parse: days,
    help: 'renew so many days before the end, instead of with a third of the lifetime left',
  }),
  renewForce: flag({
    flags: '--renew-force',
    env: 'RENEW_FORCE',
    parse: boolean,
    fallback: false,
    help: 'renew although nothing is due',
  }),
  resolvers: flag({
    flags: '--dns.resolvers <server>',
    env: 'DNS_RESOLVERS',
    many: true,
    parse: list,
    fallback: [] as string[],
    help: 'host:port, tls://host or https:// address to look names up with; may be repeated',
  }),
  propagationWait: flag({
    flags: '--dns.propagation.wait <time>',
    older: ['--dns.propagation-wait <time>'],
    env: 'DNS_PROPAGATION_WAIT',
    parse: duration,
    help: 'wait so long instead of asking the name servers',
  }),
  disableAns: flag({
    flags: '--dns.propagation.disable-ans',
    older: ['--dns.propagation-disable-ans', '--dns.disable-cp'],
    env: 'DNS_PROPAGATION_DISABLE_ANS',
    parse: boolean,
    fallback: false,
    help: 'do not ask the authoritative name servers',
  }),
  rns: flag({
    flags: '--dns.propagation.rns',
    older: ['--dns.propagation-rns'],
    env: 'DNS_PROPAGATION_RNS',
    parse: boolean,
    fallback: false,
    help: 'ask the resolvers too',
  }),
  dnsTimeout: flag({
    flags: '--dns-timeout <time>',
    older: ['--dns.timeout <time>'],
    env: 'DNS_TIMEOUT',
    parse: duration,
    fallback: 10_000,
    help: 'longest wait for an answer of a DNS server (default: 10s)',
  }),
  certTimeout: flag({
    flags: '--cert.timeout <time>',
    env: 'CERT_TIMEOUT',
    parse: duration,
    fallback: 120_000,
    help: 'longest wait for the CA to validate, and again to issue (default: 2m)',
  }),
  httpTimeout: flag({
    flags: '--http-timeout <time>',
    env: 'HTTP_TIMEOUT',
    parse: duration,
    fallback: 30_000,
    help: 'longest wait for an HTTP answer of the CA (default: 30s)',
  }),
  maxWait: flag({
    flags: '--max-wait <time>',
    env: 'MAX_WAIT',
    parse: duration,
    fallback: 120_000,
    help: 'longest wait that a CA or an API may ask for (default: 2m)',
  }),
  caCertificates: flag({
    flags: '--ca-certificates <file>',
    env: 'CA_CERTIFICATES',
    many: true,
    parse: (value: string) => value.split(':').filter(Boolean),
    fallback: [] as string[],
    help: 'PEM files with the roots of a private CA',
  }),
  json: flag({
    flags: '--json',
    env: 'JSON',
    parse: boolean,
    fallback: false,
    help: 'one JSON document on standard output',
  }),
  quiet: flag({
    flags: '-q, --quiet',
    env: 'QUIET',
    parse: boolean,
    fallback: false,
    help: 'only warnings and errors',
  }),
  debug: flag({
    flags: '--debug',
    env: 'DEBUG',
    parse: boolean,
    fallback: false,
    help: 'everything that is done, without secrets',
  }),
  noColor: flag({
    flags: '--no-color',
    env: 'NO_COLOR',
    parse: boolean,
    fallback: false,
    help: 'no colours, as with NO_COLOR',
  }),
  envFile: flag({
    flags: '--env-file <file>',
    env: 'ENV_FILE',
    many: true,
    parse: (value: string) => [value],
    fallback: [] as string[],
    help: 'read variables from this file too; the process environment wins',
  }),
} satisfies Record<string, Flag<unknown>>;

type ValueOf<F> = F extends Flag<infer T> ? (F extends { readonly fallback: T } ? T : T | undefined) : never;
export type ValuesOf<D> = { readonly [K in keyof D]: ValueOf<D[K]> };
export type Options = ValuesOf<typeof declarations>;

/** The long name: `--dns.resolvers`. */
export const longName = (flags: string): string => /--[^\s,<]+/u.exec(flags)?.[0] ?? flags;

/** What the command line says for one long name: texts in their order, or `true`. */
export type Given = ReadonlyMap<string, readonly (string | true)[]>;

type Env = Readonly<Record<string, string | undefined>>;

export const readOptions = (given: Given, env: Env): Options => readFlags(declarations, given, env);

/** A flag wins over the environment, the environment over the default. */
export function readFlags<D extends Readonly<Record<string, Flag<unknown>>>>(
  declared: D,
  given: Given,
  env: Env,
): ValuesOf<D> {
  const read = (flag: Flag<unknown>): unknown => {
    const spellings = [flag.flags, ...(flag.older ?? [])].map(longName);
    const values = spellings.flatMap((name) => given.get(name) ?? []);
    const variables = flag.env === undefined ? [] : [`QUOIN_${flag.env}`, `LEGO_${flag.env}`];
    const variable = variables.find((name) => env[name]);
    const texts = values.length > 0 ? values : variable ? [env[variable] as string] : [];
    const shown = values.length > 0 ? (spellings[0] as string) : (variable ?? '');
    if (texts.length === 0) return flag.fallback;
    const parsed = texts.map((value) => (value === true ? true : flag.parse(value, shown)));
    return flag.many ? parsed.flat() : parsed.at(-1);
  };
  return Object.fromEntries(Object.entries(declared).map(([key, flag]) => [key, read(flag)])) as unknown as ValuesOf<D>;
}
