import { settledAccount } from '../../acme/account-key.ts';
import { archiveCertificate } from '../../acme/archive.ts';
import { type AcmeOptions, type Directory, fetchDirectory } from '../../acme/client.ts';
import {
  connectRevoker,
  isForSubscribers,
  parseReason,
  type Revoker,
  refusesAccount,
  revokeCertificate,
} from '../../acme/revoke.ts';
import type { Store } from '../../acme/storage.ts';
import { ConfigError, isAppError } from '../../errors.ts';
import { caTransport } from '../ca-transport.ts';
import { type RevokeFlags, revokeFlags } from '../certificate-options.ts';
import { originOf } from '../certificates/origin.ts';
import { storeOf } from '../compose.ts';
import type { CommandContext, Outcome } from '../main.ts';
import { readFlags } from '../options.ts';
import { errorJson, exitCodeOf } from '../render-error.ts';
import { type Found, findName, readFound } from '../stored-certificate.ts';

interface Job {
  readonly context: CommandContext;
  readonly store: Store;
  readonly flags: RevokeFlags;
  readonly reason: number | undefined;
  readonly acme: AcmeOptions;
  /** Each CA's directory is asked for once; when it is down, that is found out once. */
  readonly directories: Map<string, Promise<Directory>>;
}

interface Result {
  readonly name: string;
  readonly action: 'revoked' | 'alreadyRevoked' | 'failed';
  /** Where the files are now; absent: where they were. */
  readonly archived?: readonly string[];
  /** Of the revocation, or of what came after it. */
  readonly error?: unknown;
}

/** Revokes certificates of the store, one after the other. One that fails does not stop the others. */
export async function revoke(context: CommandContext): Promise<Outcome> {
  const { io, log, options, own = new Map(), words = [] } = context;
  const names = [...new Set(words)];
  if (names.length === 0)
    throw new ConfigError('no certificate was named', { hint: 'quoin list shows what is in the store' });
  const flags = readFlags(revokeFlags, own, io.env);
  const reason = flags.reason === undefined ? undefined : parseReason(flags.reason);
  const transport = caTransport(context, options.caCertificates);
  if (reason !== undefined && !isForSubscribers(reason))
    log.warn(`reason ${flags.reason} is not for the holders of certificates: public CAs refuse it`);
  const acme = { transport, log, signal: io.signal, maxWaitMs: options.maxWait };
  const job: Job = { context, store: storeOf(context), flags, reason, acme, directories: new Map() };

  const results: Result[] = [];
  for (const name of names) results.push(await revokeOne(name, job));
  const [only] = results;
  if (results.length === 1 && only?.action === 'failed') throw only.error;
  for (const { name, error } of results) if (error !== undefined) log.warn(`${name}: ${messageOf(error)}`);
  return outcome(results);
}

async function revokeOne(given: string, job: Job): Promise<Result> {
  const { store, flags, acme } = job;
  const { signal, log } = acme;
  try {
    signal.throwIfAborted();
    const file = await findName(store, given);
    const lock = await store.lockCertificate(file, { log, signal });
    try {
      const found = await readFound(store, file);
      const { name } = found.stored;
      const action = await revokeFound(found, job);
      log.info(action === 'revoked' ? `the CA has revoked ${name}` : `the CA had revoked ${name} before`);
      if (flags.keep) return { name, action };
      try {
        const archived = await archiveCertificate(store.root, file, new Date());
        await store.removeRenewal(file);
        return { name, action, archived };
      } catch (error) {
        return { name, action, error };
      }
    } finally {
      await lock.release();
    }
  } catch (caught) {
    const error = signal.aborted ? signal.reason : caught;
    if (!isAppError(error)) throw error;
    return { name: given, action: 'failed', error };
  }
}

/** By the account; by the certificate's own key where the account is gone, here or at the CA. */
async function revokeFound(found: Found, job: Job): Promise<'revoked' | 'alreadyRevoked'> {
  const { flags, acme, reason, directories } = job;
  const { stored } = found;
  const { name, keyPem } = stored;
  const { server, account } = await originOf(stored, job.store, job.context);
  const byKey: Revoker | undefined = keyPem === undefined ? undefined : { keyPem };
  const registered =
    account?.url !== undefined && !flags.withCertificateKey ? { ...account, url: account.url } : undefined;
  if (!registered && !byKey) {
    throw new ConfigError(
      flags.withCertificateKey
        ? `the key of ${name} cannot be used: ${found.keyProblem?.message ?? 'it is not in the store'}`
        : `neither the account of ${name} at ${server} nor the key of the certificate is in the store`,
      { hint: flags.withCertificateKey ? 'leave out --with-certificate-key' : 'restore one of them from a backup' },
    );
  }
  if (!registered && !flags.withCertificateKey)
    acme.log.warn(`the account of ${name} is not in the store: revoking with the certificate's own key`);
  const directory = directories.get(server) ?? fetchDirectory(server, acme);
  directories.set(server, directory);
  const ca = await directory;
  const current = registered && (await settledAccount(registered, ca, job.store, acme));
  const byAccount: Revoker | undefined = current && { keyPem: current.keyPem, accountUrl: current.url };
  const ask = async (revoker: Revoker) =>
    revokeCertificate({ name, certificatePem: stored.certificatePem, reason }, await connectRevoker(revoker, ca, acme));
  if (!byAccount && byKey) return ask(byKey);
  try {
    return await ask(byAccount as Revoker);
  } catch (error) {
    if (!byKey || !refusesAccount(error)) throw error;
    acme.log.warn(`${error.message}; revoking with the certificate's own key`);
    return ask(byKey);
  }
}

function messageOf(error: unknown): string {
  if (!isAppError(error)) return String(error);
  return error.hint ? `${error.message} (${error.hint})` : error.message;
}

function outcome(results: readonly Result[]): Outcome {
  const failed = results.find(({ error }) => error !== undefined);
  const said = { revoked: 'revoked', alreadyRevoked: 'was revoked before:', failed: 'NOT revoked:' };
  return {
    json: {
      certificates: results.map(({ error, ...result }) => ({
        ...result,
        ...(error === undefined ? {} : errorJson(error)),
      })),
    },
    text: results
      .flatMap(({ name, action, archived = [] }) => [
        `${said[action]} ${name}`,
        ...archived.map((path) => `  archived  ${path}`),
      ])
      .map((told) => `${told}\n`)
      .join(''),
    exitCode: failed ? exitCodeOf(failed.error) : 0,
  };
}
