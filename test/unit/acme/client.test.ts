import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type AcmeConnection,
  type AcmeOptions,
  connectAcme,
  fetchDirectory,
  retryAfterMs,
} from '../../../src/acme/client.ts';
import { generateAccountKey } from '../../../src/acme/keys.ts';
import type { AppError } from '../../../src/errors.ts';
import { createTransport } from '../../../src/http.ts';
import { silentLog } from '../../../src/log.ts';

type Handle = (request: IncomingMessage, response: ServerResponse, body: { header: Record<string, string> }) => void;

/** A CA with one resource whose behaviour the test decides; nonces are counted and never accepted twice. */
async function hostileCa(answer: Handle, nonceMethods: readonly string[] = ['GET', 'HEAD']) {
  let issued = 0;
  const stats = { nonces: [] as (string | undefined)[], posts: 0, open: new Set<string>() };
  const server = createServer(async (request, response) => {
    let raw = '';
    for await (const chunk of request) raw += chunk;
    issued += 1;
    const nonce = `nonce-${issued}`;
    stats.open.add(nonce);
    response.setHeader('replay-nonce', nonce);
    if (request.url === '/directory') return void response.end();
    if (request.url === '/nonce') {
      stats.nonces.push(request.method);
      if (nonceMethods.includes(request.method ?? '')) return void response.writeHead(204).end();
      response.removeHeader('replay-nonce');
      return void response.writeHead(405).end();
    }
    stats.posts += 1;
    const header = JSON.parse(Buffer.from(JSON.parse(raw).protected, 'base64url').toString());
    if (!stats.open.delete(header.nonce)) return void problem(response, 400, 'badNonce', 'used before');
    return answer(request, response, { header });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, stats, close: () => (server.closeAllConnections(), new Promise((resolve) => server.close(resolve))) };
}

function problem(response: ServerResponse, status: number, type: string, detail: string, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/problem+json', ...headers });
  response.end(JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail, status }));
}
const ok = (response: ServerResponse, body: object = { fine: true }) =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));

let ca: Awaited<ReturnType<typeof hostileCa>>;
afterEach(() => ca.close());

const options = (maxWaitMs = 5_000): AcmeOptions => ({
  transport: createTransport({ log: silentLog, env: {}, timeoutMs: 1_000 }),
  log: silentLog,
  signal: new AbortController().signal,
  maxWaitMs,
});
async function connect(answer: Handle, maxWaitMs?: number, nonceMethods = ['GET', 'HEAD']): Promise<AcmeConnection> {
  ca = await hostileCa(answer, nonceMethods);
  const directory = {
    url: ca.url,
    newNonce: `${ca.url}/nonce`,
    newAccount: `${ca.url}/a`,
    newOrder: `${ca.url}/o`,
    meta: {},
  };
  const accountKeyPem = await generateAccountKey('ec256');
  return connectAcme({ ...options(maxWaitMs), directory, accountKeyPem, accountUrl: `${ca.url}/acct/1` });
}
const failure = (work: Promise<unknown>): Promise<AppError> =>
  work.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: AppError) => error,
  );

it('uses the nonce of each answer, so that a run asks for one', async () => {
  const acme = await connect((_, response) => ok(response));
  for (let i = 0; i < 5; i += 1) await acme.post(`${ca.url}/x`, null, { doing: 'read' });
  expect(ca.stats).toMatchObject({ nonces: ['GET'], posts: 5 });
});

it('gets nonces by HEAD from a server that knows no GET', async () => {
  const acme = await connect((_, response) => ok(response), undefined, ['HEAD']);
  const posts = (count: number) =>
    Promise.all(Array.from({ length: count }, () => acme.post(`${ca.url}/x`, null, { doing: 'read' })));
  await posts(3);
  const first = ca.stats.nonces.splice(0);
  expect([first[0], first.filter((method) => method === 'HEAD').length]).toEqual(['GET', 3]);
  await posts(5);
  expect([new Set(ca.stats.nonces), ca.stats.posts]).toEqual([new Set(['HEAD']), 8]);
});

