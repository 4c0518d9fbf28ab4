import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeRecord {
  readonly id: number;
  readonly type: string;
  readonly fqdn: string;
  readonly value: string;
}

/** What the fake provider stores. The contract tests look at this, never at requests. */
export class FakeDns {
  readonly zones = new Map<string, FakeRecord[]>();
  #nextId = 1;

  records(zone: string): FakeRecord[] {
    const found = this.zones.get(zone);
    if (!found) throw notFound();
    return found;
  }
  add(zone: string, type: string, fqdn: string, value: string): FakeRecord {
    const record = { id: this.#nextId++, type, fqdn, value };
    this.records(zone).push(record);
    return record;
  }
  drop(zone: string, test: (record: FakeRecord) => boolean): void {
    if (!this.records(zone).some(test)) throw notFound();
    this.zones.set(
      zone,
      this.records(zone).filter((record) => !test(record)),
    );
  }
  txt(fqdn: string): string[] {
    return [...this.zones.values()]
      .flat()
      .filter((r) => r.type === 'TXT' && r.fqdn === fqdn)
      .map((r) => r.value)
      .sort();
  }
}

export interface FakeRequest {
  readonly method: string;
  /** As the provider wrote it, query included. */
  readonly url: string;
  readonly raw: string;
  readonly headers: IncomingMessage['headers'];
  readonly params: Record<string, string>;
  readonly query: URLSearchParams;
  readonly body: any;
}
export interface FakeReply {
  status?: number;
  body?: unknown;
}
type Route = (request: FakeRequest) => FakeReply | unknown;

export interface Fixture {
  /** Environment of a user whose credentials are right. */
  readonly env: Record<string, string>;
  /** The same user with a mistyped secret. */
  readonly wrongEnv: Record<string, string>;
  /** `METHOD https://host/path/:param` → handler. Bodies follow the vendor's API documentation. */
  routes(dns: FakeDns): Record<string, Route>;
  authorized(request: FakeRequest): boolean;
  readonly denied: FakeReply;
  /** Session APIs: how many sessions were left open at the end. */
  openSessions?(): number;
}
export const defineFixture = (fixture: () => Fixture) => fixture;

export class Reply extends Error {
  readonly reply: FakeReply;
  constructor(reply: FakeReply) {
    super('reply');
    this.reply = reply;
  }
}
export const notFound = () => new Reply({ status: 404, body: { message: 'not found' } });

/** Serves a fixture over HTTP and misbehaves on demand. */
export async function serve(fixture: Fixture, dns: FakeDns) {
  let failIn = 0;
  const unknown: string[] = [];
  const routes = Object.entries(fixture.routes(dns)).map(([key, handle]) => {
    const [method, url] = key.split(' ') as [string, string];
    return {
      method,
      pattern: new RegExp(`^${url.replace(/[.?]/gu, '\\$&').replace(/:(?!\/)(\w+)/gu, '(?<$1>[^/]+)')}$`, 'u'),
      handle,
    };
  });
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks).toString();
    const [path = '', search = ''] = req.url!.split('?');
    const url = path.replace(/^\/(https?)\//u, '$1://');
    const send = ({ status = 200, body }: FakeReply) => {
      res.statusCode = status;
      res.end(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body));
    };
    if (failIn > 0 && (failIn -= 1) === 0)
      return void send({ status: 503, body: `upstream down, while serving ${JSON.stringify(req.headers)} ${raw}` }); // Echoes the request, as careless proxies do.
    const form = req.headers['content-type']?.includes('urlencoded');
    const request = {
      method: req.method!,
      url: search ? `${url}?${search}` : url,
      raw,
      headers: req.headers,
      params: {} as Record<string, string>,
      query: new URLSearchParams(search),
      body: form ? Object.fromEntries(new URLSearchParams(raw)) : raw ? JSON.parse(raw) : undefined,
    };
    for (const { method, pattern, handle } of routes) {
      const match = method === req.method ? pattern.exec(url) : null;
      if (!match) continue;
      request.params = { ...match.groups };
      if (!fixture.authorized(request)) return send(fixture.denied);
      try {
        const result = await handle(request);
        return send(
          result && typeof result === 'object' && ('status' in result || 'body' in result)
            ? (result as FakeReply)
            : { body: result },
        );
      } catch (error) {
        return send(error instanceof Reply ? error.reply : { status: 500, body: String(error) });
      }
    }
    unknown.push(`${req.method} ${url}`);
    send({ status: 501, body: `no route for ${req.method} ${url}` });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    gateway: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    unknown,
    /** The n-th request from now answers 503, every later one works. */
    failRequest: (n: number) => {
      failIn = n;
    },
    /** Whether the failure asked for has happened. */
    failed: () => failIn === 0,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
