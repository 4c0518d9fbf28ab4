import { ConfigError } from '../errors.ts';
import type { Given } from './options.ts';

/**
 * Flags of lego 4 and 5 that quoin knows of and does not have. They are recognised so that nobody believes that a wish was
 * heard: source cmd/flags.go (4.35) and cmd/internal/flags/names.go (5.3) of https://github.com/go-acme/lego.
 */
interface LegoFlag {
  /** As commander writes it. */
  readonly flags: string;
  /** Absent: quoin does anyway what the flag asks for. */
  readonly refused?: Refusal;
}
interface Refusal {
  readonly why: string;
  readonly hint?: string;
}

const dnsOnly: Refusal = {
  why: 'is not supported: quoin proves names by DNS-01 only',
  hint: 'name a provider with --dns',
};
const flags = (refused: Refusal | undefined, ...spellings: string[]): LegoFlag[] =>
  spellings.map((spelling) => ({ flags: spelling, ...(refused ? { refused } : {}) }));

export const legoFlags: readonly LegoFlag[] = [
  ...flags(
    undefined,
    '--force-cert-domains', // `renew` reads it; `run` certifies what it is told, and changed names are always due.
    '--dynamic', // The default; `--days` beside it does not count.
    '--log.level <level>', // As `legoLog` says.
    '--log.format <format>',
    '--enable-cn', // The default.
    '--dns.propagation.disable-rns', // The default.
  ),
  ...flags(
    { why: 'is not supported: TLS is always verified', hint: 'name the roots of a private CA with --ca-certificates' },
    '--tls-skip-verify',
  ),
  ...flags(
    dnsOnly,
    ...['--http', '--http.port <address>', '--http.address <address>', '--http.delay <time>'],
    ...['--http.proxy-header <name>', '--http.webroot <folder>', '--http.memcached-host <host>'],
    ...['--http.s3-bucket <name>', '--tls', '--tls.port <address>', '--tls.address <address>', '--tls.delay <time>'],
  ),
  ...flags(
    {
      why: 'is not supported: quoin proves names by DNS-01, and dns-persist-01 is an experiment',
      hint: 'name a provider with --dns; quoin persist print shows the record for dns-persist-01',
    },
    ...['--dns-persist', '--dns-persist.issuer-domain-name <name>', '--dns-persist.persist-until <time>'],
    ...['--dns-persist.propagation.wait <time>', '--dns-persist.propagation.disable-ans'],
    ...['--dns-persist.propagation.disable-rns', '--dns-persist.resolvers <server>', '--dns-persist.timeout <time>'],
  ),
  ...flags(
    {
      why: 'has no place here: a configuration file is carried out by quoin apply',
      hint: 'quoin apply <file>, or quoin --config <file> without a command',
    },
    '--config <file>',
  ),
  ...flags({ why: 'is not supported: addresses of both families are tried' }, ...['--ipv4only', '--ipv6only']),
];

type Env = Readonly<Record<string, string | undefined>>;

const nameOf = (spelling: string): string => spelling.split(' ')[0] ?? spelling;
/** As lego 5 makes them: `--pfx.password` is LEGO_PFX_PASSWORD. */
const variableOf = (name: string): string =>
  `LEGO_${name
    .replace(/^--/u, '')
    .replaceAll(/[^a-z0-9]+/gu, '_')
    .toUpperCase()}`;

/** @throws ConfigError for the first flag or variable of lego's that asks for what quoin does not do */
export function refuseLegoFlags(given: Given, env: Env): void {
  for (const { flags: spelling, refused } of legoFlags) {
    if (!refused) continue;
    const name = nameOf(spelling);
    const value = env[variableOf(name)];
    const set = given.has(name) ? name : value && !/^(?:false|f|0)$/iu.test(value) ? variableOf(name) : undefined;
    if (set !== undefined) throw new ConfigError(`${set} ${refused.why}`, { hint: refused.hint });
  }
}

/** What lego 5's flags about its log ask for, in quoin's. */
export function legoLog(given: Given, env: Env): { readonly [key in 'debug' | 'quiet' | 'noColor']?: true } {
  const of = (name: string) => {
    const value = given.get(name)?.at(-1) ?? env[variableOf(name)];
    return typeof value === 'string' && value !== '' ? value.toLowerCase() : undefined;
  };
  const one = (name: string, choices: readonly string[]) => {
    const value = of(name);
    if (value === undefined || choices.includes(value)) return value;
    throw new ConfigError(`${name} ${value} is not supported`, { hint: `use one of ${choices.join(', ')}` });
  };
  const level = one('--log.level', ['debug', 'info', 'warn', 'error']);
  return {
    ...(level === 'debug' ? { debug: true } : {}),
    ...(level === 'warn' || level === 'error' ? { quiet: true } : {}),
    ...(one('--log.format', ['colored', 'text']) === 'text' ? { noColor: true } : {}),
  };
}

/** lego's other variables: those that ask for what quoin does otherwise, and how. */
const otherVariables: Readonly<Record<string, string>> = {
  LEGO_CA_SERVER_NAME: 'the name in the URL of the CA counts',
  LEGO_CA_SYSTEM_CERT_POOL:
    'name the roots of a private CA in NODE_EXTRA_CA_CERTS to have them count besides the usual ones',
  LEGO_DISABLE_CNAME_SUPPORT: 'CNAMEs are followed always, as CAs follow them',
  ZERO_SSL_ACCESS_KEY: 'ZeroSSL gives credentials for the address of --email, or --eab tells them',
  LEGO_EXPERIMENTAL_DNS_TCP_ONLY: 'name resolvers that are to be asked encrypted with --dns.resolvers tls://host',
};

/** A line for each of them that is set. */
export const legoWarnings = (env: Env): string[] =>
  Object.entries(otherVariables)
    .filter(([name]) => env[name] && !/^(?:false|f|0)$/iu.test(env[name] ?? ''))
    .map(([name, why]) => `${name} has no effect: ${why}`);

/** Commands of lego 5 that quoin has no need of, and why. */
export const legoCommands: Readonly<Record<string, Refusal>> = {
  migrate: {
    why: 'is not needed: quoin reads and writes the stores of lego 4 and lego 5 as they are',
    hint: 'quoin import <folder> --path <new folder> copies one; quoin list shows what is there',
  },
  archives: {
    why: 'is not supported',
    hint: 'the files are in the folder archives/ of the store: copy them back to certificates/',
  },
  certificates: {
    why: 'needs to be told what to do',
    hint: 'quoin list or quoin revoke, in lego 5 certificates list, certificates revoke',
  },
};

/** @throws ConfigError for a command that only lego has */
export function refuseLegoCommand(command: string): void {
  const refused = legoCommands[command];
  if (refused) throw new ConfigError(`${command} ${refused.why}`, { hint: refused.hint });
}
