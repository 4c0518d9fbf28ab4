import {
  checkRequest,
  decodeMessage,
  decodeName,
  edns,
  encodeMessage,
  MalformedMessage,
  type Message,
  type RequestSignature,
  type TsigKey,
} from '../../dns/wire/index.ts';
import type { Over } from './sockets.ts';

/** The parts of an answer that depend on what was asked; the rest follows from the request. */
export type Reply = Partial<Pick<Message, 'rcode' | 'authoritative' | 'answers' | 'authorities' | 'additionals'>>;

export interface Responder {
  readonly keys: readonly TsigKey[];
  query(request: Message): Reply;
  /** Called for updates that are signed with one of the keys. */
  update(request: Message): Reply;
  /** Told about everything that was answered. */
  onAnswer(request: Message, rcode: string, over: Over): void;
}

/** What this server takes and sends over UDP at most: never fragmented (DNS flag day 2020). */
const UDP_PAYLOAD = 1232;
/** Without EDNS (RFC 1035 section 4.2.1). */
const PLAIN_UDP_PAYLOAD = 512;
const HEADER = 12;

const seconds = (): number => Math.floor(Date.now() / 1000);

/** Bytes in, bytes out; undefined for what deserves no answer: fragments of a header, and answers (they would loop). */
export function respond(bytes: Buffer, over: Over, responder: Responder): Buffer | undefined {
  if (bytes.length < HEADER || ((bytes[2] ?? 0) & 0x80) !== 0) return undefined;
  try {
    const request = decodeMessage(bytes);
    const signature = checkRequest(bytes, request, responder.keys, seconds());
    const reply = replyTo(request, signature, responder);
    responder.onAnswer(request, reply.rcode ?? 'NOERROR', over);
    return bytesOf(bytes, request, reply, signature, over);
  } catch (error) {
    if (error instanceof MalformedMessage) return headerOnly(bytes, 1);
    throw error;
  }
}

function replyTo(request: Message, signature: RequestSignature | undefined, responder: Responder): Reply {
  if (signature?.fault) return { rcode: 'NOTAUTH' };
  const options = request.additionals.filter(({ type }) => type === 'OPT');
  if (options.length > 1) return { rcode: 'FORMERR' };
  // RFC 6891 section 6.1.3: this server speaks version 0.
  if ((((options[0]?.ttl ?? 0) >>> 16) & 0xff) > 0) return { rcode: 'BADVERS' };
  if (request.opcode === 'QUERY') {
    // RFC 9619: exactly one.
    return request.questions.length === 1 ? responder.query(request) : { rcode: 'FORMERR' };
  }
  if (request.opcode !== 'UPDATE') return { rcode: 'NOTIMP' };
  return signature ? responder.update(request) : { rcode: 'REFUSED' };
}

function bytesOf(
  bytes: Buffer,
  request: Message,
  reply: Reply,
  signature: RequestSignature | undefined,
  over: Over,
): Buffer {
  const opt = request.additionals.find(({ type }) => type === 'OPT');
  const rcode = reply.rcode ?? 'NOERROR';
  // The upper bits of the code are in the OPT record; of those beyond 15 this server has only BADVERS, which is 16.
  const own = opt ? [{ ...edns(UDP_PAYLOAD), ttl: rcode === 'BADVERS' ? 1 << 24 : 0 }] : [];
  const whole: Message = {
    ...request,
    response: true,
    rcode,
    authoritative: reply.authoritative ?? false,
    truncated: false,
    recursionAvailable: false,
    answers: reply.answers ?? [],
    authorities: reply.authorities ?? [],
    additionals: [...(reply.additionals ?? []), ...own],
  };
  const encode = (message: Message): Buffer =>
    signature ? signature.answer(message, seconds()) : withCaseOf(bytes, encodeMessage(message));
  const limit = over === 'tcp' ? 0xffff : opt ? payloadOf(opt.class) : PLAIN_UDP_PAYLOAD;
  const encoded = encode(whole);
  if (encoded.length <= limit) return encoded;
  // RFC 2181 section 9: what came along can be left out silently; otherwise an empty answer makes the client use TCP.
  const bare = encode({ ...whole, additionals: own });
  return bare.length <= limit
    ? bare
    : encode({ ...whole, truncated: true, answers: [], authorities: [], additionals: own });
}

/** The class of an OPT record is the size that the sender takes (RFC 6891 section 6.1.2); less than 512 means 512. */
const payloadOf = (optClass: string): number =>
  Math.min(UDP_PAYLOAD, Math.max(PLAIN_UDP_PAYLOAD, Number(/^CLASS(\d+)$/u.exec(optClass)?.[1] ?? 0)));

/** The question comes back letter by letter as it was asked: clients mix cases against forgery (dns0x20). */
function withCaseOf(request: Buffer, answer: Buffer): Buffer {
  if (request.readUInt16BE(4) !== 1 || answer.readUInt16BE(4) !== 1) return answer;
  const end = decodeName(request, HEADER).end;
  if (decodeName(answer, HEADER).end === end) request.copy(answer, HEADER, HEADER, end);
  return answer;
}

/** An answer to a message of which nothing but its beginning can be relied on. */
export function headerOnly(request: Buffer, rcode: number): Buffer {
  const answer = Buffer.alloc(HEADER);
  request.copy(answer, 0, 0, 3);
  answer[2] = 0x80 | ((request[2] ?? 0) & 0x79); // Opcode and RD stay.
  answer[3] = rcode;
  return answer;
}
