/** DNS messages (RFC 1035 section 4.1, RFC 2136, RFC 6891) between bytes and objects. */
import { decodeName, encodeName, MalformedMessage } from './names.ts';
import { expandRdata } from './rdata.ts';

/** A record type by mnemonic where the program knows one, else `TYPE123` (RFC 3597 section 5). */
export type RecordType = string;
/** `IN`, `NONE`, `ANY` (RFC 2136 section 1.3), else `CLASS123`. */
export type RecordClass = string;

export interface Question {
  /** Lower case, no trailing dot; the root is the empty string. */
  readonly name: string;
  readonly type: RecordType;
  readonly class: RecordClass;
}

export interface ResourceRecord {
  readonly name: string;
  readonly type: RecordType;
  readonly class: RecordClass;
  /** Seconds. */
  readonly ttl: number;
  /** RDATA with names uncompressed, so that it can be compared and sent again; empty in updates that delete. */
  readonly data: Buffer;
}

export interface Message {
  readonly id: number;
  readonly opcode: 'QUERY' | 'UPDATE' | 'NOTIFY' | number;
  /** Mnemonic of RFC 6895: `NOERROR`, `NXDOMAIN`, `SERVFAIL`, `REFUSED`, `NOTAUTH`, `NOTZONE` ... extended with EDNS. */
  readonly rcode: string;
  readonly response: boolean;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  /** The zone section of an update. */
  readonly questions: readonly Question[];
  /** The prerequisite section of an update. */
  readonly answers: readonly ResourceRecord[];
  /** The update section of an update. */
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

const codes = (list: readonly (readonly [string, number])[]) => ({
  number: new Map(list),
  text: new Map(list.map(([text, number]) => [number, text])),
});
// IANA "Domain Name System (DNS) Parameters": the ones this program has a use for.
const types = codes([
  ['A', 1],
  ['NS', 2],
  ['CNAME', 5],
  ['SOA', 6],
  ['PTR', 12],
  ['MX', 15],
  ['TXT', 16],
  ['AAAA', 28],
  ['SRV', 33],
  ['DNAME', 39],
  ['OPT', 41],
  ['TSIG', 250],
  ['AXFR', 252],
  ['ANY', 255],
  ['CAA', 257],
]);
const classes = codes([
  ['IN', 1],
  ['NONE', 254],
  ['ANY', 255],
]);
const opcodes = codes([
  ['QUERY', 0],
  ['NOTIFY', 4],
  ['UPDATE', 5],
]);
const rcodes = codes([
  ['NOERROR', 0],
  ['FORMERR', 1],
  ['SERVFAIL', 2],
  ['NXDOMAIN', 3],
  ['NOTIMP', 4],
  ['REFUSED', 5],
  ['YXDOMAIN', 6],
  ['YXRRSET', 7],
  ['NXRRSET', 8],
  ['NOTAUTH', 9],
  ['NOTZONE', 10],
  ['BADVERS', 16],
]);

const toNumber = (table: ReturnType<typeof codes>, text: string, prefix: string): number => {
  const known = table.number.get(text) ?? Number(text.startsWith(prefix) ? text.slice(prefix.length) : Number.NaN);
  if (!Number.isInteger(known)) throw new MalformedMessage(`${text} is unknown to this DNS codec`);
  return known;
};
const toText = (table: ReturnType<typeof codes>, number: number, prefix: string): string =>
  table.text.get(number) ?? `${prefix}${number}`;

const FLAG = { response: 0x8000, authoritative: 0x0400, truncated: 0x0200, desired: 0x0100, available: 0x0080 };

/** A question of one name, ready to send; the id is the sender's business. */
export function query(name: string, type: RecordType, recursionDesired: boolean): Message {
  return {
    id: 0,
    opcode: 'QUERY',
    rcode: 'NOERROR',
    response: false,
    authoritative: false,
    truncated: false,
    recursionDesired,
    recursionAvailable: false,
    questions: [{ name: name.toLowerCase(), type, class: 'IN' }],
    answers: [],
    authorities: [],
    additionals: [],
  };
}

/** The EDNS pseudo-record (RFC 6891) that offers to take answers of `payload` bytes over UDP. */
export const edns = (payload: number): ResourceRecord => ({
  name: '',
  type: 'OPT',
  class: `CLASS${payload}`,
  ttl: 0,
  data: Buffer.alloc(0),
});

/**
 * Bytes of a message. Owner names equal to an earlier one are compressed to a pointer; RDATA never is, so that a signature
 * over the message means the same to everybody.
 */
export function encodeMessage(message: Message): Buffer {
  const parts: Buffer[] = [];
  let size = 0;
  const push = (part: Buffer) => {
    parts.push(part);
    size += part.length;
  };
  const seen = new Map<string, number>();
  const pushName = (name: string) => {
    const key = name.toLowerCase();
    const earlier = seen.get(key);
    if (earlier !== undefined) {
      push(Buffer.from([0xc0 | (earlier >> 8), earlier & 0xff]));
      return;
    }
    if (size < 0x4000 && key !== '') seen.set(key, size);
    push(encodeName(key));
  };
  const numbers = (...values: readonly number[]) => {
    const part = Buffer.alloc(values.length * 2);
    values.forEach((value, i) => {
      part.writeUInt16BE(value & 0xffff, i * 2);
    });
    push(part);
  };

  const opcode = typeof message.opcode === 'number' ? message.opcode : toNumber(opcodes, message.opcode, 'OPCODE');
  const flags =
    (message.response ? FLAG.response : 0) |
    (opcode << 11) |
    (message.authoritative ? FLAG.authoritative : 0) |
    (message.truncated ? FLAG.truncated : 0) |
    (message.recursionDesired ? FLAG.desired : 0) |
    (message.recursionAvailable ? FLAG.available : 0) |
    (toNumber(rcodes, message.rcode, 'RCODE') & 0x0f);
  const records = [message.answers, message.authorities, message.additionals];
  numbers(message.id, flags, message.questions.length, ...records.map((section) => section.length));
  for (const question of message.questions) {
    pushName(question.name);
    numbers(toNumber(types, question.type, 'TYPE'), toNumber(classes, question.class, 'CLASS'));
  }
  for (const record of records.flat()) {
    pushName(record.name);
    numbers(
      toNumber(types, record.type, 'TYPE'),
      toNumber(classes, record.class, 'CLASS'),
      record.ttl >>> 16,
      record.ttl,
      record.data.length,
    );
    push(record.data);
  }
  return Buffer.concat(parts);
}

/** Reads a message from bytes that anybody may have sent. Throws `MalformedMessage` and nothing else. */
export function decodeMessage(bytes: Buffer): Message {
  let at = 12;
  const word = (offset: number): number => {
    if (offset + 2 > bytes.length) throw new MalformedMessage('the message ends too early');
    return bytes.readUInt16BE(offset);
  };
  const flags = word(2);
  const readQuestion = (): Question => {
    const { name, end } = decodeName(bytes, at);
    at = end + 4;
    return { name, type: toText(types, word(end), 'TYPE'), class: toText(classes, word(end + 2), 'CLASS') };
  };
  const readRecord = (): ResourceRecord => {
    const { name, end } = decodeName(bytes, at);
    const type = toText(types, word(end), 'TYPE');
    const length = word(end + 8);
    const start = end + 10;
    at = start + length;
    if (at > bytes.length) throw new MalformedMessage(`a ${type} record runs past the end of the message`);
    return {
      name,
      type,
      class: toText(classes, word(end + 2), 'CLASS'),
      ttl: bytes.readUInt32BE(end + 4),
      data: expandRdata(type, bytes, start, length),
    };
  };
  // Evaluated in the order of the wire, because each reader moves `at`.
  const counts = [4, 6, 8, 10].map(word) as [number, number, number, number];
  const questions = Array.from({ length: counts[0] }, readQuestion);
  const answers = Array.from({ length: counts[1] }, readRecord);
  const authorities = Array.from({ length: counts[2] }, readRecord);
  const additionals = Array.from({ length: counts[3] }, readRecord);
  const extended = additionals.find(({ type }) => type === 'OPT');
  return {
    id: word(0),
    opcode: (opcodes.text.get((flags >> 11) & 0x0f) as Message['opcode'] | undefined) ?? (flags >> 11) & 0x0f,
    rcode: toText(rcodes, (flags & 0x0f) | (extended ? (extended.ttl >>> 24) << 4 : 0), 'RCODE'),
    response: (flags & FLAG.response) !== 0,
    authoritative: (flags & FLAG.authoritative) !== 0,
    truncated: (flags & FLAG.truncated) !== 0,
    recursionDesired: (flags & FLAG.desired) !== 0,
    recursionAvailable: (flags & FLAG.available) !== 0,
    questions,
    answers,
    authorities,
    additionals,
  };
}
