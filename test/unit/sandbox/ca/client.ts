import { createHash, type KeyObject } from 'node:crypto';
import { Agent, request } from 'node:https';
import { calculateJwkThumbprint, exportJWK, FlattenedSign, generateKeyPair, type JWK } from 'jose';

/** A client that says exactly what a test wants said. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, any>>;
  readonly text: string;
  readonly body: any;
  /** `malformed` of `urn:ietf:params:acme:error:malformed`. */
  readonly kind: string;
}

export interface Keys {
  readonly privateKey: any;
  readonly jwk: JWK;
  readonly alg: string;
}

export async function newKeys(alg = 'ES256'): Promise<Keys> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, jwk: await exportJWK(publicKey), alg };
}
export const keysOf = async (privateKey: KeyObject, alg: string): Promise<Keys> => {
  const { kty, crv, x, y, n, e } = privateKey.export({ format: 'jwk' }) as JWK;
  return { privateKey, alg, jwk: JSON.parse(JSON.stringify({ kty, crv, x, y, n, e })) as JWK };
};

export interface Wishes {
  /** Overrides of the protected header; `undefined` removes a member. */
  readonly header?: Record<string, unknown>;
  readonly keys?: Keys;
  readonly headers?: Record<string, string | undefined>;
  /** The last word about the body. */
  readonly spoil?: (jws: Record<string, any>) => unknown;
}

export class AcmeClient {
  readonly origin: string;
  readonly agent: Agent;
  directory: Record<string, any> = {};
  kid: string | undefined;
  keys!: Keys;
  readonly directoryUrl: string;

  constructor(directoryUrl: string, rootPem: string) {
    this.directoryUrl = directoryUrl;
    this.origin = new URL(directoryUrl).origin;
    this.agent = new Agent({ ca: rootPem, keepAlive: true, maxSockets: 16 });
  }

  /** With its directory read, and, unless told not to, an account. */
  static async start(directoryUrl: string, rootPem: string, account = true): Promise<AcmeClient> {
    const client = new AcmeClient(directoryUrl, rootPem);
    client.directory = (await client.send('GET', directoryUrl)).body;
    client.keys = await newKeys();
    if (account) await client.register();
    return client;
  }

  async register(payload: object = { termsOfServiceAgreed: true }): Promise<Reply> {
    const reply = await this.post(this.directory.newAccount, payload);
    if (reply.status < 400) this.kid = reply.headers.location;
    return reply;
  }

  send(method: string, url: string, body?: string, headers: Record<string, string | undefined> = {}): Promise<Reply> {
    const all = Object.entries({ 'user-agent': 'test', ...headers }).filter(([, value]) => value !== undefined);
    return new Promise((resolve, reject) => {
      const sending = request(
        url,
        { method, agent: this.agent, headers: Object.fromEntries(all) as Record<string, string> },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('end', () => {
            const isJson = /json/u.test(response.headers['content-type'] ?? '');
            const content = isJson ? JSON.parse(text) : undefined;
            const kind = String(content?.type ?? '').replace('urn:ietf:params:acme:error:', '');
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: content, kind });
          });
        },
      );
      sending.on('error', reject);
      sending.end(body);
    });
  }

  async nonce(): Promise<string> {
    return (await this.send('HEAD', this.directory.newNonce)).headers['replay-nonce'];
  }

  /** Signed by the account, or by its key where there is no account yet. `null` is POST-as-GET. */
  async post(url: string, payload: object | string | null, wishes: Wishes = {}): Promise<Reply> {
    const jws = await this.sign(url, payload, wishes);
    const body = JSON.stringify(wishes.spoil ? wishes.spoil(jws as any) : jws);
    return this.send('POST', url, body, { 'content-type': 'application/jose+json', ...wishes.headers });
  }

  async sign(url: string, payload: object | string | null, { header = {}, keys = this.keys }: Wishes = {}) {
    const identity = this.kid === undefined ? { jwk: keys.jwk } : { kid: this.kid };
    const nonce = 'nonce' in header ? {} : { nonce: await this.nonce() };
    return sign(keys, { alg: keys.alg, ...identity, ...nonce, url, ...header }, payload);
  }

  async newOrder(names: readonly string[], more: object = {}): Promise<Reply> {
    const identifiers = names.map((value) => ({ type: 'dns', value }));
    return this.post(this.directory.newOrder, { identifiers, ...more });
  }

  /** What the TXT record of a challenge has to hold. */
  async txtValue(token: string): Promise<string> {
    const text = `${token}.${await calculateJwkThumbprint(this.keys.jwk)}`;
    return createHash('sha256').update(text).digest('base64url');
  }

  /** Reads again and again until what is read is no longer `pending` or `processing`. */
  async settled(url: string): Promise<Reply> {
    for (let tries = 0; tries < 500; tries += 1) {
      const reply = await this.post(url, null);
      if (!/^(?:pending|processing)$/u.test(reply.body?.status)) return reply;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`${url} does not come to an end`);
  }

  stop(): void {
    this.agent.destroy();
  }
}

/** JSON Web Signature in flattened form; text payloads are signed as they are. */
export async function sign(keys: Keys, header: Record<string, unknown>, payload: object | string | null) {
  const text = payload === null ? '' : typeof payload === 'string' ? payload : JSON.stringify(payload);
  const clean = JSON.parse(JSON.stringify(header)) as { alg: string };
  return new FlattenedSign(Buffer.from(text)).setProtectedHeader(clean).sign(keys.privateKey, { crit: { b64: true } });
}
