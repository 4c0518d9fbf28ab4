import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect as connectTcp, isIPv6, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { link } from '../../deadline.ts';
import { decodeMessage, edns, encodeMessage, type Message } from './message.ts';

export interface Server {
  /** An IP address; names are resolved by whoever makes a `Server`. */
  readonly address: string;
  readonly port: number;
  /** `udp` falls back to TCP by itself. */
  readonly protocol: 'udp' | 'tcp' | 'tls';
  /** The name that the certificate must carry (RFC 7858); without it, the address. */
  readonly serverName?: string;
}

export interface ExchangeOptions {
  /** For the whole exchange, all tries and protocols together. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A server did not give a usable answer. `fault` says in which way. */
export class DnsExchangeError extends Error {
  override name = 'DnsExchangeError';
  readonly fault: 'timeout' | 'refused' | 'network' | 'malformed' | 'tls';
  constructor(fault: DnsExchangeError['fault'], message: string, cause?: unknown) {
    super(message, { cause });
    this.fault = fault;
  }
}

/** Large enough for what is asked here, small enough never to be fragmented (DNS flag day 2020). */
const UDP_PAYLOAD = 1232;
const FIRST_RESEND_MS = 400;

/**
 * Sends bytes that are complete, id included, and returns the bytes of the answer that carries the same id and question.
 * For callers that sign what they send; `exchange` is for the rest.
 */
export async function exchangeBytes(request: Buffer, server: Server, options: ExchangeOptions): Promise<Buffer> {
  const whole = link(options.signal, options.timeoutMs);
  try {
    if (server.protocol !== 'udp' || request.length > UDP_PAYLOAD)
      return await overStream(request, server, whole.signal);
    // Half of the time for UDP: a server or a firewall that only speaks TCP must still be heard.
    const answer = await overUdp(request, server, options.timeoutMs / 2, whole.signal).catch((error: unknown) => {
      if (whole.signal.aborted) throw error;
    });
    return answer && !isTruncated(answer) ? answer : await overStream(request, server, whole.signal);
  } catch (error) {
    options.signal.throwIfAborted();
    if (whole.expired) throw new DnsExchangeError('timeout', `no answer within ${options.timeoutMs / 1000} s`, error);
    throw error;
  } finally {
    whole.release();
  }
}

/** Asks one server one question and returns its answer, whatever its response code. */
export async function exchange(question: Message, server: Server, options: ExchangeOptions): Promise<Message> {
  const ask = async (additionals: Message['additionals']) =>
    decode(await exchangeBytes(encodeMessage({ ...question, id: randomInt(0x10000), additionals }), server, options));
  const answer = await ask([...question.additionals, edns(UDP_PAYLOAD)]);
  // Servers older than EDNS answer so (RFC 6891 section 7).
  return answer.rcode === 'FORMERR' || answer.rcode === 'NOTIMP' || answer.rcode === 'BADVERS'
    ? ask(question.additionals)
    : answer;
}

function decode(bytes: Buffer): Message {
  try {
    return decodeMessage(bytes);
  } catch (cause) {
    throw new DnsExchangeError('malformed', `an answer that is no DNS message: ${(cause as Error).message}`, cause);
  }
}

const isTruncated = (answer: Buffer): boolean => ((answer[2] ?? 0) & 0x02) !== 0;

/** Same id, a response, and (where it repeats one) the same question: anything else is not the answer we wait for. */
function answers(request: Buffer, candidate: Buffer): boolean {
  if (candidate.length < 12 || candidate.readUInt16BE(0) !== request.readUInt16BE(0)) return false;
  if (((candidate[2] ?? 0) & 0x80) === 0) return false;
  if (candidate.readUInt16BE(4) === 0) return true;
  if (repeatsQuestion(request, candidate)) return true;
  try {
    const [asked] = decodeMessage(request).questions;
    const [given] = decodeMessage(candidate).questions;
    return asked?.name === given?.name && asked?.type === given?.type;
  } catch {
    return true; // Broken, but for us: the caller says so instead of waiting in vain.
  }
}

/** Whether the first question stands there byte for byte, as nearly all servers send it back. */
function repeatsQuestion(request: Buffer, candidate: Buffer): boolean {
  let end = 12;
  for (let size = request[end]; size; size = request[end]) {
    if (size > 63) return false;
    end += 1 + size;
  }
  end += 5; // The root label, type and class.
  return end <= Math.min(request.length, candidate.length) && request.compare(candidate, 12, end, 12, end) === 0;
}

/** From a port of its own each time, so that an answer cannot be forged blindly (RFC 5452); sent again until heard. */
function overUdp(request: Buffer, server: Server, timeoutMs: number, signal: AbortSignal): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
    let timer: NodeJS.Timeout | undefined;
    let settled = false;
    const settle = (act: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      clearTimeout(end);
      signal.removeEventListener('abort', onAbort);
      // Not removeAllListeners: Node's own are among them, and without those a socket that is still binding never closes.
      socket.close();
      act();
    };
    const onAbort = () => settle(() => reject(signal.reason as Error));
    const fail = (error: NodeJS.ErrnoException) => settle(() => reject(networkError(error)));
    const send = (wait: number) => {
      if (settled) return;
      socket.send(request, (error) => error && fail(error));
      timer = setTimeout(() => send(wait * 2), wait);
    };
    const end = setTimeout(() => settle(() => resolve(undefined)), timeoutMs);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    socket.on('error', fail);
    socket.on('message', (bytes) => {
      if (answers(request, bytes)) settle(() => resolve(bytes));
    });
    // A connected socket hears only this server, and is told when its port is closed. Node hands the callback what went
    // wrong, such as that there is no route to IPv6.
    socket.connect(server.port, server.address, (error?: NodeJS.ErrnoException) =>
      error ? fail(error) : send(FIRST_RESEND_MS),
    );
  });
}

