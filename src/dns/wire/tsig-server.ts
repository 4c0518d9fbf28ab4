import { createHmac } from 'node:crypto';
import { encodeMessage, type Message } from './message.ts';
import { decodeName, encodeName, MalformedMessage } from './names.ts';
import { signMessage, TsigError, type TsigKey, verifyMessage } from './tsig.ts';

/** Transaction signatures from a server's side: requests verified, answers signed (RFC 8945 sections 5.2 and 5.3). */
export interface RequestSignature {
  /** Undefined: the signature is good. */
  readonly fault: 'BADKEY' | 'BADSIG' | 'BADTIME' | undefined;
  /** Bytes of the answer, signed; those about a wrong key or signature carry only the error. `now` in seconds. */
  answer(message: Message, now: number): Buffer;
}

const codes = { BADSIG: 16, BADKEY: 17, BADTIME: 18 } as const;
const FUDGE_SECONDS = 300;

/**
 * What a request's signature is worth; undefined when it has none.
 * @throws MalformedMessage when the TSIG record is not the last one, or not whole (RFC 8945 section 5.2)
 */
export function checkRequest(
  bytes: Buffer,
  request: Message,
  keys: readonly TsigKey[],
  now: number,
): RequestSignature | undefined {
  const records = [...request.answers, ...request.authorities, ...request.additionals];
  const tsig = records.at(-1);
  if (!records.some(({ type }) => type === 'TSIG')) return undefined;
  if (tsig?.type !== 'TSIG' || request.additionals.at(-1) !== tsig || tsig.class !== 'ANY')
    throw new MalformedMessage('a TSIG record is not the last one of the message');
  if (records.filter(({ type }) => type === 'TSIG').length > 1) throw new MalformedMessage('two TSIG records');

  const { algorithm, time, mac } = readRequest(tsig.data);
  const key = keys.find((known) => known.name === tsig.name && known.algorithm === algorithm);
  if (!key) return { fault: 'BADKEY', answer: (message) => marked(message, tsig.name, algorithm, time, codes.BADKEY) };
  try {
    verifyMessage(bytes, key, now);
    return { fault: undefined, answer: (message, at) => signMessage(message, key, at, mac).bytes };
  } catch (error) {
    if (!(error instanceof TsigError)) throw error;
    return error.fault === 'BADTIME'
      ? { fault: 'BADTIME', answer: (message, at) => signedBadTime(message, key, time, at, mac) }
      : { fault: 'BADSIG', answer: (message) => marked(message, key.name, algorithm, time, codes.BADSIG) };
  }
}

function readRequest(data: Buffer) {
  const { name: algorithm, end } = decodeName(data, 0);
  if (data.length < end + 16) throw new MalformedMessage('a TSIG record is too short');
  const macEnd = end + 10 + data.readUInt16BE(end + 8);
  if (data.length < macEnd + 6) throw new MalformedMessage('a TSIG record is too short');
  return { algorithm, time: data.readUIntBE(end, 6), mac: data.subarray(end + 10, macEnd) };
}

/** An answer whose TSIG record says what is wrong, and signs nothing (RFC 8945 section 5.3.2). */
const marked = (message: Message, keyName: string, algorithm: string, time: number, error: number): Buffer =>
  withTsig(message, keyName, [
    encodeName(algorithm),
    uint(time, 6),
    uint(FUDGE_SECONDS, 2),
    uint(0, 2),
    uint(message.id, 2),
    uint(error, 2),
    uint(0, 2),
  ]);

/** The client's own time is signed, and the server's goes along, so that the client learns how far apart they are. */
function signedBadTime(message: Message, key: TsigKey, time: number, now: number, requestMac: Buffer): Buffer {
  const times = [encodeName(key.algorithm), uint(time, 6), uint(FUDGE_SECONDS, 2)];
  const other = [uint(codes.BADTIME, 2), uint(6, 2), uint(now, 6)];
  const variables = [encodeName(key.name), uint(255, 2), uint(0, 4), ...times, ...other];
  const hash = key.algorithm.replace(/^hmac-/u, '').replace(/\..*$/u, '');
  const mac = createHmac(hash, key.secret)
    .update(Buffer.concat([uint(requestMac.length, 2), requestMac, encodeMessage(message), ...variables]))
    .digest();
  return withTsig(message, key.name, [...times, uint(mac.length, 2), mac, uint(message.id, 2), ...other]);
}

const withTsig = (message: Message, name: string, data: readonly Buffer[]): Buffer =>
  encodeMessage({
    ...message,
    additionals: [...message.additionals, { name, type: 'TSIG', class: 'ANY', ttl: 0, data: Buffer.concat(data) }],
  });

function uint(value: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntBE(value, 0, size);
  return bytes;
}
