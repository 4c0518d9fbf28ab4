import type { Lookup } from './lookup.ts';
import { reason, recordsOf } from './resolvers.ts';
import { type Message, txtOf } from './wire/index.ts';

/** What one server shows at a name. */
export interface SeenTxt {
  /** `ns1.example.com (192.0.2.1)`, or a resolver as it was named. */
  readonly server: string;
  /** Undefined: it gave no answer. */
  readonly values?: readonly string[] | undefined;
  /** What it did instead. */
  readonly said?: string | undefined;
}

export interface TxtSight {
  /** Where CNAMEs lead. */
  readonly target: string;
  readonly zone: string;
  readonly servers: readonly SeenTxt[];
}

export interface TxtLookupOptions {
  readonly lookup: Lookup;
  readonly signal: AbortSignal;
  /** Ask the name servers of the zone; where none of them answers, the resolvers. Default: true. */
  readonly authoritative?: boolean;
  /** Ask the resolvers too. Default: only without `authoritative`. */
  readonly recursive?: boolean;
}

/** The TXT values of a name, CNAMEs followed, as each server shows them. Throws `PropagationError` where nobody can be asked. */
export async function readTxt(
  name: string,
  { lookup, signal, authoritative = true, recursive = !authoritative }: TxtLookupOptions,
): Promise<TxtSight> {
  const { fqdn: target, zone } = await lookup.follow(name, signal);
  const see = async (server: string, ask: () => Promise<Message>, mayCache: boolean): Promise<SeenTxt> => {
    try {
      const answer = await ask();
      if (answer.rcode !== 'NOERROR' && answer.rcode !== 'NXDOMAIN') return { server, said: `answers ${answer.rcode}` };
      if (!mayCache && !answer.authoritative) return { server, said: 'answers without authority' };
      return { server, values: recordsOf(answer, 'TXT').map(txtOf) };
    } catch (error) {
      signal.throwIfAborted();
      return { server, said: reason(error) };
    }
  };
  const seen: SeenTxt[] = [];
  if (authoritative) {
    const servers = await lookup.nameServers(zone, signal);
    const asked = servers.map((server) =>
      see(`${server.name} (${server.address})`, () => lookup.askServer(server, target, 'TXT', signal), false),
    );
    // A name server may give them in another order each time.
    seen.push(...(await Promise.all(asked)).sort((a, b) => (a.server < b.server ? -1 : 1)));
  }
  if (recursive || seen.every(({ values }) => values === undefined)) {
    const each = lookup.resolvers.each.map(({ label, ask }) => see(label, () => ask(name, 'TXT', signal), true));
    seen.push(...(await Promise.all(each)));
  }
  return { target, zone, servers: seen };
}
