import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createTls } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { makeCa } from './tls.ts';

/**
 * An HTTP proxy that plays every vendor: it ends the TLS of any host with a certificate of the test's CA, and hands the
 * request to a fake (`serve` of fake-api.ts), the real address being the first parts of the path.
 */
export async function startVendorProxy(ca: ReturnType<typeof makeCa>, gateway: string) {
  const contexts = new Map<string, SecureContext>();
  const hosts = new Set<string>();
  const forward = (origin: string) => (req: IncomingMessage, res: ServerResponse) => {
    hosts.add(origin);
    const target = `${gateway}/${origin}${req.url ?? '/'}`;
    const passed = request(target, { method: req.method, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    passed.on('error', () => req.socket.destroy());
    req.pipe(passed);
  };
  const tls = createTls({
    SNICallback(host, done) {
      const context = contexts.get(host) ?? createSecureContext(ca.issue(`DNS:${host}`));
      contexts.set(host, context);
      done(null, context);
    },
  });
  tls.on('request', (req, res) => forward(`https/${req.headers.host}`)(req, res));
  const proxy = createServer();
  const sockets = new Set<Socket>();
  proxy.on('connect', (_req, socket: Socket) => {
    sockets.add(socket);
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    tls.emit('connection', socket);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    /** Whom it has played. */
    hosts,
    async stop() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
