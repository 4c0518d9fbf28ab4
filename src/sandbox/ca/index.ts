import type { Server } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { ConfigError } from '../../errors.ts';
import { errorCode } from '../../files.ts';
import type { Log } from '../../log.ts';
import { createApp } from './app.ts';
import { openAuthority } from './authority.ts';
import { resumeValidations } from './authorizations.ts';
import { resumeIssuing } from './finalize.ts';
import { type Chance, openState, startBackground } from './state.ts';
import { createValidator } from './validation.ts';

export interface CaOptions {
  /** 0: any free one. The CA listens on 127.0.0.1 with TLS. */
  readonly port: number;
  /** Asked for the TXT records of a challenge, by real DNS queries (UDP, then TCP when truncated), CNAMEs followed. */
  readonly dnsServer: { readonly address: string; readonly port: number };
  /** Keys, certificates, accounts and orders are kept here, so that a restart goes on. Absent: all in memory, fresh at start. */
  readonly stateFolder?: string | undefined;
  /** Given: new accounts need an external account binding. The keys are base64url. */
  readonly externalAccounts?: readonly { readonly kid: string; readonly hmacKey: string }[] | undefined;
  /** Of certificates; overrides the profiles' own. */
  readonly lifetimeMs?: number | undefined;
  /** Where in the certificate's lifetime the ARI window lies, after notBefore; default the middle third; `now` for "renew at once". */
  readonly renewalWindow?: { readonly startMs: number; readonly endMs: number } | 'now' | undefined;
  readonly noise?: Noise | undefined;
  readonly log: Log;
}

/** What clients must survive. */
export interface Noise {
  /** How many of a hundred good nonces are refused all the same. */
  readonly nonceRejectPercent?: number | undefined;
  /** Before every answer. */
  readonly delayMs?: number | undefined;
  /** In the Retry-After of everything that has one. */
  readonly retryAfterSeconds?: number | undefined;
  /** Answers instead of the right one; rates from 0 to 1. */
  readonly failures?: readonly { readonly status: number; readonly rate: number }[] | undefined;
  /** How long an order is `processing`. */
  readonly processingMs?: number | undefined;
}

export interface Ca {
  /** `https://127.0.0.1:PORT/directory` */
  readonly directoryUrl: string;
  /** Trust anchor of the issued certificates and of the CA's own HTTPS endpoint. */
  readonly rootPem: string;
  readonly port: number;
  close(): Promise<void>;
}

const ADDRESS = '127.0.0.1';

/** Starts a test CA (RFC 8555, RFC 9773) on loopback. `chance` is for tests. */
export async function startCa(
  options: CaOptions,
  chance: Chance = { now: Date.now, random: Math.random },
): Promise<Ca> {
  const authority = await openAuthority(chance.now(), options.stateFolder);
  const background = startBackground(options.log);
  const validator = createValidator(options.dnsServer);
  const ca = await openState(options, chance, { authority, validator, background });
  const server = createAdaptorServer({
    fetch: createApp(ca).fetch,
    createServer,
    serverOptions: await authority.serverIdentity(Date.now()),
    overrideGlobalObjects: false,
  }) as Server;
  const port = await listen(server, options.port);
  ca.origin = `https://${ADDRESS}:${port}`;
  resumeValidations(ca);
  resumeIssuing(ca);
  return {
    directoryUrl: `${ca.origin}/directory`,
    rootPem: authority.rootPem,
    port,
    async close() {
      server.close();
      server.closeAllConnections();
      await background.stop();
      await Promise.all([ca.accounts, ca.orders, ca.certificates].map((shelf) => shelf.flush()));
    },
  };
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, ADDRESS, resolve);
  }).catch((error: unknown) => {
    const why = errorCode(error) === 'EADDRINUSE' ? 'is in use' : `cannot be used (${errorCode(error)})`;
    throw new ConfigError(`port ${port} of ${ADDRESS} ${why}`, { cause: error, hint: 'name another one with --port' });
  });
  return (server.address() as AddressInfo).port;
}
