import { webcrypto, X509Certificate } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as x509 from '@peculiar/x509';

/** What a request is about. */
export type Step =
  | 'directory'
  | 'nonce'
  | 'account'
  | 'newOrder'
  | 'order'
  | 'authorization'
  | 'challenge'
  | 'finalize'
  | 'certificate';

/** An answer other than the well-behaved one. */
export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, a string as it is. */
  readonly body?: unknown;
  /** The work is done all the same: only the answer is this one. */
  readonly afterwards?: boolean;
  /** The connection is cut instead of answered. */
  readonly cut?: boolean;
  readonly withoutNonce?: boolean;
}

export interface Call {
  readonly step: Step;
  readonly url: string;
  readonly method: string;
  readonly userAgent: string;
  /** By `performance.now()`. */
  readonly at: number;
  readonly header: { nonce?: string; kid?: string; jwk?: object };
  readonly payload: Record<string, unknown> | undefined;
}

interface Order {
  readonly id: number;
  readonly names: readonly string[];
  status?: 'ready' | 'processing' | 'valid' | 'invalid';
  error?: object | undefined;
  pem?: string;
}

export const problem = (status: number, type: string, more: object = {}): Reply => ({
  status,
  headers: { 'content-type': 'application/problem+json' },
  body: { type: `urn:ietf:params:acme:error:${type}`, detail: `${type} it is`, status, ...more },
});

export type HostileCa = Awaited<ReturnType<typeof startHostileCa>>;

