import { randomInt } from 'node:crypto';
import { isIP } from 'node:net';
import { ProviderError, type ProviderFault } from '../../errors.ts';
import { sideBySide } from '../../side-by-side.ts';
import { DnsExchangeError, exchange, exchangeBytes, type Server } from './exchange.ts';
import { decodeMessage, encodeMessage, type Message, query, type ResourceRecord } from './message.ts';
import { MalformedMessage } from './names.ts';
import { signMessage, TsigError, type TsigKey, verifyMessage } from './tsig.ts';

/** Speaks DNS UPDATE (RFC 2136) with one server. All errors are `ProviderError`s whose message begins with `who`. */
export interface UpdateClient {
  /** The zone that holds `name`, as this server sees it; undefined when it serves none. */
  zoneOf(name: string): Promise<string | undefined>;
  /** TTLs in seconds of the TXT record sets at these names; a name without one, or that may not be asked for, is left out. */
  ttls(names: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Applies all changes of one zone, or none of them (RFC 2136 section 3.4). */
  update(zone: string, changes: readonly ResourceRecord[]): Promise<void>;
}

export interface UpdateOptions {
  readonly who: string;
  readonly server: { readonly host: string; readonly port: number };
  readonly key?: TsigKey | undefined;
  readonly timeoutMs: number;
  readonly signal: () => AbortSignal;
  /** Resolves the server's name, where it is given by name. */
  readonly addressOf: (host: string) => Promise<string>;
  /** For hints: the variables that hold server, key and secret. */
  readonly variables: { readonly server: string; readonly key: string; readonly secret: string };
}

const QUESTIONS_SIDE_BY_SIDE = 32;

const refusals: Readonly<Record<string, { fault: ProviderFault; words: string }>> = {
  REFUSED: { fault: 'auth', words: 'refused: the key may not change this zone, or updates are not allowed' },
  NOTAUTH: { fault: 'auth', words: 'the server is not authoritative for the zone, or does not accept the key' },
  NOTZONE: { fault: 'zone', words: 'a name is outside the zone' },
  SERVFAIL: { fault: 'network', words: 'the server failed (often: it cannot write its journal file)' },
  NOTIMP: { fault: 'api', words: 'the server knows no updates' },
  FORMERR: { fault: 'api', words: 'the server did not understand the update' },
};

export function createUpdateClient(options: UpdateOptions): UpdateClient {
  const { who, key, timeoutMs, variables } = options;
  const place = `${options.server.host}:${options.server.port}`;
  let address: Promise<string> | undefined;
  const server = async (protocol: Server['protocol']): Promise<Server> => {
    const { host, port } = options.server;
    address ??= isIP(host) ? Promise.resolve(host) : options.addressOf(host);
    return { address: await address, port, protocol };
  };
  const limits = () => ({ timeoutMs, signal: options.signal() });

  const explain =
    (doing: string) =>
    (error: unknown): never => {
      if (error instanceof TsigError) {
        const secret = error.fault === 'BADSIG' ? variables.secret : variables.key;
        throw new ProviderError('auth', `${who}: ${doing} at ${place} failed: ${error.message} (${error.fault})`, {
          cause: error,
          hint:
            error.fault === 'BADTIME' ? 'set the clocks, for example with NTP' : `check ${secret} and the algorithm`,
        });
      }
      if (error instanceof DnsExchangeError || error instanceof MalformedMessage) {
        throw new ProviderError('network', `${who}: ${doing} at ${place} failed: ${error.message}`, {
          cause: error,
          hint: `check ${variables.server}`,
        });
      }
      throw error;
    };

  async function zoneOf(name: string): Promise<string | undefined> {
    const doing = `looking for the zone of ${name}`;
    const answer = await exchange(query(name, 'SOA', false), await server('udp'), limits()).catch(explain(doing));
    const soa = [...answer.answers, ...answer.authorities].find(({ type }) => type === 'SOA');
    const holds = soa && (soa.name === '' || name === soa.name || name.endsWith(`.${soa.name}`));
    if ((answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN') && answer.authoritative && holds) return soa.name;
    if (answer.rcode === 'SERVFAIL') {
      throw new ProviderError('network', `${who}: ${doing} at ${place} failed: SERVFAIL`);
    }
    return undefined;
  }

  async function ttls(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const to = await server('udp');
    const found = await sideBySide(names, QUESTIONS_SIDE_BY_SIDE, async (name) => {
      const doing = `looking for TXT records at ${name}`;
      const { answers } = await exchange(query(name, 'TXT', false), to, limits()).catch(explain(doing));
      return answers.find((record) => record.type === 'TXT' && record.name === name)?.ttl;
    });
    return new Map(names.flatMap((name, index) => (found[index] === undefined ? [] : [[name, found[index]]])));
  }

  async function update(zone: string, changes: readonly ResourceRecord[]): Promise<void> {
    const doing = `updating ${zone}`;
    const message: Message = {
      ...query(zone, 'SOA', false),
      id: randomInt(0x10000),
      opcode: 'UPDATE',
      authorities: changes,
    };
    const answer = await send(message).catch(explain(doing));
    if (answer.rcode === 'NOERROR') return;
    const { fault, words } = refusals[answer.rcode] ?? { fault: 'api' as const, words: 'refused' };
    throw new ProviderError(fault, `${who}: ${doing} at ${place} failed: ${words} (${answer.rcode})`, {
      hint: fault === 'auth' ? `check ${variables.key}, ${variables.secret} and the server's update policy` : undefined,
    });
  }

  async function send(message: Message): Promise<Message> {
    const to = await server('udp');
    if (!key) return decodeMessage(await exchangeBytes(encodeMessage(message), to, limits()));
    const now = () => Math.floor(Date.now() / 1000);
    const { bytes, mac } = signMessage(message, key, now());
    const answer = await exchangeBytes(bytes, to, limits());
    const { rcode, additionals } = decodeMessage(answer);
    // A server that refuses before it looks at the key answers without a signature: its reason is worth more than that.
    if (additionals.at(-1)?.type !== 'TSIG' && rcode !== 'NOERROR') return decodeMessage(answer);
    return verifyMessage(answer, key, now(), mac).message;
  }

  return { zoneOf, ttls, update };
}
