import { isIP } from 'node:net';
import { ConfigError } from '../errors.ts';
import type { Transport } from '../http.ts';
import { DnsExchangeError, decodeMessage, encodeMessage, exchange, type Message, type Server } from './wire/index.ts';

/** A resolver as the user wrote it, and how to put a question to it. */
export interface ResolverEndpoint {
  readonly label: string;
  ask(question: Message, signal: AbortSignal): Promise<Message>;
}

export interface EndpointOptions {
  /** For one question, in milliseconds. */
  readonly timeoutMs: number;
  /** For `https://`. */
  readonly transport?: Transport | undefined;
}

/**
 * `9.9.9.9`, `host:port`, `[2620:fe::fe]:53`, `tls://1.1.1.1`, `https://dns.example/dns-query`.
 * @throws ConfigError for anything else
 */
export function resolverEndpoint(text: string, { timeoutMs, transport }: EndpointOptions): ResolverEndpoint {
  if (text.startsWith('https://')) return { label: text, ask: overHttps(text, timeoutMs, transport) };
  const tls = text.startsWith('tls://');
  const { host, port } = hostAndPort(tls ? text.slice(6) : text, tls ? 853 : 53);
  let known: string | undefined = isIP(host) ? host : undefined;
  return {
    label: text,
    async ask(question, signal) {
      known ??= await systemLookup(host, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
      const server: Server = {
        address: known,
        port,
        protocol: tls ? 'tls' : 'udp',
        ...(tls && !isIP(host) ? { serverName: host } : {}),
      };
      return exchange(question, server, { timeoutMs, signal });
    },
  };
}

/** A resolver given by name has to be found somehow: by the system, and only then. */
async function systemLookup(host: string, signal: AbortSignal): Promise<string> {
  const { lookup } = await import('node:dns/promises');
  // getaddrinfo(3) cannot be interrupted, only no longer waited for.
  const ended = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject({ code: 'no answer in time' }), { once: true }),
  );
  return Promise.race([lookup(host), ended]).then(
    ({ address }) => address,
    (cause: NodeJS.ErrnoException) => {
      throw new DnsExchangeError('network', `its name was not found (${cause.code})`, cause);
    },
  );
}

const howToWrite = { hint: 'write host, host:port, [IPv6]:port, tls://host or https://host/dns-query' };

/** `host`, `host:port`, `[IPv6]:port` or a bare IPv6 address. */
function hostAndPort(text: string, defaultPort: number): { host: string; port: number } {
  if (isIP(text) === 6) return { host: text, port: defaultPort };
  const found = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:\s/]+))(?::(?<port>\d{1,5}))?$/u.exec(text)?.groups;
  const host = found?.v6 ?? found?.host;
  const port = Number(found?.port ?? defaultPort);
  if (!host || port < 1 || port > 65_535 || (found?.v6 && isIP(found.v6) !== 6)) {
    throw new ConfigError(`${text} is no resolver`, howToWrite);
  }
  return { host, port };
}

/** RFC 8484, by POST: the question is not in the address, so no proxy remembers it. */
function overHttps(url: string, timeoutMs: number, transport: Transport | undefined): ResolverEndpoint['ask'] {
  if (!URL.canParse(url)) throw new ConfigError(`${url} is no resolver`, howToWrite);
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
    const answer = decodeMessage(body);
    const [asked, given] = [question.questions[0], answer.questions[0]];
    if (!answer.response || asked?.name !== given?.name || asked?.type !== given?.type)
      throw new DnsExchangeError('malformed', 'an answer to another question');
    return answer;
  };
}
