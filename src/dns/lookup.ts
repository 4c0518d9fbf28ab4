import { PropagationError } from '../errors.ts';
import type { Log } from '../log.ts';
import { remember } from '../remember.ts';
import { createNameServers, isWithin, type NameServer, type NameServersOptions } from './name-servers.ts';
import { createResolvers, type ResolverOptions, type Resolvers, recordsOf } from './resolvers.ts';
import { type Message, nameOf } from './wire/index.ts';

export type { NameServer } from './name-servers.ts';

export interface LookupOptions extends ResolverOptions, NameServersOptions {
  readonly log: Log;
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

const parentOf = (name: string): string => name.slice(name.indexOf('.') + 1);
const cnameAt = (answer: Message, name: string): string | undefined => {
  const record = recordsOf(answer, 'CNAME').find((cname) => cname.name === name);
  return record && nameOf(record);
};

/** Looks names up for one run; what it has learned it does not ask again. */
export function createLookup(options: LookupOptions): Lookup {
  const { log } = options;
  const resolvers = createResolvers(options);
  const servers = createNameServers(resolvers, options);
  const cuts = new Map<string, Promise<string>>();
  const doubted = new Set<string>();

  /** The zone that holds a name, from the SOA record that comes with every answer (RFC 2308 section 3). */
  function zoneCut(name: string, signal: AbortSignal): Promise<string> {
    const known = cuts.get(name);
    if (known) return known;
    const found = searchCut(name, signal);
    remember(cuts, name, found);
    found.catch(() => cuts.delete(name)); // A failure is not an answer.
    return found;
  }

  async function searchCut(name: string, signal: AbortSignal): Promise<string> {
    const answer = name === '' ? undefined : await resolvers.ask(name, 'SOA', signal);
    // That of the target of a CNAME may come along. Where it is taken for the zone by mistake, the zone's servers refer to
    // the right one.
    const soa = [...(answer?.answers ?? []), ...(answer?.authorities ?? [])].find(
      (record) => record.type === 'SOA' && record.name !== '' && isWithin(name, record.name),
    );
    if (soa) {
      // A zone of one label can be a private one. Told, because it is what a misspelt domain looks like, too.
      if (answer?.rcode === 'NXDOMAIN' && !soa.name.includes('.') && !doubted.has(soa.name)) {
        doubted.add(soa.name);
        log.warn(`DNS knows no ${name}: its zone would be ${soa.name}, which is right for private zones only`);
      }
      return soa.name;
    }
    if (name.includes('.')) return zoneCut(parentOf(name), signal);
    throw new PropagationError(
      `no zone holds ${name || 'the root'}: the resolvers know no SOA record for it`,
      {
        hint: 'check the spelling and that the domain is delegated; for a private zone name its resolver with --dns.resolvers',
      },
      'DNS_LOOKUP',
    );
  }

  /** Where one name leads: to another name, or to the zone that holds it. */
  async function step(name: string, signal: AbortSignal): Promise<{ cname: string } | { zone: string }> {
    const labels = name.split('.').length;
    // Asked for the parent: a resolver that is asked for the name itself remembers that it is not there (RFC 2308).
    let zone = await zoneCut(labels > 2 ? parentOf(name) : name, signal);
    for (let depth = 0; depth < labels; depth += 1) {
      const answer = await servers.askZone(zone, name, 'CNAME', signal);
      const cname = cnameAt(answer, name);
      if (cname !== undefined) return (await isWildcard(zone, name, cname, signal)) ? { zone } : { cname };
      const below = answer.authorities.find(
        ({ type, name: owner }) =>
          (type === 'SOA' || type === 'NS') && owner !== zone && isWithin(name, owner) && isWithin(owner, zone),
      );
      if (!below) return { zone };
      zone = below.name;
      if (below.type === 'SOA') return { zone };
    }
    return { zone };
  }

  /**
   * `*.example.com CNAME web.example.net` is meant for web servers, but answers for challenge names as well. A record of the
   * name's own comes before it (RFC 4592 section 4.3), so it need not be followed.
   */
  async function isWildcard(zone: string, name: string, cname: string, signal: AbortSignal): Promise<boolean> {
    const wildcard = `*.${parentOf(name)}`;
    if (name === wildcard || !isWithin(wildcard, zone)) return false;
    const answer = await servers.askZone(zone, wildcard, 'CNAME', signal);
    if (cnameAt(answer, wildcard) !== cname) return false;
    log.info(`${name} is a CNAME to ${cname} only by the wildcard ${wildcard}; it gets a TXT record of its own`);
    return true;
  }

  return {
    resolvers,
    nameServers: servers.of,
    askServer: servers.ask,
    async follow(fqdn, signal) {
      const chain = [fqdn];
      for (let name = fqdn; chain.length <= MAX_HOPS + 1; ) {
        const found = await step(name, signal).catch((error: unknown) => {
          throw chain.length > 1 ? onTheWay(error, chain) : error;
        });
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
      const [first] = await servers.addresses(host, signal);
      if (first) return first;
      throw new PropagationError(`${host} has no address`, {}, 'DNS_LOOKUP');
    },
  };
}

const chainError = (message: string, chain: readonly string[]): PropagationError =>
  new PropagationError(`${message}: ${chain.join(' → ')}`, { facts: { chain } }, 'DNS_LOOKUP');

/** What failed at the end of CNAMEs needs the beginning to be understood. */
function onTheWay(error: unknown, chain: readonly string[]): unknown {
  if (!(error instanceof PropagationError)) return error;
  const { hint } = error;
  const message = `${error.message} (by CNAME: ${chain.join(' → ')})`;
  return new PropagationError(message, { hint, cause: error, facts: { ...error.facts, chain } }, 'DNS_LOOKUP');
}
