import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBind, tsig } from './bind.ts';
import { startPowerDns } from './pdns.ts';
import { startPebble } from './pebble.ts';

export type Dns = 'BIND' | 'PowerDNS';

export interface Counts {
  readonly acme: number;
  /** Queries and updates of the client, without the CA's. */
  readonly dns: number;
}

export interface BenchLab {
  readonly dns: Dns;
  readonly folder: string;
  readonly zone: string;
  readonly directoryUrl: string;
  readonly caFile: string;
  /** `host:53` of the only name server, which is also the resolver. */
  readonly resolver: string;
  readonly tsig: typeof tsig;
  readonly pdns: { readonly url: string; readonly apiKey: string } | undefined;
  /** An /etc/hosts with the name server in it: lego has the system look it up. */
  readonly hostsFile: string;
  /** So far; `names` is how many the CA validated, to leave its own queries out where they cannot be told apart. */
  counts(validated: number): Promise<Counts>;
  stop(): Promise<void>;
}

/** Pebble 2 asks from three vantage points, one TXT query each; BIND's log, which tells them apart, confirms it. */
const CA_QUERIES_PER_NAME = 3;

let labs = 0;

export async function startBenchLab(dns: Dns): Promise<BenchLab> {
  labs += 1;
  const host = (n: number) => `127.${64 + ((process.pid >> 8) % 128)}.${process.pid & 255}.${labs * 10 + n}`;
  const [address, caAddress, acmeAddress] = [host(1), host(2), host(3)];
  // BIND listens on addresses that an interface has, so loopback gets two more while the bench runs.
  const lend = (what: 'add' | 'del') => {
    for (const one of [address, caAddress]) execFileSync('ip', ['address', what, `${one}/32`, 'dev', 'lo']);
  };
  lend('add');
  const folder = mkdtempSync(join(tmpdir(), 'quoin-bench-'));
  const zone = 'example.test';
  const served = { folder, address, caAddress, zone };
  const bind = dns === 'BIND' ? await startBind(served) : undefined;
  const pdns = dns === 'PowerDNS' ? await startPowerDns(served) : undefined;
  const pebble = await startPebble(folder, acmeAddress, `${caAddress}:53`);
  const hostsFile = join(folder, 'hosts');
  writeFileSync(hostsFile, `127.0.0.1 localhost\n${address} ns1.${zone}\n`);
  return {
    dns,
    folder,
    zone,
    directoryUrl: pebble.directoryUrl,
    caFile: pebble.caFile,
    resolver: `${address}:53`,
    tsig,
    pdns,
    hostsFile,
    async counts(validated) {
      const all = pdns ? (await pdns.requests()) - validated * CA_QUERIES_PER_NAME : 0;
      return { acme: pebble.requests(), dns: bind ? bind.requests(address) : all };
    },
    async stop() {
      for (const part of [pebble, bind, pdns]) await part?.process.stop();
      lend('del');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
