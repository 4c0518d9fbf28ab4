import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { newFolder } from './child.ts';
import { type Row, startDns, type TestDns } from './dns-server.ts';
import { type HostileCa, startHostileCa } from './hostile-ca.ts';
import { type Finished, quoin, type Running } from './servers.ts';

/** What the API of the DNS provider (httpreq) is asked to do. */
export interface ApiCall {
  readonly action: 'present' | 'cleanup';
  readonly path: string;
  /** Without the dot at the end. */
  readonly fqdn: string;
  readonly value: string;
}

/** A CA, a DNS provider and its name servers, all in this process and all of them ready to misbehave. */
export interface SmallWorld {
  readonly ca: HostileCa;
  /** `ns1` on 127.0.0.2 and `ns2` on 127.0.0.3 hold example.test; the first one holds other.test and test, too. */
  readonly dns: TestDns;
  readonly api: {
    readonly calls: ApiCall[];
    /** What to do instead of publishing or removing at once: the status to answer with; `n` counts calls from 1. */
    handle?: (call: ApiCall, n: number) => number | undefined | Promise<number | undefined>;
    publish(call: ApiCall): void;
  };
  readonly env: Readonly<Record<string, string>>;
  /** Of the provider exec, whose program asks the same API below `/exec`. */
  execEnv(): Readonly<Record<string, string>>;
  /** Where `run` keeps its files. */
  readonly store: string;
  /** `quoin run` for these names. */
  run(names: readonly string[], flags?: readonly string[], env?: Readonly<Record<string, string>>): Running;
  /** The same to its end, with the one JSON document that it must have written. */
  runJson(names: readonly string[], flags?: readonly string[], env?: Readonly<Record<string, string>>): Promise<Told>;
  /** TXT values of ours that name servers show. */
  txt(): string[];
  stop(): Promise<void>;
}

export interface Told extends Finished {
  /** Of any shape. */
  readonly json: any;
}

export async function ended({ finished }: Running): Promise<Told> {
  const result = await finished;
  return { ...result, json: JSON.parse(result.stdout) };
}

const zoneRows = (zone: string): Row[] => [
  [zone, 'NS', 'ns1.example.test'],
  [zone, 'NS', 'ns2.example.test'],
];
const example: Row[] = [
  ...zoneRows('example.test'),
  ['ns1.example.test', 'A', '127.0.0.2'],
  ['ns2.example.test', 'A', '127.0.0.3'],
  ['_acme-challenge.example.test', 'TXT', 'someone-else'],
];
const alone = (zone: string): Row[] => [[zone, 'NS', 'ns1.example.test']];

export async function startSmallWorld(): Promise<SmallWorld> {
  const ca = await startHostileCa();
  const dns = await startDns({
    '127.0.0.2': { test: alone('test'), 'example.test': example, 'other.test': alone('other.test') },
    '127.0.0.3': { 'example.test': example },
  });
  const store = join(newFolder(), 'store');
  const ours = new Set<string>();
  const api: SmallWorld['api'] = {
    calls: [],
    publish({ action, fqdn, value }) {
      if (action === 'cleanup') return dns.withdraw(fqdn, value);
      ours.add(value);
      dns.publish(fqdn, value);
    },
  };
  const server = createServer(async (request, response) => {
    let raw = '';
    for await (const chunk of request) raw += chunk;
    const { fqdn, value } = JSON.parse(raw) as { fqdn: string; value: string };
    const path = request.url ?? '';
    const action = path.includes('present') ? 'present' : 'cleanup';
    const call: ApiCall = { action, path, fqdn: fqdn.replace(/\.$/u, ''), value };
    api.calls.push(call);
    const status = api.handle ? await api.handle(call, api.calls.length) : undefined;
    if (status === undefined) api.publish(call);
    response.writeHead(status ?? 200).end();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));

  const txt = () =>
    [...dns.servers.values()].flatMap(({ zones }) =>
      [...zones.values()].flat().flatMap(([, type, data]) => (type === 'TXT' && ours.has(data) ? [data] : [])),
    );
  // A CA that believes what it sees in DNS, and nothing else.
  ca.verdict = () => (txt().length > 0 ? 'valid' : 'invalid');
  const env = {
    QUOIN_SERVER: ca.directoryUrl,
    QUOIN_ACCEPT_TOS: 'true',
    QUOIN_EMAIL: 'me@example.test',
    QUOIN_PATH: store,
    QUOIN_DNS: 'httpreq',
    QUOIN_DNS_RESOLVERS: dns.resolverAddress,
    QUOIN_DNS_AUTHORITATIVE_PORT: String(dns.port),
    HTTPREQ_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    HTTPREQ_POLLING_INTERVAL: '1',
  };
  const world: SmallWorld = {
    ca,
    dns,
    api,
    env,
    execEnv() {
      const program = join(newFolder(), 'dns.sh');
      const body = '"{\\"fqdn\\": \\"$2\\", \\"value\\": \\"$3\\"}"';
      writeFileSync(program, `#!/bin/sh\nexec curl -sf -d ${body} "${env.HTTPREQ_ENDPOINT}/exec/$1"\n`, {
        mode: 0o700,
      });
      return { EXEC_PATH: program, EXEC_SEQUENCE_INTERVAL: '0', EXEC_POLLING_INTERVAL: '1' };
    },
    store,
    txt,
    run: (names, flags = [], more = {}) =>
      quoin(['run', ...names.flatMap((name) => ['-d', name]), ...flags], { ...env, ...more }),
    runJson: (names, flags = [], more = {}) => ended(world.run(names, [...flags, '--json'], more)),
    async stop() {
      server.closeAllConnections();
      await Promise.all([ca.close(), dns.stop(), new Promise((resolve) => server.close(resolve))]);
    },
  };
  return world;
}

/** Lets a name server or resolver do this to questions about some names only. */
export function spoil(
  server: TestDns['resolver'],
  mood: TestDns['resolver']['mood'],
  about: (name: string) => boolean,
) {
  Object.defineProperty(server, 'mood', {
    get: () => (about(server.asked.at(-1)?.name ?? '') ? mood : 'normal'),
    configurable: true,
  });
}