/** A small CA that does everything right unless `mood` says otherwise; it refuses nonces it did not give or has seen. */
export async function startHostileCa() {
  const issuer = await makeIssuer();
  const calls: Call[] = [];
  const nonces = new Set<string>();
  const orders: Order[] = [];
  const verdicts = new Map<string, string>();
  let given = 0;

  const ca = {
    url: '',
    directoryUrl: '',
    calls,
    orders,
    issued: 0,
    /** What to answer instead; `n` counts the requests of that step from 1. */
    mood: undefined as ((call: Call, n: number) => Reply | undefined) | undefined,
    meta: {} as Record<string, unknown>,
    /** What becomes of a name once its challenge is answered. */
    verdict: (_name: string): string => 'valid',
    /** Whether an order hears of its authorizations (RFC 8555 section 7.1.6 says so). */
    orderFollows: true,
    extraChallenges: [] as unknown[],
    dns01: true,
    /** Days from now. */
    validity: [0, 90] as [number, number],
    /** Of the certificates' names. */
    rename: (names: readonly string[]): readonly string[] => names,
    chain: (leaf: string): string => leaf + issuer.pem,
    issuerPem: issuer.pem,
    issuerName: issuer.name,
    forgetNonces: () => nonces.clear(),
    count: (step: Step) => calls.filter((call) => call.step === step).length,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  const key = (order: Order, index: number) => `${order.id}/${index}`;
  const authorizationStatus = (order: Order, index: number) => verdicts.get(key(order, index)) ?? 'pending';
  const statusOf = (order: Order): string => {
    if (order.status) return order.status;
    if (!ca.orderFollows) return 'pending';
    const all = order.names.map((_, index) => authorizationStatus(order, index));
    if (all.includes('invalid')) return 'invalid';
    return all.every((status) => status === 'valid') ? 'ready' : 'pending';
  };
  const orderBody = (order: Order) => ({
    status: statusOf(order),
    identifiers: order.names.map((value) => ({ type: 'dns', value })),
    authorizations: order.names.map((_, index) => `${ca.url}/authorization/${key(order, index)}`),
    finalize: `${ca.url}/finalize/${order.id}`,
    ...(order.error ? { error: order.error } : {}),
    ...(order.pem ? { certificate: `${ca.url}/certificate/${order.id}` } : {}),
  });
  const challengeBody = (order: Order, index: number) => {
    const status = authorizationStatus(order, index);
    const error = { type: 'urn:ietf:params:acme:error:dns', detail: `no TXT record at ${order.names[index]}` };
    return {
      type: 'dns-01',
      url: `${ca.url}/challenge/${key(order, index)}`,
      token: `token-${order.id}-${index}`,
      status,
      ...(status === 'invalid' ? { error } : {}),
    };
  };

  async function behave({ step, url, payload }: Call): Promise<Reply> {
    if (step === 'directory') {
      const resources = { newNonce: '/nonce', newAccount: '/account', newOrder: '/newOrder' };
      const absolute = Object.entries(resources).map(([name, path]) => [name, ca.url + path]);
      return { body: { ...Object.fromEntries(absolute), meta: ca.meta } };
    }
    if (step === 'nonce') return { status: 204 };
    if (step === 'account')
      return { status: 201, headers: { location: `${ca.url}/account/1` }, body: { status: 'valid' } };
    if (step === 'newOrder') {
      const identifiers = payload?.identifiers as { value: string }[];
      const order: Order = { id: orders.length + 1, names: identifiers.map(({ value }) => value) };
      orders.push(order);
      return { status: 201, headers: { location: `${ca.url}/order/${order.id}` }, body: orderBody(order) };
    }
    const [, , id, at] = url.split('/');
    const order = orders[Number(id) - 1];
    if (!order) return problem(404, 'malformed');
    const index = Number(at);
    if (step === 'order') return { body: orderBody(order) };
    if (step === 'authorization') {
      const name = order.names[index] ?? '';
      return {
        body: {
          identifier: { type: 'dns', value: name.replace('*.', '') },
          ...(name.startsWith('*.') ? { wildcard: true } : {}),
          status: authorizationStatus(order, index),
          challenges: [...ca.extraChallenges, ...(ca.dns01 ? [challengeBody(order, index)] : [])],
        },
      };
    }
    if (step === 'challenge') {
      if (authorizationStatus(order, index) !== 'pending') return problem(400, 'malformed');
      verdicts.set(key(order, index), ca.verdict(order.names[index] ?? ''));
      return { body: challengeBody(order, index) };
    }
    if (step === 'finalize') {
      if (statusOf(order) !== 'ready') return problem(403, 'orderNotReady');
      order.pem = await issuer.sign(String(payload?.csr), ca.rename(order.names), ca.validity);
      order.status = 'valid';
      ca.issued += 1;
      return { body: orderBody(order) };
    }
    return { headers: { 'content-type': 'application/pem-certificate-chain' }, body: ca.chain(order.pem ?? '') };
  }

  async function answer(request: IncomingMessage): Promise<Reply> {
    let raw = '';
    for await (const chunk of request) raw += chunk;
    const url = request.url ?? '/';
    const step = url.split('/')[1] as Step;
    const jws = raw ? JSON.parse(raw) : undefined;
    const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
    const header = jws ? decode(jws.protected) : {};
    const call: Call = {
      step,
      url,
      method: request.method ?? '',
      userAgent: request.headers['user-agent'] ?? '',
      at: performance.now(),
      header,
      payload: jws?.payload ? decode(jws.payload) : undefined,
    };
    calls.push(call);
    if (jws && !nonces.delete(header.nonce)) return problem(400, 'badNonce', { detail: 'unknown' });
    const other = ca.mood?.(call, ca.count(step));
    if (!other || other.afterwards) {
      const usual = await behave(call);
      return other ?? usual;
    }
    return other;
  }

  const server = createServer((request, response) => {
    void answer(request).then(({ status = 200, headers = {}, body, cut, withoutNonce }) => {
      if (cut) return request.socket.destroy();
      given += 1;
      nonces.add(`nonce-${given}`);
      const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
      const type = { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json' };
      const nonce = withoutNonce ? {} : { 'replay-nonce': `nonce-${given}` };
      response.writeHead(status, { ...nonce, ...type, ...headers }).end(text);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  ca.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  ca.directoryUrl = `${ca.url}/directory`;
  return ca;
}

const DAY_MS = 86_400_000;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const crypto = webcrypto as any;

async function makeIssuer() {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const name = 'CN=Hostile Root';
  const from = new Date(Date.now() - 1000 * DAY_MS);
  const root = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: '01',
      name,
      notBefore: from,
      notAfter: new Date(Date.now() + 1000 * DAY_MS),
      signingAlgorithm: algorithm,
      keys,
      extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
    },
    crypto,
  );
  return {
    name: 'Hostile Root',
    pem: `${root.toString('pem')}\n`,
    async sign(csr: string, names: readonly string[], [first, last]: readonly [number, number]): Promise<string> {
      const request = new x509.Pkcs10CertificateRequest(Buffer.from(csr, 'base64url'));
      const leaf = await x509.X509CertificateGenerator.create(
        {
          serialNumber: Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString('hex'),
          subject: '',
          issuer: name,
          notBefore: new Date(Date.now() + first * DAY_MS - 1000),
          notAfter: new Date(Date.now() + last * DAY_MS),
          publicKey: await request.publicKey.export(crypto),
          signingKey: keys.privateKey,
          signingAlgorithm: algorithm,
          extensions: [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value })))],
        },
        crypto,
      );
      return new X509Certificate(Buffer.from(leaf.rawData)).toString();
    },
  };
}
