import { createHmac, timingSafeEqual } from 'node:crypto';
import { decodeMessage, encodeMessage, type Message, type ResourceRecord } from './message.ts';
import { decodeName, encodeName, MalformedMessage } from './names.ts';

/** Transaction signatures (RFC 8945). */
export interface TsigKey {
  /** As the server's configuration names it, lower case, no trailing dot. */
  readonly name: string;
  readonly algorithm: TsigAlgorithm;
  readonly secret: Buffer;
}

const hashes = {
  'hmac-md5.sig-alg.reg.int': 'md5',
  'hmac-sha1': 'sha1',
  'hmac-sha224': 'sha224',
  'hmac-sha256': 'sha256',
  'hmac-sha384': 'sha384',
  'hmac-sha512': 'sha512',
} as const;
export type TsigAlgorithm = keyof typeof hashes;
export const tsigAlgorithms = Object.keys(hashes) as readonly TsigAlgorithm[];

/** `HMAC-SHA256.`, `hmac-md5` and the like as RFC 8945 section 6 spells them; undefined when it is none of them. */
export function tsigAlgorithm(text: string): TsigAlgorithm | undefined {
  const name = text.toLowerCase().replace(/\.$/u, '');
  return tsigAlgorithms.find((known) => known === (name === 'hmac-md5' ? 'hmac-md5.sig-alg.reg.int' : name));
}

export type TsigFault = 'BADSIG' | 'BADKEY' | 'BADTIME' | 'BADTRUNC' | 'unsigned';

/** The answer is not what the holder of the key sent, or the server refused our signature. */
export class TsigError extends Error {
  override name = 'TsigError';
  readonly fault: TsigFault;
  constructor(fault: TsigFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

const FUDGE_SECONDS = 300;
const errors: Readonly<Record<number, TsigFault>> = { 16: 'BADSIG', 17: 'BADKEY', 18: 'BADTIME', 22: 'BADTRUNC' };

interface Variables {
  readonly key: TsigKey;
  readonly time: number;
  readonly fudge: number;
  readonly error: number;
  readonly other: Buffer;
}

function timeBytes(seconds: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(seconds, 0, 6);
  return bytes;
}
const word = (value: number): Buffer => Buffer.from([(value >> 8) & 0xff, value & 0xff]);

/** RFC 8945 section 4.3.3: what is signed besides the message. */
const variableBytes = ({ key, time, fudge, error, other }: Variables): Buffer =>
  Buffer.concat([
    encodeName(key.name),
    Buffer.from([0, 255, 0, 0, 0, 0]), // Class ANY, TTL 0.
    encodeName(key.algorithm),
    timeBytes(time),
    word(fudge),
    word(error),
    word(other.length),
    other,
  ]);

const macOf = (key: TsigKey, parts: readonly Buffer[]): Buffer =>
  createHmac(hashes[key.algorithm], key.secret).update(Buffer.concat(parts)).digest();

export interface Signed {
  readonly bytes: Buffer;
  /** Needed to verify the answer, which is signed together with it. */
  readonly mac: Buffer;
}

/** Signs a request, or with `requestMac` a response. `now` in seconds since 1970. */
export function signMessage(message: Message, key: TsigKey, now: number, requestMac?: Buffer): Signed {
  const unsigned = encodeMessage(message);
  const variables: Variables = { key, time: now, fudge: FUDGE_SECONDS, error: 0, other: Buffer.alloc(0) };
  const mac = macOf(key, [...macPrefix(requestMac), unsigned, variableBytes(variables)]);
  const data = Buffer.concat([
    encodeName(key.algorithm),
    timeBytes(now),
    word(FUDGE_SECONDS),
    word(mac.length),
    mac,
    word(message.id),
    word(0),
    word(0),
  ]);
  const tsig: ResourceRecord = { name: key.name, type: 'TSIG', class: 'ANY', ttl: 0, data };
  return { bytes: encodeMessage({ ...message, additionals: [...message.additionals, tsig] }), mac };
}

const macPrefix = (mac: Buffer | undefined): Buffer[] => (mac ? [word(mac.length), mac] : []);

/**
 * Checks a message's signature and returns the message without it. Throws `TsigError`, also for the errors that a server
 * reports in its TSIG record, and `MalformedMessage`.
 */
export function verifyMessage(
  bytes: Buffer,
  key: TsigKey,
  now: number,
  requestMac?: Buffer,
): Signed & { message: Message } {
  const message = decodeMessage(bytes);
  const tsig = message.additionals.at(-1);
  if (tsig?.type !== 'TSIG') throw new TsigError('unsigned', 'the answer is not signed');
  const { algorithm, time, fudge, mac, originalId, error, other } = readTsig(tsig.data);

  // BADKEY and BADSIG answers are unsigned (RFC 8945 section 5.3.2), so they are told before anything is verified.
  const fault = errors[error];
  if (fault === 'BADKEY') throw new TsigError('BADKEY', `the server knows no key ${key.name} for ${key.algorithm}`);
  if (fault === 'BADSIG') throw new TsigError('BADSIG', `the server says that the secret of key ${key.name} is wrong`);
  if (fault === 'BADTRUNC') throw new TsigError('BADTRUNC', 'the server wants a longer signature');
  if (tsig.name !== key.name || algorithm !== key.algorithm)
    throw new TsigError('BADKEY', `the answer is signed with ${tsig.name} and ${algorithm}`);

  const start = tsigOffset(bytes, message);
  const unsigned = Buffer.from(bytes.subarray(0, start));
  unsigned.writeUInt16BE(originalId, 0);
  unsigned.writeUInt16BE(message.additionals.length - 1, 10);
  const expected = macOf(key, [...macPrefix(requestMac), unsigned, variableBytes({ key, time, fudge, error, other })]);
  if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) {
    throw new TsigError('BADSIG', 'the answer does not carry the right signature');
  }
  if (fault === 'BADTIME') {
    const server = other.length === 6 ? other.readUIntBE(0, 6) : time;
    const apart = Math.abs(server - now);
    throw new TsigError('BADTIME', `the clocks of this machine and of the server are ${apart} s apart`);
  }
  if (Math.abs(now - time) > fudge)
    throw new TsigError('BADTIME', `the answer was signed ${Math.abs(now - time)} s away from now`);
  return { message: { ...message, additionals: message.additionals.slice(0, -1) }, bytes: unsigned, mac };
}

function readTsig(data: Buffer) {
  const { name: algorithm, end } = decodeName(data, 0);
  if (data.length < end + 16) throw new MalformedMessage('a TSIG record is too short');
  const macEnd = end + 10 + data.readUInt16BE(end + 8);
  if (data.length < macEnd + 6) throw new MalformedMessage('a TSIG record is too short');
  return {
    algorithm,
    time: data.readUIntBE(end, 6),
    fudge: data.readUInt16BE(end + 6),
    mac: data.subarray(end + 10, macEnd),
    originalId: data.readUInt16BE(macEnd),
    error: data.readUInt16BE(macEnd + 2),
    other: data.subarray(macEnd + 6, macEnd + 6 + data.readUInt16BE(macEnd + 4)),
  };
}

/** Where the last record of the message begins: the signature covers everything in front of it. */
function tsigOffset(bytes: Buffer, { questions, answers, authorities, additionals }: Message): number {
  let at = 12;
  for (let i = 0; i < questions.length; i += 1) at = decodeName(bytes, at).end + 4;
  for (let i = 1; i < answers.length + authorities.length + additionals.length; i += 1) {
    const { end } = decodeName(bytes, at);
    at = end + 10 + bytes.readUInt16BE(end + 8);
  }
  return at;
}
