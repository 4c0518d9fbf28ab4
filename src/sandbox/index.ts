import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from '../files.ts';
import type { Log } from '../log.ts';
import { type Ca, type CaOptions, startCa } from './ca/index.ts';
import { type DnsServer, startDnsServer } from './dns/index.ts';
import { type Environment, environmentOf } from './environment.ts';
import { newTsigKey, readMemory, writeMemory } from './memory.ts';
import { checkZones } from './zones.ts';

export interface SandboxOptions
  extends Pick<CaOptions, 'externalAccounts' | 'lifetimeMs' | 'renewalWindow' | 'noise' | 'stateFolder'> {
  /** Undefined: the one of the last time with `stateFolder`, else any that is free. */
  readonly port?: number | undefined;
  readonly dnsPort?: number | undefined;
  readonly zones: readonly string[];
  /** Where the CA looks names up instead of a DNS server of the sandbox's own, which is not started then. */
  readonly dnsServer?: CaOptions['dnsServer'] | undefined;
  readonly propagationMs?: number | undefined;
  /** For the root certificate; made when missing. */
  readonly folder: string;
  readonly log: Log;
}

/** A test CA and an authoritative DNS server on loopback. Never for production. */
export interface Sandbox {
  readonly directoryUrl: string;
  /** PEM: trust anchor of the issued certificates and of the CA's HTTPS endpoint. */
  readonly rootFile: string;
  readonly dnsServer: CaOptions['dnsServer'];
  /** Absent with `dnsServer`. */
  readonly dns: DnsServer | undefined;
  readonly zones: readonly string[];
  /** Variables that make quoin, lego and others use this sandbox. */
  readonly environment: Environment;
  close(): Promise<void>;
}

export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { stateFolder, log, propagationMs = 0, externalAccounts } = options;
  const zones = checkZones(options.zones);
  const memory = stateFolder === undefined ? undefined : await readMemory(stateFolder);
  const closing: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    let dns: DnsServer | undefined;
    if (!options.dnsServer) {
      const tsigKey = memory?.tsigKey ?? newTsigKey();
      const port = options.dnsPort ?? memory?.dnsPort ?? 0;
      dns = await startDnsServer({ port, zones, tsigKey, propagationMs, log });
      closing.push(dns.close);
    }
    const dnsServer = options.dnsServer ?? { address: dns?.address ?? '', port: dns?.port ?? 0 };
    const ca = await startCa({ ...caOptions(options), port: options.port ?? memory?.caPort ?? 0, dnsServer });
    closing.push(() => ca.close());
    const rootFile = await writeRoot(options.folder, ca);
    if (stateFolder !== undefined) {
      const dnsPort = dns?.port ?? memory?.dnsPort ?? 0;
      await writeMemory(stateFolder, {
        caPort: ca.port,
        dnsPort,
        tsigKey: dns?.tsigKey ?? memory?.tsigKey ?? newTsigKey(),
      });
    }
    const { directoryUrl } = ca;
    const tsigKey = dns?.tsigKey;
    const externalAccount = externalAccounts?.[0];
    const environment = environmentOf({ directoryUrl, rootFile, dnsServer, tsigKey, externalAccount, propagationMs });
    return { directoryUrl, rootFile, dnsServer, dns, zones: dns ? zones : [], environment, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const caOptions = ({ stateFolder, externalAccounts, lifetimeMs, renewalWindow, noise, log }: SandboxOptions) => ({
  stateFolder,
  ...(externalAccounts ? { externalAccounts } : {}),
  lifetimeMs,
  renewalWindow,
  ...(noise ? { noise } : {}),
  log,
});

async function writeRoot(folder: string, { rootPem }: Ca): Promise<string> {
  await makeFolder(folder);
  const file = join(folder, 'root.pem');
  // For everybody: web servers and clients under other users have to read it, and it is no secret.
  await writeFileAtomic(file, rootPem, { mode: 0o644 });
  return file;
}
