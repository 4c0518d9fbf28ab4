import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { createTransport, type TransportOptions } from '../../src/http.ts';
import { silentLog } from '../../src/log.ts';
import { proxyFor } from '../../src/proxy.ts';
import { makeCa } from '../helpers/tls.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
const serve = async (listener: RequestListener) => `http://127.0.0.1:${await listen(createServer(listener))}/`;
/** A server that says exactly these bytes and then hangs up. */
async function say(bytes: string): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.once('data', () => socket.end(bytes));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
const transport = (options: Partial<TransportOptions> = {}) => createTransport({ log: silentLog, env: {}, ...options });

describe('an answer', () => {
  it('carries status, headers in lower case, body and address; nothing is followed or retried', async () => {
    let asked = 0;
    const url = await serve((_, res) => {
      asked += 1;
      res.writeHead(302, { Location: '/elsewhere', Link: ['<a>;rel="x"', '<b>;rel="y"'] }).end('gone');
    });
    const { status, headers, body, url: from } = await transport()({ method: 'GET', url });
    expect({ status, location: headers.location, link: headers.link, body: body.toString(), from }).toEqual({
      status: 302,
      location: '/elsewhere',
      link: '<a>;rel="x", <b>;rel="y"',
      body: 'gone',
      from: url,
    });
    expect(asked).toBe(1);
  });

  it.each([500, 503, 429, 404])('may have status %d', async (status) => {
    let asked = 0;
    const url = await serve((_, res) => {
      asked += 1;
      res.writeHead(status, { 'retry-after': '1' }).end();
    });
    expect((await transport()({ method: 'GET', url })).status).toBe(status);
    expect(asked).toBe(1);
  });

  it.each([
    ['gzip', gzipSync('hello')],
    ['br', brotliCompressSync('hello')],
  ])('may be compressed: %s', async (encoding, bytes) => {
    const url = await serve((_, res) => res.writeHead(200, { 'content-encoding': encoding }).end(bytes));
    expect((await transport()({ method: 'GET', url })).body.toString()).toBe('hello');
  });
});

describe('a request', () => {
  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'GET'])('%s carries its body, and says who sends it', async (method) => {
    const url = await serve(async (req, res) => {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk as Buffer);
      res.end(`${req.method} ${req.headers['user-agent']} ${req.headers['x-a']} ${Buffer.concat(chunks)}`);
    });
    const answer = await transport()({ method, url, headers: { 'x-a': 'b' }, body: '{}' });
    expect(answer.body.toString()).toMatch(new RegExp(`^${method} quoin/\\S+ .*b \\{\\}$`, 'u'));
  });

  it('reuses the connection of the one before', async () => {
    const sockets = new Set<Socket>();
    const url = await serve((req, res) => {
      sockets.add(req.socket);
      res.end('x');
    });
    const send = transport();
    for (let n = 0; n < 3; n += 1) await send({ method: 'GET', url });
    expect(sockets.size).toBe(1);
  });

  it('ends with the reason of an abort', async () => {
    const abort = new AbortController();
    const url = await serve(() => abort.abort(new Error('enough')));
    await expect(transport()({ method: 'GET', url, signal: abort.signal })).rejects.toThrow('enough');
    await expect(transport()({ method: 'GET', url, signal: abort.signal })).rejects.toThrow('enough');
  });
});

