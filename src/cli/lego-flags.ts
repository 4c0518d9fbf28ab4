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
    '--force-cert-domains', // Changed names are always due.
    '--dynamic', // The default.
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
    '--dns-persist',
  ),
  ...flags({ why: 'is not supported', hint: 'use quoin apply with a configuration file' }, '--config <file>'),
  ...flags(
    { why: 'is not supported', hint: 'use --debug or --quiet' },
    ...['--log.level <level>', '--log.format <format>'],
  ),
  ...flags({ why: 'is not supported: addresses of both families are tried' }, ...['--ipv4only', '--ipv6only']),
];

const nameOf = (spelling: string): string => spelling.split(' ')[0] ?? spelling;
/** As lego 5 makes them: `--pfx.password` is LEGO_PFX_PASSWORD. */
const variableOf = (name: string): string =>
  `LEGO_${name
    .replace(/^--/u, '')
    .replaceAll(/[^a-z0-9]+/gu, '_')
    .toUpperCase()}`;

/** @throws ConfigError for the first flag or variable of lego's that asks for what quoin does not do */
export function refuseLegoFlags(given: Given, env: Readonly<Record<string, string | undefined>>): void {
  for (const { flags: spelling, refused } of legoFlags) {
    if (!refused) continue;
    const name = nameOf(spelling);
    const value = env[variableOf(name)];
    const set = given.has(name) ? name : value && !/^(?:false|f|0)$/iu.test(value) ? variableOf(name) : undefined;
    if (set !== undefined) throw new ConfigError(`${set} ${refused.why}`, { hint: refused.hint });
  }
}