/** One message over TCP or TLS, with its length in front (RFC 1035 section 4.2.2). */
function overStream(request: Buffer, server: Server, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const { address: host, port } = server;
    const socket: Socket =
      server.protocol === 'tls'
        ? connectTls({
            host,
            port,
            ...(server.serverName ? { servername: server.serverName } : {}),
            ALPNProtocols: ['dot'],
          })
        : connectTcp({ host, port });
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.on('error', () => {});
      socket.destroy();
      act();
    };
    const onAbort = () => settle(() => reject(signal.reason as Error));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    socket.on('error', (error: NodeJS.ErrnoException) => settle(() => reject(networkError(error, server.protocol))));
    socket.on('close', () => settle(() => reject(new DnsExchangeError('network', 'the connection was closed early'))));
    socket.once(server.protocol === 'tls' ? 'secureConnect' : 'connect', () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(request.length);
      socket.write(Buffer.concat([length, request]));
    });
    socket.on('data', (chunk) => {
      chunks.push(chunk as Buffer);
      size += chunk.length;
      if (size < 2) return;
      const all = Buffer.concat(chunks);
      const end = 2 + all.readUInt16BE(0);
      if (size < end) return;
      const answer = all.subarray(2, end);
      settle(() =>
        answers(request, answer)
          ? resolve(answer)
          : reject(new DnsExchangeError('malformed', 'an answer to another question')),
      );
    });
  });
}

function networkError(error: NodeJS.ErrnoException, protocol?: Server['protocol']): DnsExchangeError {
  if (error.code === 'ECONNREFUSED') return new DnsExchangeError('refused', 'connection refused', error);
  if (protocol === 'tls' && !/^E(?:HOST|NET|CONN|ADDR|PIPE|TIMEDOUT)/u.test(error.code ?? '')) {
    return new DnsExchangeError('tls', `TLS failed: ${error.message}`, error);
  }
  return new DnsExchangeError('network', error.code ?? error.message, error);
}
