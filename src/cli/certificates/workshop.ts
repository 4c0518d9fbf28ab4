import { ensureAccount } from '../../acme/account.ts';
import { type AcmeConnection, type AcmeOptions, type Directory, fetchDirectory } from '../../acme/client.ts';
import type { Dns01 } from '../../acme/ports.ts';
import type { Reach } from '../../acme/renewal-info.ts';
import type { Store } from '../../acme/storage.ts';
import type { Lookup } from '../../dns/lookup.ts';
import type { Transport } from '../../http.ts';
import type { Log } from '../../log.ts';
import { caTransport } from '../ca-transport.ts';
import type { CommandContext } from '../main.ts';
import { openDns } from '../shared-dns.ts';
import { impatient } from './impatient.ts';
import type { CertificatePlan } from './plan.ts';
import { createOutages } from './refusals.ts';

/** What the certificates of one process share: connections to CAs, sessions with DNS providers, look-ups, the journal. */
export interface Workshop {
  acmeOptions(plan: CertificatePlan): AcmeOptions;
  directory(url: string, plan: CertificatePlan): Promise<Directory>;
  /** How the CA of this directory is asked when to renew: once, and not for long. */
  reach(url: string, plan: CertificatePlan): Reach;
  /** The connection of the plan's account, which is registered where it is not. */
  connect(directoryUrl: string, plan: CertificatePlan): Promise<AcmeConnection>;
  /** Opens the sessions of the plan's providers: wrong credentials show here, before the CA is asked for anything. */
  solver(plan: CertificatePlan, log: Log): Promise<Dns01>;
  lookup(plan: CertificatePlan): Lookup;
  /** CAs that turned out to be down. */
  readonly outages: ReturnType<typeof createOutages>;
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
  const impatientOnes = new Map<Transport, Transport>();
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

  const keyOf = (url: string, { caCertificates }: CertificatePlan) => `${url} ${caCertificates.join(' ')}`;
  const directory = (url: string, plan: CertificatePlan) =>
    directories.get(keyOf(url, plan), () => {
      log.waiting(`asking ${new URL(url).host} for its directory`);
      return fetchDirectory(url, acmeOptions(plan));
    });

  const reach = (url: string, plan: CertificatePlan) => async () => {
    const usual = transport(plan);
    const quick = impatientOnes.get(usual) ?? impatient(usual, options.httpTimeout);
    impatientOnes.set(usual, quick);
    return {
      transport: quick,
      async directory() {
        const key = keyOf(url, plan);
        const known = directories.known.get(key);
        if (known) return known;
        // Its failure is not that of who has more patience.
        const found = await fetchDirectory(url, { ...acmeOptions(plan), transport: quick, maxWaitMs: 0 });
        return directories.get(key, async () => found);
      },
    };
  };

  /** One account for all runs on this store: registered under its lock, so that two runs at once register one. */
  async function register(url: string, plan: CertificatePlan): Promise<AcmeConnection> {
    const found = await directory(url, plan);
    const { accountId } = plan.settings;
    // Of several CAs, the one that binds accounts is meant.
    const eab = plan.servers.length === 1 || found.meta.externalAccountRequired ? plan.account.eab : undefined;
    const lock = await store.lockAccount(url, accountId, { log, signal });
    try {
      return await ensureAccount({ directory: found, id: accountId, ...plan.account, eab }, store, acmeOptions(plan));
    } finally {
      await lock.release();
    }
  }

  return {
    acmeOptions,
    directory,
    reach,
    lookup: dns.lookup,
    outages: createOutages(),
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
