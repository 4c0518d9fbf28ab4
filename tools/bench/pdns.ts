import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ServedZone } from './bind.ts';
import { freePort, type ServerProcess, startServer } from './processes.ts';

export interface PowerDns {
  readonly process: ServerProcess;
  readonly url: string;
  readonly apiKey: string;
  /** DNS queries so far, the CA's included. */
  requests(): Promise<number>;
}

const SCHEMA = '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql';

/** PowerDNS on an SQLite file, changed through its HTTP API; nothing is cached, so every change is seen at once. */
export async function startPowerDns({ folder: parent, address, caAddress, zone }: ServedZone): Promise<PowerDns> {
  const folder = join(parent, 'pdns');
  mkdirSync(folder);
  const database = join(folder, 'pdns.db');
  execFileSync('sqlite3', [database, `.read ${SCHEMA}`]);
  const apiPort = await freePort(address);
  const apiKey = 'bench-key';
  const url = `http://${address}:${apiPort}`;
  const settings = {
    'config-dir': folder,
    'socket-dir': folder,
    launch: 'gsqlite3',
    'gsqlite3-database': database,
    'gsqlite3-pragma-synchronous': 0,
    'local-address': `${address},${caAddress}`,
    webserver: 'yes',
    'webserver-address': address,
    'webserver-port': apiPort,
    'webserver-allow-from': '127.0.0.0/8',
    api: 'yes',
    'api-key': apiKey,
    'cache-ttl': 0,
    'query-cache-ttl': 0,
    'negquery-cache-ttl': 0,
    daemon: 'no',
    guardian: 'no',
  };
  const api = async (path: string, body?: object) => {
    const answer = await fetch(`${url}/api/v1/servers/localhost${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!answer.ok) throw new Error(`PowerDNS ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const process = await startServer(
    'pdns_server',
    Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
    {
      folder,
      ready: () =>
        api('/zones').then(
          () => true,
          () => false,
        ),
    },
  );
  const rrsets = [{ name: `ns1.${zone}.`, type: 'A', ttl: 60, records: [{ content: address, disabled: false }] }];
  await api('/zones', { name: `${zone}.`, kind: 'Native', nameservers: [`ns1.${zone}.`], rrsets });
  return {
    process,
    url,
    apiKey,
    async requests() {
      const statistics = (await api('/statistics')) as { name: string; value: string }[];
      return statistics
        .filter(({ name }) => name === 'udp-queries' || name === 'tcp-queries')
        .reduce((sum, { value }) => sum + Number(value), 0);
    },
  };
}
