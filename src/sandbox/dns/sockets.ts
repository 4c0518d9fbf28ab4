import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { ConfigError } from '../../errors.ts';

export type Over = 'udp' | 'tcp';
/** Undefined: no answer is sent. Over TCP the connection is closed then, because nothing sensible can follow. */
export type Handler = (request: Buffer, over: Over) => Buffer | undefined;

export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

/** RFC 7766 section 6.2.3: in the order of seconds. */
const IDLE_MS = 10_000;
/** A port that is free for TCP may be taken for UDP. */
const TRIES = 20;

/**
 * Serves DNS over UDP and TCP on one port; 0 takes any that is free for both.
 * @throws ConfigError when the port is taken or may not be used
 */
export async function listen(address: string, port: number, handle: Handler): Promise<Listening> {
  for (let tries = 1; ; tries += 1) {
    const sockets = new Set<Socket>();
    const tcp = createServer((socket) => serveConnection(socket, sockets, handle));
    const udp = createSocket('udp4');
    const close = () => closeBoth(tcp, sockets, udp);
    try {
      const chosen = await bindTcp(tcp, port, address);
      await bindUdp(udp, chosen, address, handle);
      return { port: chosen, close };
    } catch (error) {
      await close();
      const { code } = error as NodeJS.ErrnoException;
      if (port === 0 && code === 'EADDRINUSE' && tries < TRIES) continue;
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
      throw new ConfigError(
        code === 'EACCES' ? `port ${port} is for root only` : `port ${port} of ${address} is in use`,
        { cause: error, hint: 'name another one with --dns-port, or none to get any that is free' },
      );
    }
  }
}

function bindTcp(server: Server, port: number, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      server.on('error', () => {}); // Such as too many open files: the next connection may do better.
      resolve((server.address() as { port: number }).port);
    });
  });
}

function bindUdp(udp: UdpSocket, port: number, address: string, handle: Handler): Promise<void> {
  return new Promise((resolve, reject) => {
    udp.once('error', reject);
    udp.on('message', (request, from) => {
      const answer = handle(request, 'udp');
      // A client that has gone is its own affair.
      if (answer) udp.send(answer, from.port, from.address, () => {});
    });
    udp.bind(port, address, () => {
      udp.off('error', reject);
      udp.on('error', () => {});
      resolve();
    });
  });
}

/** Messages with their length in front, as many as the client likes, before or after the answers (RFC 7766 section 6.2.1). */
function serveConnection(socket: Socket, sockets: Set<Socket>, handle: Handler): void {
  sockets.add(socket);
  let unread = Buffer.alloc(0);
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
  socket.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    while (unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE(0)) {
      const end = 2 + unread.readUInt16BE(0);
      const answer = handle(unread.subarray(2, end), 'tcp');
      unread = unread.subarray(end);
      if (!answer) {
        socket.destroy();
        return;
      }
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([length, answer]));
    }
  });
}

async function closeBoth(tcp: Server, sockets: ReadonlySet<Socket>, udp: UdpSocket): Promise<void> {
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => tcp.close(() => resolve()));
  // Throws where it was never bound.
  await new Promise<void>((resolve) => udp.close(() => resolve()));
}
