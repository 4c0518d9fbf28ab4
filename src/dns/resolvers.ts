import { getServers } from 'node:dns';
import { ConfigError, PropagationError } from '../errors.ts';
import { TransportError } from '../http.ts';
import { limiter } from '../limiter.ts';
import { plainText } from '../plain-text.ts';
import { type EndpointOptions, type ResolverEndpoint, resolverEndpoint } from './resolver-endpoint.ts';
import { DnsExchangeError, MalformedMessage, type Message, query, type ResourceRecord } from './wire/index.ts';

/** Puts a recursive question to one resolver. */
export interface Resolver {
  readonly label: string;
  ask(name: string, type: string, signal: AbortSignal): Promise<Message>;
}

/** Whom the user trusts to look names up: recursive resolvers, asked in turn until one answers. */
export interface Resolvers {
  /** The answer to a recursive question: `NOERROR` or `NXDOMAIN`. Anything else of all resolvers is an error. */
  ask(name: string, type: string, signal: AbortSignal): Promise<Message>;
  /** Each for itself, for seeing whether values have reached it. */
  readonly each: readonly Resolver[];
}

export interface ResolverOptions extends EndpointOptions {
  /** As `resolverEndpoint` reads them. Empty: the system's. */
  readonly resolvers: readonly string[];
}

const QUESTIONS_SIDE_BY_SIDE = 64;
/** As the C library does (resolv.conf(5), MAXNS). */
const SYSTEM_RESOLVERS = 3;

export function createResolvers({ resolvers, ...options }: ResolverOptions): Resolvers {
  const limit = limiter(QUESTIONS_SIDE_BY_SIDE);
  const one = ({ label, ask }: ResolverEndpoint): Resolver => ({
    label,
    ask: (name, type, signal) => limit(() => ask(query(name, type, true), signal)),
  });
  const each = (resolvers.length > 0 ? resolvers : systemResolvers()).map((text) =>
    one(resolverEndpoint(text.trim(), options)),
  );
  let inTurn: readonly Resolver[] = each;
  return {
    each,
    async ask(name, type, signal) {
      const said: string[] = [];
      for (const resolver of inTurn) {
        try {
          const answer = await resolver.ask(name, type, signal);
          if (answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN') return answer;
          said.push(`${resolver.label} answered ${answer.rcode}`);
        } catch (error) {
          signal.throwIfAborted();
          said.push(`${resolver.label}: ${reason(error)}`);
          // Asked last from now on: a hundred names must not wait for a dead one a hundred times.
          inTurn = [...inTurn.filter((other) => other !== resolver), resolver];
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
  return plainText(error.message, 200);
}

/** Records of a type, in an answer that may have got there by CNAMEs. */
export const recordsOf = ({ answers }: Message, type: string): readonly ResourceRecord[] =>
  answers.filter((record) => record.type === type && record.class === 'IN');

function systemResolvers(): string[] {
  // Node's own list is that of the C library; an unreadable resolv.conf gives 127.0.0.1, as it does there.
  const servers = getServers();
  if (servers.length === 0)
    throw new ConfigError('no resolver is configured', { hint: 'name one with --dns.resolvers' });
  return servers.slice(0, SYSTEM_RESOLVERS);
}
