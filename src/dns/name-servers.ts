import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { link } from '../deadline.ts';
import { PropagationError } from '../errors.ts';
import { limiter } from '../limiter.ts';
import type { Log } from '../log.ts';
import { type Resolvers, reason, recordsOf } from './resolvers.ts';
import { addressOf, exchange, type Message, nameOf, query } from './wire/index.ts';

/** An address of a server that is authoritative for a zone. */
export interface NameServer {
  readonly name: string;
  readonly address: string;
}

export interface NameServers {
  /** Every address of every name server of a zone that this host has a route to; each zone is looked up once. */
  of(zone: string, signal: AbortSignal): Promise<readonly NameServer[]>;
  /** One question to one server, which is not asked to recurse. */
  ask(server: NameServer, name: string, type: string, signal: AbortSignal, timeoutMs?: number): Promise<Message>;
  /** The first sensible answer of a zone's servers, else of the resolvers, which is told once. */
  askZone(zone: string, name: string, type: string, signal: AbortSignal): Promise<Message>;
  /** All addresses of a host, by the resolvers. */
  addresses(host: string, signal: AbortSignal): Promise<readonly string[]>;
}

export interface NameServersOptions {
  readonly log: Log;
  readonly timeoutMs: number;
  /** Where authoritative servers listen. Anything but 53 is for laboratories. */
  readonly authoritativePort?: number;
}

const QUESTIONS_SIDE_BY_SIDE = 64;
/** What a zone may tell us to ask at most; the root has 26. */
const MAX_ADDRESSES = 32;
/** After so long without an answer the next server is asked as well. */
const HEAD_START_MS = 500;

export const isWithin = (name: string, zone: string): boolean => name === zone || name.endsWith(`.${zone}`);

export function createNameServers(resolvers: Resolvers, options: NameServersOptions): NameServers {
  const { log, timeoutMs, authoritativePort = 53 } = options;
  const limit = limiter(QUESTIONS_SIDE_BY_SIDE);
  const found = new Map<string, Promise<readonly NameServer[]>>();
  const silent = new Set<string>();
  const unreachable = new Set<string>();
  const told = new Set<string>();

  const warnOnce = (about: string, message: string) => {
    if (!told.has(about)) log.warn(message);
    told.add(about);
  };

  const addresses: NameServers['addresses'] = async (host, signal) => {
    const answers = await Promise.allSettled(
      ['A', 'AAAA'].map(async (type) => recordsOf(await resolvers.ask(host, type, signal), type).map(addressOf)),
    );
    signal.throwIfAborted();
    const all = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    // Servers exist that fail on AAAA: one family will do.
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (all.length === 0 && failed) throw failed.reason;
    return all;
  };

  async function search(zone: string, signal: AbortSignal): Promise<readonly NameServer[]> {
    const names = recordsOf(await resolvers.ask(zone, 'NS', signal), 'NS').map(nameOf);
    const servers = await Promise.all(
      [...new Set(names)].slice(0, MAX_ADDRESSES).map(async (name) => {
        try {
          return (await addresses(name, signal)).map((address) => ({ name, address }));
        } catch (error) {
          signal.throwIfAborted();
          log.warn(`${zone}: the address of name server ${name} was not found: ${(error as Error).message}`);
          return [];
        }
      }),
    );
    const all = [...new Map(servers.flat().map((server) => [server.address, server])).values()].slice(0, MAX_ADDRESSES);
    if (all.length === 0) {
      const why = names.length > 0 ? `none of its name servers has an address (${names.join(', ')})` : 'it has none';
      throw new PropagationError(`cannot ask the name servers of ${zone}: ${why}`, {}, 'DNS_LOOKUP');
    }
    const routed = await Promise.all(all.map(({ address }) => hasRoute(address, authoritativePort)));
    const within = all.filter((_, index) => routed[index]);
    if (within.length === 0) return all;
    for (const { address } of all.filter((_, index) => !routed[index])) {
      const family = isIPv6(address) ? 'IPv6' : 'IPv4';
      warnOnce(family, `no route to ${address} from here: name servers with such ${family} addresses are not asked`);
    }
    return within;
  }

  const nameServers: NameServers = {
    addresses,
    of(zone, signal) {
      const known = found.get(zone);
      if (known) return known;
      const searched = search(zone, signal);
      found.set(zone, searched);
      searched.catch(() => found.delete(zone)); // A failure is not an answer.
      return searched;
    },
    ask(server, name, type, signal, limitMs = timeoutMs) {
      const to = { address: server.address, port: authoritativePort, protocol: 'udp' } as const;
      return limit(() => exchange(query(name, type, false), to, { timeoutMs: limitMs, signal }));
    },
    async askZone(zone, name, type, signal) {
      const said: string[] = [];
      if (!unreachable.has(zone)) {
        const servers = await nameServers.of(zone, signal);
        const inTurn = [...servers].sort((a, b) => Number(silent.has(a.address)) - Number(silent.has(b.address)));
        const answer = await firstOf(inTurn, signal, async (server, stop) => {
          try {
            const given = await nameServers.ask(server, name, type, stop);
            silent.delete(server.address);
            if (answersFor(given, zone, name)) return given;
            said.push(`${server.name} (${server.address}) answered ${given.rcode} without authority`);
          } catch (error) {
            signal.throwIfAborted();
            if (stop.aborted) return undefined;
            silent.add(server.address);
            said.push(`${server.name} (${server.address}): ${reason(error)}`);
          }
          return undefined;
        });
        if (answer) return answer;
        if (servers.every(({ address }) => silent.has(address))) unreachable.add(zone);
      }
      warnOnce(
        'no answer',
        `no name server of ${zone} answers from here (${said.join('; ')}); asking the resolvers instead`,
      );
      return resolvers.ask(name, type, signal);
    },
  };
  return nameServers;
}

/** An answer with authority, or a referral to a zone below; caches, lame servers and middleboxes give neither. */
const answersFor = (answer: Message, zone: string, name: string): boolean =>
  (answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN') &&
  (answer.authoritative ||
    answer.authorities.some(
      ({ type, name: owner }) => type === 'NS' && owner !== zone && isWithin(name, owner) && isWithin(owner, zone),
    ));

/** Asks one after the other, the next as soon as one fails or takes long; the first result ends it all. */
async function firstOf<S, T>(
  servers: readonly S[],
  signal: AbortSignal,
  ask: (server: S, stop: AbortSignal) => Promise<T | undefined>,
): Promise<T | undefined> {
  const stopping = link(signal);
  const stop = stopping.signal;
  const asked: Promise<T | undefined>[] = [];
  try {
    return await new Promise<T | undefined>((resolve, reject) => {
      const run = async () => {
        for (const server of servers) {
          const answer = ask(server, stop);
          asked.push(answer);
          answer.then((value) => value !== undefined && resolve(value), reject);
          const early = await Promise.race([answer, sleep(HEAD_START_MS, undefined, { signal: stop })]);
          if (early !== undefined) return;
        }
        await Promise.all(asked);
        resolve(undefined);
      };
      run().catch(reject);
    });
  } finally {
    stopping.abort(new Error('another server has answered'));
    stopping.release();
  }
}

/** Whether this host could send to an address. Connecting a UDP socket looks for a route and sends nothing. */
function hasRoute(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const end = (found: boolean) => {
      socket.removeAllListeners();
      socket.close();
      resolve(found);
    };
    socket.once('error', () => end(false));
    socket.connect(port, address, (error?: Error) => end(!error));
  });
}
