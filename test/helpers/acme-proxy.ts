import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Lab } from './servers.ts';

/** What a request to Pebble is about, told by its path. */
export type AcmeStep =
  | 'directory'
  | 'nonce'
  | 'newAccount'
  | 'newOrder'
  | 'order'
  | 'authorization'
  | 'challenge'
  | 'finalize'
  | 'certificate'
  | 'other';

const paths: readonly (readonly [string, AcmeStep])[] = [
  ['/dir', 'directory'],
  ['/nonce-plz', 'nonce'],
  ['/sign-me-up', 'newAccount'],
  ['/order-plz', 'newOrder'],
  ['/my-order/', 'order'],
  ['/authZ/', 'authorization'],
  ['/chalZ/', 'challenge'],
  ['/finalize-order/', 'finalize'],
  ['/certZ/', 'certificate'],
];

export type When = 'before' | 'after';

export interface AcmeProxy {
  readonly directoryUrl: string;
  readonly steps: AcmeStep[];
  /** Called when a request arrives (`before`; `drop` keeps it from Pebble) and when Pebble has done it but the client does not know (`after`). */
  intercept?: ((step: AcmeStep, when: When) => Promise<'drop' | undefined>) | undefined;
  stop(): Promise<void>;
}

/** Stands in front of Pebble, which takes its own address from the Host header: so every URL leads through here. */
export async function startAcmeProxy({ directoryUrl, caFile, folder }: Lab): Promise<AcmeProxy> {
  const cert = readFileSync(caFile);
  const pebble = new URL(directoryUrl);
  const agent = new Agent({ keepAlive: true, ca: cert });
  const steps: AcmeStep[] = [];
  const server = createServer({ cert, key: readFileSync(join(folder, 'key.pem')) }, (incoming, outgoing) => {
    outgoing.on('error', () => {});
    pass(incoming).then(
      ({ status, headers, body }) => outgoing.writeHead(status, headers).end(body),
      () => outgoing.destroy(),
    );
  });
  async function pass(incoming: IncomingMessage) {
    const path = incoming.url ?? '/';
    const step = paths.find(([prefix]) => path.startsWith(prefix))?.[1] ?? 'other';
    steps.push(step);
    const sent = await read(incoming);
    if ((await proxy.intercept?.(step, 'before')) === 'drop') throw new Error('dropped');
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const { method, headers } = incoming;
      request({ agent, host: pebble.hostname, port: pebble.port, method, path, headers }, resolve)
        .on('error', reject)
        .end(sent);
    });
    const body = await read(answer);
    await proxy.intercept?.(step, 'after');
    return { status: answer.statusCode ?? 502, headers: answer.headers, body };
  }
  await new Promise<void>((resolve) => server.listen(0, pebble.hostname, resolve));
  const { port } = server.address() as AddressInfo;
  const proxy: AcmeProxy = {
    directoryUrl: `https://${pebble.hostname}:${port}/dir`,
    steps,
    async stop() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

async function read(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