describe('no complete answer', () => {
  const fault = async (url: string, options: Partial<TransportOptions> = {}) =>
    transport({ timeoutMs: 5000, ...options })({ method: 'GET', url }).then(
      () => 'an answer',
      (error: Error & { fault?: string }) => `${error.fault}: ${error.message}`,
    );

  it('is a timeout when the server is silent, or trickles', async () => {
    const silent = await serve(() => {});
    expect(await fault(silent, { timeoutMs: 100 })).toMatch(/^timeout: /u);
    const trickling = await serve((_, res) => {
      const timer = setInterval(() => res.write('x'), 10);
      res.on('close', () => clearInterval(timer));
    });
    expect(await fault(trickling, { timeoutMs: 150 })).toMatch(/^timeout: /u);
  });

  it('is a refusal when nobody listens', async () => {
    const url = await serve(() => {});
    await closers.pop()?.();
    expect(await fault(url)).toBe('refused: connection refused');
  });

  it('is unreachable when the name has no address', async () => {
    expect(await fault('http://nowhere.invalid/')).toMatch(/^unreachable: /u);
  });

  it.each([
    ['before the head', ''],
    ['inside the head', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['before Content-Length is reached', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a":'],
    ['inside a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{"a":'],
    ['before the last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n'],
  ])('is a reset when the connection ends %s', async (_, bytes) => {
    expect(await fault(await say(bytes))).toMatch(/^reset: /u);
  });

  it.each([
    ['a body that compresses well', { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(20_000_000))],
    ['a body that does not say its length', {}, Buffer.alloc(3_000_000)],
  ])('is too large with %s', async (_, headers, body) => {
    const url = await serve((_, res) => res.writeHead(200, headers).end(body));
    expect(await fault(url, { maxBodyBytes: 1_000_000 })).toMatch(/^too-large: /u);
  });

  it('is broken compression', async () => {
    const cut = gzipSync('x'.repeat(10_000)).subarray(0, 20);
    const url = await serve((_, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(cut));
    expect(await fault(url)).toMatch(/^reset: /u);
  });
});

describe('TLS and proxies', () => {
  const ca = makeCa();
  afterAll(ca.remove);
  const serveTls = async (name: string, expired = false) =>
    listen(createTlsServer(ca.issue(name, { expired }), (_, res) => void res.end('secure')) as unknown as Server);
  const trusting = (options: Partial<TransportOptions> = {}) => transport({ caCertificates: [ca.cert], ...options });

  it('accepts a server of a CA that was named', async () => {
    const url = `https://127.0.0.1:${await serveTls('IP:127.0.0.1')}/`;
    expect((await trusting()({ method: 'GET', url })).body.toString()).toBe('secure');
  });

  it('says why a certificate is refused', async () => {
    const get = (port: number, send = trusting()) =>
      send({ method: 'GET', url: `https://127.0.0.1:${port}/` }).catch((error: unknown) => error);
    const good = await serveTls('IP:127.0.0.1');
    expect(await get(good, transport())).toMatchObject({
      fault: 'tls',
      message: expect.stringContaining('unknown CA'),
    });
    expect(await get(await serveTls('DNS:other.test'))).toMatchObject({
      fault: 'tls',
      message: expect.stringContaining('another name'),
    });
    expect(await get(await serveTls('IP:127.0.0.1', true))).toMatchObject({
      fault: 'tls',
      message: expect.stringContaining('expired'),
    });
  });

  /** Leads every name to 127.0.0.1, for those who know the password. */
  async function proxy() {
    const seen: string[] = [];
    const authorized = (header: string | undefined) =>
      header === `Basic ${Buffer.from('us er:p@ss').toString('base64')}`;
    const server = createServer((req, res) => {
      seen.push(`${req.method} ${req.url}`);
      res.writeHead(authorized(req.headers['proxy-authorization']) ? 200 : 407).end('from the proxy');
    });
    server.on('connect', (req, socket, head) => {
      seen.push(`CONNECT ${req.url}`);
      socket.on('error', () => {});
      if (!authorized(req.headers['proxy-authorization'])) {
        return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
      }
      const target = connect(Number(req.url?.split(':')[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        target.write(head);
        target.pipe(socket).pipe(target);
      });
      target.on('error', () => socket.destroy());
      socket.on('close', () => target.destroy());
    });
    return { port: await listen(server), seen };
  }

  it('goes through the proxy of the environment, with its password', async () => {
    const port = await serveTls('DNS:ca.test');
    const { port: proxyPort, seen } = await proxy();
    const send = trusting({ env: { https_proxy: `http://us%20er:p%40ss@127.0.0.1:${proxyPort}` } });
    const answer = await send({ method: 'GET', url: `https://ca.test:${port}/` });
    expect(answer.body.toString()).toBe('secure');
    await send({ method: 'GET', url: `https://ca.test:${port}/` });
    expect(seen).toEqual([`CONNECT ca.test:${port}`]);
  });

  it('checks the name of the server behind the proxy', async () => {
    const port = await serveTls('DNS:other.test');
    const { port: proxyPort } = await proxy();
    const send = trusting({ env: { HTTPS_PROXY: `http://us%20er:p%40ss@127.0.0.1:${proxyPort}` } });
    await expect(send({ method: 'GET', url: `https://ca.test:${port}/` })).rejects.toMatchObject({ fault: 'tls' });
  });

  it('sends plain requests to the proxy itself', async () => {
    const { port, seen } = await proxy();
    const send = transport({ env: { HTTP_PROXY: `us%20er:p%40ss@127.0.0.1:${port}` } });
    expect((await send({ method: 'GET', url: 'http://ca.test/x' })).body.toString()).toBe('from the proxy');
    expect(seen).toEqual(['GET http://ca.test/x']);
  });

  it.each(['https', 'http'])('tells when the proxy wants other credentials: %s', async (scheme) => {
    const { port } = await proxy();
    const send = transport({
      env: { HTTPS_PROXY: `http://127.0.0.1:${port}`, HTTP_PROXY: `http://127.0.0.1:${port}` },
    });
    await expect(send({ method: 'GET', url: `${scheme}://ca.test/` })).rejects.toMatchObject({
      fault: 'proxy',
      message: expect.stringContaining('407'),
    });
  });

  it('tells when the proxy is down, and does not show its password', async () => {
    const { port } = await proxy();
    await closers.pop()?.();
    const send = transport({ env: { HTTPS_PROXY: `http://user:pass@127.0.0.1:${port}` } });
    const error = await send({ method: 'GET', url: 'https://ca.test/' }).catch((e: unknown) => e as Error);
    expect(error).toMatchObject({ fault: 'proxy', message: expect.stringContaining(`127.0.0.1:${port}`) });
    expect((error as Error).message).not.toContain('pass@');
  });
});

describe('the proxy for an address', () => {
  const choose = (url: string, env: Record<string, string>) => proxyFor(new URL(url), env);

  it('depends on the scheme, and lower case wins', () => {
    const env = { HTTP_PROXY: 'http://a:1', HTTPS_PROXY: 'http://b:2' };
    expect(choose('http://x.test/', env)).toBe('http://a:1');
    expect(choose('https://x.test/', env)).toBe('http://b:2');
    expect(choose('https://x.test/', { ...env, https_proxy: 'c:3' })).toBe('http://c:3');
    expect(choose('https://x.test/', {})).toBeUndefined();
  });

  it.each([
    'http://localhost:80/',
    'http://127.0.0.9/',
    'http://[::1]/',
    'http://169.254.169.254/metadata',
    'http://metadata.google.internal/',
  ])('is none for %s', (url) => {
    expect(choose(url, { HTTP_PROXY: 'http://a:1' })).toBeUndefined();
  });

  it.each([
    ['x.test', 'http://x.test/', true],
    ['x.test', 'http://api.x.test/', true],
    ['.x.test', 'http://api.x.test/', true],
    ['*.x.test', 'http://api.x.test/', true],
    ['x.test', 'http://notx.test/', false],
    ['X.Test', 'http://api.x.test/', true],
    ['a.test, x.test', 'http://x.test/', true],
    ['x.test:8080', 'http://x.test:8080/', true],
    ['x.test:8080', 'http://x.test/', false],
    ['*', 'http://anything.test/', true],
    ['192.0.2.1', 'http://192.0.2.1/', true],
    ['192.0.2.0/24', 'http://192.0.2.77/', true],
    ['192.0.2.0/24', 'http://198.51.100.1/', false],
    ['2001:db8::/32', 'http://[2001:db8::5]/', true],
    ['[2001:db8::5]:8080', 'http://[2001:db8::5]:8080/', true],
    ['2001:db8::5', 'http://[2001:db8::5]/', true],
  ])('NO_PROXY=%s excludes %s: %s', (no_proxy, url, excluded) => {
    expect(choose(url, { HTTP_PROXY: 'http://a:1', no_proxy })).toBe(excluded ? undefined : 'http://a:1');
  });
});

it('lets the process end while connections are kept', async () => {
  const url = await serve((_, res) => void res.end('x'));
  const script = `
    import { createTransport } from '${new URL('../../src/http.ts', import.meta.url).href}';
    const log = { debug() {}, info() {}, warn() {}, waiting() {} };
    const { status } = await createTransport({ log, env: {} })({ method: 'GET', url: '${url}' });
    console.log(status);
  `;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: new URL('../..', import.meta.url),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, 'exit');
  expect({ code, output }).toEqual({ code: 0, output: '200\n' });
}, 30_000);
