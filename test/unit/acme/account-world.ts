import { registerAccount } from '../../../src/acme/account.ts';
import type { RegisteredAccount } from '../../../src/acme/account-lookup.ts';
import { type AcmeOptions, type Directory, fetchDirectory } from '../../../src/acme/client.ts';
import type { KeyType } from '../../../src/acme/keys.ts';
import { openStore, type Store } from '../../../src/acme/storage.ts';
import {
  createTransport,
  type HttpRequest,
  type HttpResponse,
  type Transport,
  TransportError,
} from '../../../src/http.ts';
import { createLog, silentLog } from '../../../src/log.ts';
import { Redactor } from '../../../src/redact.ts';
import { type Ca, type CaOptions, startCa } from '../../../src/sandbox/ca/index.ts';

/** What happens to a request instead of an answer. */
export type Mishap =
  | 'lost' // The CA never hears of it.
  | 'unheard' // The CA does it, and its answer is lost.
  | 'aborted' // The CA does it, and the user presses Ctrl-C.
  | number; // The CA does nothing and answers with this status.

/** The sandbox's CA in this process, and a transport on which things go wrong. */
export async function startAccountWorld(options: Partial<CaOptions> = {}) {
  const ca: Ca = await startCa({ port: 0, dnsServer: { address: '127.0.0.1', port: 1 }, log: silentLog, ...options });
  const real = createTransport({ log: silentLog, env: {}, caCertificates: [ca.rootPem] });
  const requests: HttpRequest[] = [];
  const lines: string[] = [];
  const world = {
    ca,
    requests,
    lines,
    /** Decides on each request, by the path of its address. */
    mishap: undefined as ((path: string, request: HttpRequest) => Mishap | undefined) | undefined,
    controller: new AbortController(),
    get acme(): AcmeOptions {
      const log = createLog((_, message) => lines.push(message), new Redactor());
      return { transport, log, signal: world.controller.signal, maxWaitMs: 0 };
    },
    directory: (): Promise<Directory> => fetchDirectory(ca.directoryUrl, { ...world.acme, transport: real }),
    async register(store: Store, more: { id?: string; keyType?: KeyType; email?: string } = {}) {
      const { id = 'me@example.com', keyType = 'ec256', email = id } = more;
      const request = { directory: await world.directory(), id, email, keyType, acceptTos: true };
      const stored = await store.loadAccount(ca.directoryUrl, id);
      return (await registerAccount(request, stored, store, world.acme)).account;
    },
    load: async (root: string, id = 'me@example.com') =>
      (await openStore(root).loadAccount(ca.directoryUrl, id)) as RegisteredAccount,
    paths: () => requests.map(({ url }) => new URL(url).pathname),
  };
  const transport: Transport = async (request): Promise<HttpResponse> => {
    requests.push(request);
    const happens = world.mishap?.(new URL(request.url).pathname, request);
    if (happens === 'lost') throw new TransportError('reset', 'the connection broke');
    if (typeof happens === 'number')
      return { status: happens, headers: {}, body: Buffer.from('<h1>no</h1>'), url: request.url };
    const answer = await real(request);
    if (happens === 'aborted') world.controller.abort(new Error('Ctrl-C'));
    world.controller.signal.throwIfAborted();
    if (happens === 'unheard') throw new TransportError('reset', 'the connection broke');
    return answer;
  };
  return world;
}

export type AccountWorld = Awaited<ReturnType<typeof startAccountWorld>>;
