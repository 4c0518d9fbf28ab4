import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseAccountKey } from '../../../acme/account-key.ts';
import { type AcmeOptions, type Directory, fetchDirectory } from '../../../acme/client.ts';
import { directoryUrl } from '../../../acme/directories.ts';
import { type KeyType, parseKeyType } from '../../../acme/keys.ts';
import type { Store } from '../../../acme/storage.ts';
import { ConfigError, type StorageError } from '../../../errors.ts';
import { errorCode } from '../../../files.ts';
import { accountFlags } from '../../account-options.ts';
import { caTransport } from '../../ca-transport.ts';
import { storeOf } from '../../compose.ts';
import type { CommandContext } from '../../main.ts';
import { readFlags } from '../../options.ts';

/** What all commands about accounts work with. */
export interface Desk {
  readonly store: Store;
  /** The directory's URL. */
  readonly server: string;
  readonly acme: AcmeOptions;
  /** Whether `--yes` was given. */
  readonly yes: boolean;
  /** The key that the user brought, as of `parseAccountKey`. */
  readonly keyPem: string | undefined;
  readonly keyType: KeyType | undefined;
  directory(): Promise<Directory>;
  /** Keeps other processes from changing this account meanwhile. */
  locked<T>(id: string, work: () => Promise<T>): Promise<T>;
}

/** Everything that can be checked before the network is touched. */
export function openDesk(context: CommandContext): Desk {
  const { options, io, log, given, own = new Map() } = context;
  const flags = readFlags(accountFlags, new Map([...given, ...own]), {});
  const store = storeOf(context);
  const server = directoryUrl(options.server);
  const acme: AcmeOptions = {
    transport: caTransport(context, options.caCertificates),
    ...{ log, signal: io.signal, maxWaitMs: options.maxWait },
  };
  return {
    ...{ store, server, acme, yes: flags.yes },
    keyPem: flags.accountKey === undefined ? undefined : readKeyFile(resolve(io.cwd, flags.accountKey)),
    keyType: flags.accountKeyType === undefined ? undefined : parseKeyType(flags.accountKeyType),
    directory() {
      log.waiting(`asking ${new URL(server).host} for its directory`);
      return fetchDirectory(server, acme);
    },
    async locked(id, work) {
      const lock = await store.lockAccount(server, id, { log, signal: io.signal });
      try {
        return await work();
      } finally {
        await lock.release();
      }
    },
  };
}

function readKeyFile(path: string): string {
  try {
    return parseAccountKey(readFileSync(path, 'utf8'), path);
  } catch (cause) {
    if (errorCode(cause) === '' || cause instanceof ConfigError) throw cause;
    throw new ConfigError(`cannot read ${path}: ${errorCode(cause)}`, { cause, hint: 'check --account-key' });
  }
}

/** Accounts that cannot be read are no reason to say that there are none. */
export function throwFirst(problems: readonly StorageError[]): void {
  const [first] = problems;
  if (first) throw first;
}