it('asks for at most eight nonces when 100 requests are made side by side', async () => {
  const acme = await connect((_, response) => ok(response));
  await Promise.all(Array.from({ length: 100 }, () => acme.post(`${ca.url}/x`, null, { doing: 'read' })));
  expect(ca.stats.posts).toBe(100);
  expect(ca.stats.nonces.length).toBeLessThanOrEqual(8);
});

it('A2: gives up on a CA that never accepts a nonce', async () => {
  const acme = await connect((_, response) => problem(response, 400, 'badNonce', 'no'));
  const error = await failure(acme.post(`${ca.url}/x`, {}, { doing: 'try' }));
  expect([error.code, ca.stats.posts]).toEqual(['ACME_BAD_NONCE', 21]);
});

it('A7: does not sleep through a long Retry-After, and says when to come back', async () => {
  const acme = await connect((_, response) =>
    problem(response, 429, 'rateLimited', 'too many certificates', { 'retry-after': '122400' }),
  );
  const error = await failure(acme.post(`${ca.url}/x`, {}, { doing: 'create the order' }));
  expect([error.code, error.exitCode, ca.stats.posts]).toEqual(['ACME_RATE_LIMITED', 3, 1]);
  expect(error.message).toContain('too many certificates');
  expect(Date.parse(String(error.facts.notBefore)) - Date.now()).toBeGreaterThan(122_000_000);
});

it('A8, A10: repeats after 5xx pages and broken connections, each time with a fresh nonce', async () => {
  let n = 0;
  const nonces = new Set<string>();
  const acme = await connect((request, response, { header }) => {
    n += 1;
    nonces.add(header.nonce ?? '');
    if (n === 1) return void response.writeHead(502).end('<html><h1>Bad gateway</h1></html>');
    if (n === 2) return void request.socket.destroy();
    return ok(response);
  });
  const { body } = await acme.post(`${ca.url}/x`, {}, { doing: 'try' });
  expect([body, nonces.size]).toEqual([{ fine: true }, 3]);
});

it('A8: keeps the text of an error page, without its markup', async () => {
  const acme = await connect(
    (_, response) => void response.writeHead(503).end('<html><b>Down\u001b[31m for repairs</b></html>'),
    0,
  );
  const error = await failure(acme.post(`${ca.url}/x`, {}, { doing: 'try' }));
  expect([error.code, error.message]).toEqual([
    'ACME_UNAVAILABLE',
    expect.stringMatching(/503 Down ?\[31m for repairs$/u),
  ]);
});

it('A11: names the address that answers with something else than JSON', async () => {
  ca = await hostileCa(() => {});
  const error = await failure(fetchDirectory(`${ca.url}/directory`, options()));
  expect([error.code, error.message]).toEqual(['ACME_PROTOCOL', expect.stringContaining(`${ca.url}/directory`)]);
});

it('shows every subproblem of a refusal', async () => {
  const acme = await connect((_, response) => {
    response.writeHead(403, { 'content-type': 'application/problem+json' });
    const type = 'urn:ietf:params:acme:error:caa';
    const identifier = { type: 'dns', value: 'example.com' };
    response.end(
      JSON.stringify({ type, detail: 'refused', subproblems: [{ type, detail: 'CAA forbids', identifier }] }),
    );
  });
  const error = await failure(acme.post(`${ca.url}/x`, {}, { doing: 'finalize the order' }));
  expect([error.code, error.message]).toEqual([
    'ACME_CAA',
    'acme: could not finalize the order: refused (caa); example.com: CAA forbids (caa)',
  ]);
});

it('A6: reads Retry-After in all its forms', () => {
  const now = Date.parse('2026-11-24T00:00:00Z');
  expect(
    ['120', 'Tue, 24 Nov 2026 00:01:00 GMT', 'Mon, 23 Nov 2026 00:00:00 GMT', 'soon', undefined].map((text) =>
      retryAfterMs(text, now),
    ),
  ).toEqual([120_000, 60_000, 0, undefined, undefined]);
});
