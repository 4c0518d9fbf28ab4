import { PropagationError } from '../errors.ts';
import { limiter } from '../limiter.ts';
import type { Log } from '../log.ts';
import { createResolvers, type ResolverOptions, type Resolvers, reason, recordsOf } from './resolvers.ts';
import { addressOf, exchange, type Message, nameOf, query, type Server } from './wire/index.ts';

export interface LookupOptions extends ResolverOptions {
  readonly log: Log;
  /** Where authoritative servers listen. Anything but 53 is for laboratories. */
  readonly authoritativePort?: number;
}

/** An address of a server that is authoritative for a zone. */
export interface NameServer {
  readonly name: string;
  readonly address: string;
}

/** Where a TXT record must be written so that a CA finds it. */
export interface DnsTarget {
  /** The end of the CNAME chain. */
  readonly fqdn: string;
  readonly zone: string;
}

export interface Lookup {
  readonly resolvers: Resolvers;
  /** Follows the CNAMEs of a challenge name. A failure of DNS is an error, never "no CNAME". */
  follow(fqdn: string, signal: AbortSignal): Promise<DnsTarget>;
  /** Every address of every name server of a zone, by the resolvers; each zone is asked for once. */
  nameServers(zone: string, signal: AbortSignal): Promise<readonly NameServer[]>;
  /** One question to one authoritative server. */
  askServer(server: NameServer, name: string, type: string, signal: AbortSignal, timeoutMs?: number): Promise<Message>;
  /** The first address of a host name, by the resolvers. */
  address(host: string, signal: AbortSignal): Promise<string>;
}

const MAX_HOPS = 16;
const QUESTIONS_SIDE_BY_SIDE = 64;

const isWithin = (name: string, zone: string): boolean => name === zone || name.endsWith(`.${zone}`);
const parentOf = (name: string): string => name.slice(name.indexOf('.') + 1);

export function createLookup(options: LookupOptions): Lookup {
  const { log, timeoutMs, authoritativePort = 53 } = options;
  const resolvers = createResolvers(options);
  const limit = limiter(QUESTIONS_SIDE_BY_SIDE);
  const cuts = new Map<string, Promise<string>>();
  const servers = new Map<string, Promise<readonly NameServer[]>>();
  let warned = false;

  const remember = <T>(cache: Map<string, Promise<T>>, key: string, find: () => Promise<T>): Promise<T> => {
    const known = cache.get(key);
    if (known) return known;
    const found = find();
    cache.set(key, found);
    found.catch(() => cache.delete(key)); // A failure is not an answer.
    return found;
  };

  const askServer: Lookup['askServer'] = (server, name, type, signal, limitMs = timeoutMs) => {
    const to: Server = { address: server.address, port: authoritativePort, protocol: 'udp' };
    return limit(() => exchange(query(name, type, false), to, { timeoutMs: limitMs, signal }));
  };

  /** The zone that holds a name, from the SOA record that comes with every answer (RFC 2308 section 3). */
  const zoneCut = (name: string, signal: AbortSignal): Promise<string> =>
    remember(cuts, name, async () => {
      for (let at = name; at.includes('.') || at === name; at = parentOf(at)) {
        const answer = await resolvers.ask(at, 'SOA', signal);
        // A name that is a CNAME brings the SOA of another zone along: only one above the name itself counts.
        const soa = [...answer.answers, ...answer.authorities].find(
          (record) => record.type === 'SOA' && record.name !== '' && isWithin(at, record.name),
        );
        if (soa) return soa.name;
        if (!at.includes('.')) break;
      }
      throw new PropagationError(
        `no zone holds ${name}: the resolvers know no SOA record for it`,
        {
          hint: 'check the spelling and that the domain is delegated; for a private zone name its resolver with --dns.resolvers',
        },
        'DNS_LOOKUP',
      );
    });

  async function addresses(host: string, signal: AbortSignal): Promise<string[]> {
    const answers = await Promise.all(
      ['A', 'AAAA'].map(async (type) => recordsOf(await resolvers.ask(host, type, signal), type)),
    );
    return answers.flat().map(addressOf);
  }

  const nameServers: Lookup['nameServers'] = (zone, signal) =>
    remember(servers, zone, async () => {
      const names = recordsOf(await resolvers.ask(zone, 'NS', signal), 'NS').map(nameOf);
      const found = await Promise.all(
        names.map(async (name) => {
          try {
            return (await addresses(name, signal)).map((address) => ({ name, address }));
          } catch (error) {
            signal.throwIfAborted();
            log.warn(`${zone}: the address of name server ${name} was not found: ${(error as Error).message}`);
            return [];
          }
        }),
      );
      const all = found.flat();
      if (all.length > 0) return all;
      throw new PropagationError(`no name server of ${zone} has an address`, {}, 'DNS_LOOKUP');
    });

  /** The answer of the first authoritative server that gives one, else of the resolvers, which is told once. */
  async function askZone(zone: string, name: string, signal: AbortSignal): Promise<Message> {
    const said: string[] = [];
    for (const server of await nameServers(zone, signal)) {
      try {
        const answer = await askServer(server, name, 'CNAME', signal);
        if (answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN') return answer;
        said.push(`${server.name} answered ${answer.rcode}`);
      } catch (error) {
        signal.throwIfAborted();
        said.push(`${server.name} (${server.address}): ${reason(error)}`);
      }
    }
    if (!warned)
      log.warn(`no name server of ${zone} answers from here (${said.join('; ')}); asking the resolvers instead`);
    warned = true;
    return resolvers.ask(name, 'CNAME', signal);
  }

  /** Where one name leads: to another name, or to the zone that holds it. */
  async function step(name: string, signal: AbortSignal): Promise<{ cname: string } | { zone: string }> {
    // Asked for the parent: a resolver that is asked for the name itself remembers that it is not there (RFC 2308).
    const labels = name.split('.').length;
    let zone = await zoneCut(labels > 2 ? parentOf(name) : name, signal);
    for (let depth = 0; depth < labels; depth += 1) {
      const answer = await askZone(zone, name, signal);
      const cname = recordsOf(answer, 'CNAME').find((record) => record.name === name);
      if (cname) return { cname: nameOf(cname) };
      const below = [...answer.authorities].find(
        ({ type, name: owner }) =>
          (type === 'SOA' || type === 'NS') && owner !== zone && isWithin(name, owner) && isWithin(owner, zone),
      );
      if (!below) return { zone };
      zone = below.name;
      if (below.type === 'SOA') return { zone };
    }
    return { zone };
  }

  return {
    resolvers,
    nameServers,
    askServer,
    async follow(fqdn, signal) {
      const chain = [fqdn];
      for (let name = fqdn; chain.length <= MAX_HOPS + 1; ) {
        const found = await step(name, signal);
        if ('zone' in found) {
          if (name !== fqdn) log.debug(`${fqdn} is delegated by CNAME: ${chain.join(' → ')}`);
          return { fqdn: name, zone: found.zone };
        }
        name = found.cname;
        if (chain.includes(name)) throw chainError(`the CNAMEs of ${fqdn} run in a circle`, [...chain, name]);
        chain.push(name);
      }
      throw chainError(`the CNAMEs of ${fqdn} do not end after ${MAX_HOPS} steps`, chain);
    },
    async address(host, signal) {
      const [first] = await addresses(host, signal);
      if (first) return first;
      throw new PropagationError(`${host} has no address`, {}, 'DNS_LOOKUP');
    },
  };
}

const chainError = (message: string, chain: readonly string[]): PropagationError =>
  new PropagationError(`${message}: ${chain.join(' → ')}`, { facts: { chain } }, 'DNS_LOOKUP');
