import { ConfigError } from '../errors.ts';
import { duration, type Flag, flag, list, text, type ValuesOf } from './options.ts';

/** Flags of `quoin sandbox` alone. They have no variables: a sandbox hands variables out, it does not take them. */
export const sandboxFlags = {
  port: flag({ flags: '--port <number>', parse: port, help: 'port of the CA (default: any that is free)' }),
  dnsPort: flag({
    flags: '--dns-port <number>',
    parse: port,
    help: 'port of the DNS server, UDP and TCP (default: any that is free)',
  }),
  zones: flag({
    flags: '--zone <name>',
    many: true,
    parse: list,
    fallback: [] as string[],
    help: 'zone to serve, under .test, .example, .invalid or .localhost; may be repeated (default: example.test)',
  }),
  state: flag({
    flags: '--state <folder>',
    parse: text,
    help: 'keep keys, accounts, orders, ports and the TSIG key there, so that a restart goes on',
  }),
  dnsServer: flag({
    flags: '--dns-server <host:port>',
    parse: hostAndPort,
    help: 'the CA asks this server, and no DNS server is started',
  }),
  externalAccounts: flag({
    flags: '--eab <kid:hmac>',
    many: true,
    parse: (value: string, name: string) => [externalAccount(value, name)],
    fallback: [] as ExternalAccount[],
    help: 'demand external account binding by this key (base64url); may be repeated',
  }),
  propagation: flag({
    flags: '--propagation <time>',
    parse: duration,
    fallback: 0,
    help: 'show DNS changes so much later, as a slow secondary does',
  }),
  lifetime: flag({
    flags: '--lifetime <time>',
    parse: duration,
    help: 'lifetime of certificates, such as 90d or 10m (default: that of the profile)',
  }),
  renewalWindow: flag({
    flags: '--renewal-window <window>',
    parse: renewalWindow,
    help: 'when to renew (ARI): START-END after issuance, such as 30d-60d, or now',
  }),
  nonceReject: flag({
    flags: '--nonce-reject <percent>',
    parse: percent,
    help: 'refuse so many of a hundred good nonces',
  }),
  delay: flag({ flags: '--delay <time>', parse: duration, help: 'let every answer of the CA take so long' }),
  retryAfter: flag({
    flags: '--retry-after <time>',
    parse: duration,
    help: 'Retry-After of orders and authorizations that are not ready',
  }),
  failures: flag({
    flags: '--fail <status:rate>',
    many: true,
    parse: (value: string, name: string) => [failure(value, name)],
    fallback: [] as Failure[],
    help: 'let requests fail with this HTTP status: 503:0.1 is one in ten; may be repeated',
  }),
  processing: flag({
    flags: '--processing <time>',
    parse: duration,
    help: 'keep validation and issuance under way for so long',
  }),
} satisfies Record<string, Flag<unknown>>;

export type SandboxFlags = ValuesOf<typeof sandboxFlags>;

interface ExternalAccount {
  readonly kid: string;
  readonly hmacKey: string;
}
interface Failure {
  readonly status: number;
  readonly rate: number;
}

function port(value: string, name: string): number {
  if (!/^\d{1,5}$/u.test(value) || Number(value) > 65_535) throw new ConfigError(`${name} ${value} is no port number`);
  return Number(value);
}

function hostAndPort(value: string, name: string): { readonly host: string; readonly port: number } {
  const found = /^(?:\[(?<v6>[0-9a-f:.]+)\]|(?<host>[^:\s]+))(?::(?<port>\d{1,5}))?$/iu.exec(value)?.groups;
  const host = found?.v6 ?? found?.host;
  if (!host) throw new ConfigError(`${name} ${value} is no DNS server`, { hint: 'write host:port or [IPv6]:port' });
  return { host, port: port(found?.port ?? '53', name) };
}

/** The key is base64url, which has no colon. */
function externalAccount(value: string, name: string): ExternalAccount {
  const found = /^(?<kid>.+):(?<hmac>[A-Za-z0-9_-]{16,}={0,2})$/u.exec(value)?.groups;
  if (!found?.kid || !found.hmac) {
    throw new ConfigError(`${name} must be kid:hmac, the key in base64url and of 12 bytes or more`, {
      hint: `such as kid-1:${Buffer.from('any 32 bytes that you like to use').toString('base64url')}`,
    });
  }
  return { kid: found.kid, hmacKey: found.hmac.replace(/=+$/u, '') };
}

function renewalWindow(value: string, name: string): 'now' | { readonly startMs: number; readonly endMs: number } {
  if (value === 'now') return 'now';
  const [start = '', end = '', ...more] = value.split('-');
  if (start === '' || end === '' || more.length > 0)
    throw new ConfigError(`${name} ${value} is no window`, { hint: 'write START-END, such as 30d-60d, or now' });
  const window = { startMs: duration(start, name), endMs: duration(end, name) };
  if (window.startMs >= window.endMs) throw new ConfigError(`${name} ${value} ends before it begins`);
  return window;
}

function percent(value: string, name: string): number {
  const number = Number(value.replace(/%$/u, ''));
  if (value.trim() === '' || !(number >= 0 && number <= 100))
    throw new ConfigError(`${name} ${value} is no percentage`, { hint: 'write a number from 0 to 100' });
  return number;
}

function failure(value: string, name: string): Failure {
  const found = /^(?<status>[45]\d\d):(?<rate>0|1|[01]?\.\d+)$/u.exec(value)?.groups;
  const rate = Number(found?.rate);
  if (!found || !(rate <= 1)) {
    throw new ConfigError(`${name} ${value} is no status and rate`, {
      hint: 'write such as 503:0.1 for one request in ten',
    });
  }
  return { status: Number(found.status), rate };
}
