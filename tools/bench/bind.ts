import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ServerProcess, startServer } from './processes.ts';

export const tsig = {
  name: 'quoin-bench',
  algorithm: 'hmac-sha256',
  secret: 'bGFiLXNlY3JldC1sYWItc2VjcmV0LWxhYi1zZWNyZXQ=',
} as const;

export interface ServedZone {
  readonly folder: string;
  /** Clients ask here, port 53: lego and certbot know no other. */
  readonly address: string;
  /** The CA asks here, so that its questions can be told from the client's. */
  readonly caAddress: string;
  readonly zone: string;
}

export interface Bind {
  readonly process: ServerProcess;
  /** DNS messages that came to this address so far: queries, and updates on the clients' one. */
  requests(address: string): number;
}

/** BIND with one zone that takes DNS UPDATE, authoritative only; it also plays the resolver for its zone. */
export async function startBind({ folder: parent, address, caAddress, zone }: ServedZone): Promise<Bind> {
  const folder = join(parent, 'bind');
  mkdirSync(folder);
  const records = [
    `@ IN SOA ns1.${zone}. hostmaster.${zone}. 1 5 5 3600 5`,
    `@ IN NS ns1.${zone}.`,
    `ns1 IN A ${address}`,
  ];
  writeFileSync(join(folder, 'zone'), `$TTL 60\n${records.join('\n')}\n`);
  const config = join(folder, 'named.conf');
  writeFileSync(
    config,
    `options { directory "${folder}"; pid-file none; session-keyfile none; recursion no; notify no; dnssec-validation no;
  listen-on { ${address}; ${caAddress}; }; listen-on-v6 { none; }; querylog yes; max-journal-size 1M; };
controls { };
key "${tsig.name}" { algorithm ${tsig.algorithm}; secret "${tsig.secret}"; };
zone "${zone}" { type primary; file "zone"; update-policy { grant ${tsig.name} zonesub ANY; }; };
`,
  );
  const process = await startServer('named', ['-g', '-n', '2', '-c', config], {
    folder,
    ready: async () => answers(address, zone),
  });
  const lines = (...parts: string[]) =>
    process
      .log()
      .split('\n')
      .filter((line) => parts.every((part) => line.includes(part))).length;
  return {
    process,
    requests: (asked) =>
      lines(': query: ', `(${asked})`) + (asked === address ? lines(`signer "${tsig.name}" approved`) : 0),
  };
}

/** Whether the name server serves the zone. */
export function answers(address: string, zone: string): boolean {
  try {
    const question = ['+short', '+time=1', '+tries=1', `@${address}`, 'SOA', zone];
    return execFileSync('dig', question, { encoding: 'utf8' }).includes('hostmaster');
  } catch {
    return false;
  }
}
