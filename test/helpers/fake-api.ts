import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FakeDns, type FakeReply, Reply, Violation } from './fake-dns.ts';

export { FakeDns, type FakeRecord, type FakeReply, notFound, page, Reply, strict, Violation } from './fake-dns.ts';
export { fakeFile, fakeFolder, once, rightKey, wrongKey } from './fake-files.ts';

export interface FakeRequest {
  readonly method: string;
  /** As the provider wrote it, query included. */
  readonly url: string;
  readonly raw: string;
  readonly headers: IncomingMessage['headers'];
  /** The `:name` parts of the route, URL-decoded. */
  readonly params: Record<string, string>;
  /** A parameter that the route never reads counts as unknown, and fails the test. */
  readonly query: URLSearchParams;
  /** Parsed JSON, or the fields of a form; a field that the route never reads counts as unknown. */
  readonly body: any;
}
type Route = (request: FakeRequest) => FakeReply | unknown;

/** How one request goes wrong. */
export type Failure =
  /** An error page that echoes the request, headers included, as careless proxies do. */
  | 'error page'
  | 'too many requests'
  /** Nothing is done, the connection is closed. */
  | 'no answer'
  /** The work is done, but the client never hears of it. */
  | 'lost answer'
  /** The work is done, and the answer is cut in the middle. */
  | 'cut answer';
export const failures: readonly Failure[] = [
  'error page',
  'too many requests',
  'no answer',
  'lost answer',
  'cut answer',
];

/** A server that a fixture brings itself, because the provider does not speak HTTP: a DNS server, a program. */
export interface OwnServer {
  /** Added to the fixture's `env` and `wrongEnv`: ports, paths. */
  readonly env?: Record<string, string>;
  readonly violations?: readonly string[];
  failRequest?(n: number, how: Failure): void;
  failed?(): boolean;
  /** A person at a terminal, who reads what is shown and presses Enter. */
  onLine?(line: string): void;
  onEnter?(): Promise<void>;
  close(): Promise<void> | void;
}

export type Behaviour =
  | 'adds a value next to values of others'
  | 'keeps two values of one name'
  | 'deletes the name with its last value'
  | 'does a thing twice as if once'
  | 'picks the deepest zone'
  | 'writes at a zone apex'
  | 'says which zones it looked for'
  | 'follows paging'
  | 'reports wrong credentials'
  | 'survives one failure'
  | 'cleans up after an abort';

export interface Fixture {
  /** Environment of a user whose credentials are right. */
  readonly env: Record<string, string>;
  /** The same user with a mistyped secret. */
  readonly wrongEnv: Record<string, string>;
  /** `METHOD https://host/path/:param` → handler. Bodies follow the vendor's API documentation. */
  routes?(dns: FakeDns): Record<string, Route>;
  /** Signatures are verified, not believed. Default: everyone is. */
  authorized?(request: FakeRequest): boolean;
  readonly denied?: FakeReply;
  /** Session APIs: how many sessions were left open at the end. */
  openSessions?(): number;
  /** Instead of routes. */
  start?(dns: FakeDns): Promise<OwnServer>;
  /** What the service cannot do at all, each with the reason. */
  readonly cannot?: Partial<Record<Behaviour, string>>;
}
export const defineFixture = <F extends Fixture>(fixture: () => F) => fixture;

export interface FakeServer extends OwnServer {
  readonly gateway: string;
  readonly env: Record<string, string>;
  readonly violations: readonly string[];
  /** The n-th request from now goes wrong, every later one works. */
  failRequest(n: number, how?: Failure): void;
  /** Whether the failure asked for has happened. */
  failed(): boolean;
}

