import { exchange, type Message, nameOf, query, type ResourceRecord, type Server } from '../../dns/wire/index.ts';
import { limiter } from '../../limiter.ts';

/** A question that could not be answered. */
export class LookupError extends Error {
  override name = 'LookupError';
  /** What the server answered, or `timeout`, `refused` and so on where it did not. */
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface Answer {
  readonly records: readonly ResourceRecord[];
  /** False where there is nothing at all of this name. */
  readonly exists: boolean;
  /** The name that the records are of, at the end of all CNAMEs. */
  readonly name: string;
}

export interface Resolver {
  /** The records of a name, CNAMEs followed. No record is an answer; no answer is a `LookupError`. */
  find(name: string, type: string, signal: AbortSignal): Promise<Answer>;
}

const TIMEOUT_MS = 10_000;
const MOST_CNAMES = 16;
/** Each question has a socket of its own. */
const AT_A_TIME = 32;

/** Asks one server, be it a resolver or an authoritative one. Who asks the same at the same time shares the answer. */
export function createResolver(server: { readonly address: string; readonly port: number }): Resolver {
  const target: Server = { ...server, protocol: 'udp' };
  const lane = limiter(AT_A_TIME);
  const underWay = new Map<string, Promise<Message>>();

  const send = async (name: string, type: string, signal: AbortSignal): Promise<Message> => {
    try {
      return await lane(() => exchange(query(name, type, true), target, { timeoutMs: TIMEOUT_MS, signal }));
    } catch (error) {
      signal.throwIfAborted();
      const { fault = 'malformed', message } = error as { fault?: string; message: string };
      throw new LookupError(fault, `${message} from ${server.address}:${server.port} about ${type} of ${name}`);
    }
  };
  const ask = (name: string, type: string, signal: AbortSignal): Promise<Message> => {
    const key = `${type} ${name}`;
    const known = underWay.get(key);
    if (known) return known;
    const answer = send(name, type, signal).finally(() => underWay.delete(key));
    underWay.set(key, answer);
    return answer;
  };

  return {
    async find(first, type, signal) {
      let name = first;
      for (let cnames = 0; ; ) {
        const asked = name;
        const { rcode, answers } = await ask(asked, type, signal);
        if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') {
          throw new LookupError(rcode, `${server.address}:${server.port} answered ${rcode} about ${type} of ${asked}`);
        }
        for (let next = cnameOf(answers, name); next !== undefined; next = cnameOf(answers, name)) {
          cnames += 1;
          if (cnames > MOST_CNAMES)
            throw new LookupError('CNAME', `more than ${MOST_CNAMES} CNAME records from ${first} on`);
          name = next;
        }
        const records = answers.filter((record) => record.name === name && record.type === type);
        // The response code is about the last name of a chain (RFC 6604 section 2.1).
        const isEnd = records.length > 0 || name === asked || rcode === 'NXDOMAIN';
        if (isEnd) return { records, exists: rcode === 'NOERROR', name };
      }
    },
  };
}

function cnameOf(answers: readonly ResourceRecord[], name: string): string | undefined {
  const cname = answers.find((record) => record.name === name && record.type === 'CNAME');
  return cname && nameOf(cname);
}
