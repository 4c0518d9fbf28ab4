import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type Context, Hono } from 'hono';
import { account, accountOrders, newAccount } from './accounts.ts';
import { authorization, challenge } from './authorizations.ts';
import { readBody } from './body.ts';
import { readCertificate, readIssuer } from './certificates.ts';
import { directory, TERMS, WELCOME } from './directory.ts';
import { finalize } from './finalize.ts';
import { keyChange } from './key-change.ts';
import { disturb } from './noise.ts';
import { newOrder, readOrder } from './orders.ts';
import { type Problem, problem, Refusal, refuse } from './problem.ts';
import { explanations, renewalInfo } from './renewal-info.ts';
import type { Reply } from './reply.ts';
import { authenticate, type SignedRequest, type Signer } from './requests.ts';
import { revokeCert } from './revocation.ts';
import type { Ca } from './state.ts';

type Env = { Bindings: HttpBindings; Variables: { reply: Reply } };
type Request = Context<Env>;
type Parameters = Readonly<Partial<Record<'id' | 'index' | 'cursor', string>>>;
type Handler = (ca: Ca, request: SignedRequest, at: Parameters) => Reply | Promise<Reply>;

/** Resources that are asked by signed requests: who signs, and who answers. */
const posts: readonly (readonly [path: string, signer: Signer, handler: Handler])[] = [
  ['/new-account', 'key', newAccount],
  ['/new-order', 'account', newOrder],
  ['/revoke-cert', 'either', revokeCert],
  ['/key-change', 'account', keyChange],
  ['/account/:id', 'account', (ca, request, { id = '' }) => account(ca, request, id)],
  ['/account/:id/orders', 'account', (ca, request, { id = '', cursor }) => accountOrders(ca, request, id, cursor)],
  ['/order/:id', 'account', (ca, request, { id = '' }) => readOrder(ca, request, id)],
  ['/order/:id/finalize', 'account', (ca, request, { id = '' }) => finalize(ca, request, id)],
  [
    '/authorization/:id/:index',
    'account',
    (ca, request, { id = '', index = '' }) => authorization(ca, request, id, index),
  ],
  ['/challenge/:id/:index', 'account', (ca, request, { id = '', index = '' }) => challenge(ca, request, id, index)],
  ['/certificate/:id', 'account', (ca, request, { id = '' }) => readCertificate(ca, request, id, false)],
  ['/certificate/:id/alternate', 'account', (ca, request, { id = '' }) => readCertificate(ca, request, id, true)],
];

/** The CA as a web application: addresses, and what all answers have in common. */
export function createApp(ca: Ca): Hono<Env> {
  const app = new Hono<Env>();
  app.use(async (c, next) => {
    const failure = await disturb(ca);
    if (!failure) await next();
    const reply = failure ?? c.var.reply;
    const givesNonce = c.req.method === 'POST' || c.req.path === '/new-nonce';
    const links = [
      reply.headers?.link,
      c.req.path === '/directory' ? undefined : `<${ca.origin}/directory>;rel="index"`,
    ];
    send(c.env.outgoing, reply, {
      ...(givesNonce && !failure?.fromGateway ? { 'replay-nonce': ca.nonces.create() } : {}),
      'cache-control': 'no-store',
      link: links.filter((link) => link !== undefined),
    });
    ca.log.debug(`sandbox CA: ${c.req.method} ${c.req.path} → ${reply.status}`);
    return RESPONSE_ALREADY_SENT;
  });
  app.use(async (c, next) => {
    if (!c.req.header('user-agent')) refuse('malformed', 'the request has no User-Agent');
    await next();
  });

  /** To be sent when all that has a say has had it. */
  const answer = (c: Request, reply: Reply): Response => {
    c.set('reply', reply);
    return RESPONSE_ALREADY_SENT;
  };
  const get = (path: string, handler: (c: Request) => Reply) => {
    app.get(path, (c) => answer(c, handler(c)));
    app.all(path, (c) => answer(c, notAllowed('GET, HEAD')));
  };
  get('/', () => ({ status: 200, headers: { 'content-type': 'text/plain' }, body: WELCOME }));
  get('/terms', () => ({ status: 200, headers: { 'content-type': 'text/plain' }, body: TERMS }));
  get('/directory', () => directory(ca));
  // RFC 8555 section 7.2.
  get('/new-nonce', (c) => ({ status: c.req.method === 'HEAD' ? 200 : 204 }));
  get('/issuer', () => readIssuer(ca));
  get('/renewal-info/:id', (c) => renewalInfo(ca, c.req.param('id') ?? ''));
  get('/renewal/:why', (c) => {
    const text =
      explanations[c.req.param('why') ?? ''] ?? refuse('malformed', 'there is no such page', { status: 404 });
    return { status: 200, headers: { 'content-type': 'text/plain' }, body: `${text}\n` };
  });
  for (const [path, signer, handler] of posts) {
    app.post(path, async (c) => {
      const request = await authenticate(ca, await readBody(c.env.incoming), c.req.url, signer);
      return answer(c, await handler(ca, request, { ...c.req.query(), ...c.req.param() }));
    });
    app.all(path, (c) => answer(c, notAllowed('POST')));
  }
  app.notFound((c) => answer(c, problemReply(problem('malformed', 'there is no such resource', { status: 404 }))));
  app.onError((error, c) => {
    if (error instanceof Refusal) return answer(c, problemReply(error.problem, error.headers));
    if (ca.background.isStopped) return answer(c, { status: 503 }); // Nobody will hear it.
    ca.log.warn(`sandbox CA: a bug: ${error.stack ?? error.message}`);
    return answer(c, problemReply(problem('serverInternal', 'the server made a mistake')));
  });
  return app;
}

const problemReply = (body: Problem, headers: Reply['headers'] = {}): Reply => ({
  status: body.status,
  headers: { ...headers, 'content-type': 'application/problem+json' },
  body,
});

/** RFC 8555 section 6.3: resources are read by POST-as-GET, and a GET is answered so. */
const notAllowed = (allow: string): Reply =>
  problemReply(problem('malformed', `the resource takes ${allow} only`, { status: 405 }), { allow });

/** Past Hono's own way out: to make a Response of each answer and to read it again took a tenth of the CA's time. */
function send(
  outgoing: HttpBindings['outgoing'],
  { status, headers, body }: Reply,
  more: Readonly<Record<string, string | string[]>>,
): void {
  const isText = typeof body === 'string' || Buffer.isBuffer(body);
  const bytes = body === undefined ? undefined : Buffer.from(isText ? body : JSON.stringify(body));
  outgoing.writeHead(status, {
    ...(bytes ? { 'content-length': bytes.length } : {}),
    ...(bytes && !isText ? { 'content-type': 'application/json' } : {}),
    ...headers,
    ...more,
  });
  outgoing.end(bytes);
}