/** Serves a fixture over HTTP and misbehaves on demand. */
export async function serve(fixture: Fixture, dns: FakeDns): Promise<FakeServer> {
  if (fixture.start) return { gateway: '', ...withDefaults(await fixture.start(dns)) };
  let failIn = 0;
  let failure: Failure = 'error page';
  const violations: string[] = [];
  const routes = Object.entries(fixture.routes?.(dns) ?? {}).map(([key, handle]) => compile(key, handle));

  async function answer(req: IncomingMessage, raw: string): Promise<FakeReply> {
    const [path = '', search = ''] = (req.url ?? '').split('?');
    const url = path.replace(/^\/(https?)\//u, '$1://');
    try {
      for (const { method, pattern, handle } of routes) {
        const match = method === req.method ? pattern.exec(url) : null;
        if (!match) continue;
        const params = Object.fromEntries(
          Object.entries(match.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)]),
        );
        const query = new URLSearchParams(search);
        const body = parseBody(req.headers['content-type'], raw);
        const request = { method, url: search ? `${url}?${search}` : url, raw, headers: req.headers, params };
        if (fixture.authorized && !fixture.authorized({ ...request, query, body })) return fixture.denied ?? {};
        const seen = watched(query, body);
        const result = await handle({ ...request, query: seen.query, body: seen.body });
        seen.check();
        return isReply(result) ? result : { body: result };
      }
      throw new Violation('no such route');
    } catch (error) {
      if (error instanceof Reply) return error.reply;
      violations.push(`${req.method} ${url}${search ? `?${search}` : ''} ${raw}: ${(error as Error).message}`);
      return { status: 400, body: { message: String(error) } };
    }
  }

  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks).toString();
    const fails = failIn === 1;
    if (failIn > 0) failIn -= 1;
    if (!fails) return send(res, await answer(req, raw));
    if (failure === 'error page') return send(res, { status: 503, body: echo(req, raw) });
    if (failure === 'too many requests') return send(res, { status: 429, headers: { 'retry-after': '0' } });
    if (failure !== 'no answer') await answer(req, raw);
    if (failure === 'cut answer') res.writeHead(200, { 'content-length': '1000' }).write('{"re');
    setImmediate(() => req.socket.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    gateway: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    env: {},
    violations,
    failRequest(n, how = 'error page') {
      failIn = n;
      failure = how;
    },
    failed: () => failIn === 0,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const withDefaults = (own: OwnServer) => ({
  violations: [],
  failRequest: () => {},
  failed: () => false,
  ...own,
  env: own.env ?? {},
});

const compile = (key: string, handle: Route) => {
  const [method, url] = key.split(' ') as [string, string];
  const source = url.replace(/[.?+()]/gu, '\\$&').replace(/:(?!\/|\d)(\w+)/gu, '(?<$1>[^/]+)');
  return { method, pattern: new RegExp(`^${source}$`, 'u'), handle };
};

const isReply = (result: unknown): result is FakeReply =>
  typeof result === 'object' &&
  result !== null &&
  Object.keys(result).length > 0 &&
  ['undefined', 'number'].includes(typeof (result as FakeReply).status) &&
  Object.keys(result).every((key) => ['status', 'headers', 'body'].includes(key));

function parseBody(type: string | undefined, raw: string): unknown {
  if (raw === '') return undefined;
  if (type?.startsWith('application/x-www-form-urlencoded')) return Object.fromEntries(new URLSearchParams(raw));
  if (/^application\/(?:[\w.-]+\+|x-amz-)?json\b/u.test(type ?? '')) return JSON.parse(raw);
  if (/^\s*[[{]/u.test(raw)) throw new Violation(`JSON sent as ${type ?? 'nothing in particular'}`);
  return raw;
}

const echo = (req: IncomingMessage, raw: string) =>
  `<html><body>upstream down, while serving ${req.url} ${JSON.stringify(req.headers)} ${raw}</body></html>`;

function send(res: ServerResponse, { status = 200, headers = {}, body }: FakeReply): void {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? (/^\s*</u.test(body) ? 'text/html' : 'text/plain') : 'application/json';
  res.writeHead(status, { ...(text ? { 'content-type': type } : {}), ...headers }).end(text);
}

/** Notes what a route reads of a request, and afterwards complains about the rest. */
function watched(query: URLSearchParams, body: unknown) {
  const read = new Set<string>();
  const note =
    (prefix: string) =>
    (name: string | symbol): void =>
      void read.add(prefix + String(name));
  const seenQuery = new Proxy(query, {
    get(target, property) {
      const value = Reflect.get(target, property, target) as unknown;
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (typeof args[0] === 'string') note('?')(args[0]);
        else for (const name of target.keys()) note('?')(name);
        return (value as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  const fields = typeof body === 'object' && body !== null && !Array.isArray(body);
  const seenBody = fields
    ? new Proxy(body, {
        get(target, property) {
          note('')(property);
          return Reflect.get(target, property, target) as unknown;
        },
      })
    : body;
  return {
    query: seenQuery,
    body: seenBody,
    check() {
      const unread = [
        ...[...query.keys()].map((name) => `?${name}`),
        ...(fields ? Object.keys(body as object) : []),
      ].filter((name) => !read.has(name));
      if (unread.length > 0) throw new Violation(`unknown field ${unread.join(', ')}`);
    },
  };
}
