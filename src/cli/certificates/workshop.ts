import { ensureAccount } from '../../acme/account.ts';
import { type AcmeConnection, type AcmeOptions, type Directory, fetchDirectory } from '../../acme/client.ts';
import type { Dns01 } from '../../acme/ports.ts';
import type { Store } from '../../acme/storage.ts';
import type { Lookup } from '../../dns/lookup.ts';
import type { Transport } from '../../http.ts';
import type { Log } from '../../log.ts';
import { caTransport } from '../ca-transport.ts';
import type { CommandContext } from '../main.ts';
import { openDns } from '../shared-dns.ts';
import type { CertificatePlan } from './plan.ts';

/** What the certificates of one process share: connections to CAs, sessions with DNS providers, look-ups, the journal. */
export interface Workshop {
  acmeOptions(plan: CertificatePlan): AcmeOptions;
  directory(url: string, plan: CertificatePlan): Promise<Directory>;
  /** The connection of the plan's account, which is registered where it is not. */
  connect(directoryUrl: string, plan: CertificatePlan): Promise<AcmeConnection>;
  /** Opens the sessions of the plan's providers: wrong credentials show here, before the CA is asked for anything. */
  solver(plan: CertificatePlan, log: Log): Promise<Dns01>;
  lookup(plan: CertificatePlan): Lookup;
  close(): Promise<void>;
}

/** Remembers what a key stands for, but not failures: the next certificate may try again. */
function shared<T>() {
  const known = new Map<string, Promise<T>>();
  return {
    known,
    get(key: string, make: () => Promise<T>): Promise<T> {
      const made = known.get(key) ?? make();
      known.set(key, made);
      made.catch(() => known.delete(key));
      return made;
    },
  };
}

export function openWorkshop(context: CommandContext, store: Store): Workshop {
  const { options, io, log } = context;
  const { signal } = io;
  const transports = new Map<string, Transport>();
  const directories = shared<Directory>();
  const connections = shared<AcmeConnection>();
  const dns = openDns(context, store);

  function transport(plan: CertificatePlan): Transport {
    const key = plan.caCertificates.join('\n');
    const known = transports.get(key);
    if (known) return known;
    const made = caTransport(context, plan.caCertificates);
    transports.set(key, made);
    return made;
  }
  const acmeOptions = (plan: CertificatePlan): AcmeOptions => ({
    transport: transport(plan),
    log,
    signal,
    maxWaitMs: options.maxWait,
  });

  const directory = (url: string, plan: CertificatePlan) =>
    directories.get(`${url} ${plan.caCertificates.join(' ')}`, () => {
      log.waiting(`asking ${new URL(url).host} for its directory`);
      return fetchDirectory(url, acmeOptions(plan));
    });

  /** One account for all runs on this store: registered under its lock, so that two runs at once register one. */
  async function register(url: string, plan: CertificatePlan): Promise<AcmeConnection> {
    const found = await directory(url, plan);
    const { accountId } = plan.settings;
    const lock = await store.lockAccount(url, accountId, { log, signal });
    try {
      return await ensureAccount({ directory: found, id: accountId, ...plan.account }, store, acmeOptions(plan));
    } finally {
      await lock.release();
    }
  }

  return {
    acmeOptions,
    directory,
    lookup: dns.lookup,
    connect: (url, plan) => connections.get(`${url} ${plan.settings.accountId}`, () => register(url, plan)),

    solver(plan, certificateLog) {
      const { waitMs, authoritative = true, recursive = false } = plan.settings.propagation ?? {};
      return dns.solver(
        { ...plan, names: plan.settings.names, propagation: { fixedWaitMs: waitMs, authoritative, recursive } },
        certificateLog,
      );
    },
    close: dns.close,
  };
}
