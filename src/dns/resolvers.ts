import { getServers } from 'node:dns';
import { isIP } from 'node:net';
import { ConfigError, PropagationError } from '../errors.ts';
import { type Transport, TransportError } from '../http.ts';
import { limiter } from '../limiter.ts';
import {
  DnsExchangeError,
  decodeMessage,
  encodeMessage,
  exchange,
  MalformedMessage,
  type Message,
  query,
  type ResourceRecord,
  type Server,
} from './wire/index.ts';

/** Whom the user trusts to look names up: recursive resolvers, asked in turn until one answers. */
export interface Resolvers {
  /** The answer to a recursive question: `NOERROR` or `NXDOMAIN`. Anything else of all resolvers is an error. */
  ask(name: string, type: string, signal: AbortSignal): Promise<Message>;
  /** One question to each resolver, for seeing whether values have reached them. */
  readonly each: readonly {
    readonly label: string;
    ask(name: string, type: string, signal: AbortSignal): Promise<Message>;
  }[];
}

export interface ResolverOptions {
  /** `9.9.9.9`, `host:port`, `[2620:fe::fe]:53`, `tls://1.1.1.1`, `https://dns.example/dns-query`. Empty: the system's. */
  readonly resolvers: readonly string[];
  readonly timeoutMs: number;
  /** For `https://`. */
  readonly transport?: Transport | undefined;
}

interface Endpoint {
  readonly label: string;
  readonly ask: (question: Message, signal: AbortSignal) => Promise<Message>;
}

const QUESTIONS_SIDE_BY_SIDE = 64;

export function createResolvers({ resolvers, timeoutMs, transport }: ResolverOptions): Resolvers {
  const endpoints = (resolvers.length > 0 ? resolvers : systemResolvers()).map((text) =>
    endpoint(text.trim(), timeoutMs, transport),
  );
  const limit = limiter(QUESTIONS_SIDE_BY_SIDE);
  const one = ({ label, ask }: Endpoint) => ({
    label,
    ask: (name: string, type: string, signal: AbortSignal) => limit(() => ask(query(name, type, true), signal)),
  });
  const each = endpoints.map(one);
  return {
    each,
    async ask(name, type, signal) {
      const said: string[] = [];
      for (const { label, ask } of each) {
        try {
          const answer = await ask(name, type, signal);
          if (answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN') return answer;
          said.push(`${label} answered ${answer.rcode}`);
        } catch (error) {
          signal.throwIfAborted();
          said.push(`${label}: ${reason(error)}`);
        }
      }
      throw new PropagationError(
        `cannot look up ${type} of ${name}: ${said.join('; ')}`,
        { hint: 'name a resolver that answers: --dns.resolvers host:port', facts: { resolvers: said } },
        'DNS_LOOKUP',
      );
    },
  };
}

/** What went wrong with an exchange, in words; anything unexpected is passed on. */
export function reason(error: unknown): string {
  const known =
    error instanceof DnsExchangeError || error instanceof MalformedMessage || error instanceof TransportError;
  if (!known) throw error;
  return error.message;
}

/** Records of a type at a name, in an answer that may have got there by CNAMEs. */
export const recordsOf = ({ answers }: Message, type: string): readonly ResourceRecord[] =>
  answers.filter((record) => record.type === type && record.class === 'IN');

function systemResolvers(): string[] {
  // Node's own list is that of the C library; an unreadable resolv.conf gives 127.0.0.1, as it does there.
  const servers = getServers();
  if (servers.length === 0)
    throw new ConfigError('no resolver is configured', { hint: 'name one with --dns.resolvers' });
  return servers.slice(0, 3);
}

function endpoint(text: string, timeoutMs: number, transport: Transport | undefined): Endpoint {
  if (text.startsWith('https://')) return { label: text, ask: overHttps(text, timeoutMs, transport) };
  const tls = text.startsWith('tls://');
  const { host, port } = hostAndPort(tls ? text.slice(6) : text, tls ? 853 : 53);
  let address: Promise<string> | undefined;
  return {
    label: text,
    async ask(question, signal) {
      address ??= isIP(host) ? Promise.resolve(host) : systemLookup(host);
      const server: Server = {
        address: await address,
        port,
        protocol: tls ? 'tls' : 'udp',
        ...(tls && !isIP(host) ? { serverName: host } : {}),
      };
      return exchange(question, server, { timeoutMs, signal });
    },
  };
}

/** A resolver given by name has to be found somehow: by the system, and only then. */
async function systemLookup(host: string): Promise<string> {
  const { lookup } = await import('node:dns/promises');
  return lookup(host).then(
    ({ address }) => address,
    (cause: NodeJS.ErrnoException) => {
      throw new DnsExchangeError('network', `its name was not found (${cause.code})`, cause);
    },
  );
}

/** `host`, `host:port`, `[IPv6]:port` or a bare IPv6 address. */
export function hostAndPort(text: string, defaultPort: number): { host: string; port: number } {
  if (isIP(text) === 6) return { host: text, port: defaultPort };
  const found = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:\s/]+))(?::(?<port>\d{1,5}))?$/u.exec(text)?.groups;
  const host = found?.v6 ?? found?.host;
  const port = Number(found?.port ?? defaultPort);
  if (!host || port < 1 || port > 65_535) {
    throw new ConfigError(`${text} is no resolver`, {
      hint: 'write host, host:port, [IPv6]:port, tls://host or https://host/dns-query',
    });
  }
  return { host, port };
}

/** RFC 8484, by POST: the question is not in the address, so no proxy remembers it. */
function overHttps(url: string, timeoutMs: number, transport: Transport | undefined): Endpoint['ask'] {
  return async (question, signal) => {
    if (!transport) throw new ConfigError(`${url} cannot be asked without an HTTP client`);
    const { status, body } = await transport({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/dns-message', accept: 'application/dns-message' },
      body: encodeMessage(question),
      timeoutMs,
      signal,
    });
    if (status !== 200) throw new DnsExchangeError('network', `HTTP status ${status}`);
    return decodeMessage(body);
  };
}
