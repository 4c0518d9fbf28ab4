import { realpath } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { directoryUrl } from '../../acme/directories.ts';
import type { Found, ImportHints } from '../../acme/import/found.ts';
import { detectFormat, readSource, sourceRoot } from '../../acme/import/source.ts';
import { takeOver } from '../../acme/import/take-over.ts';
import { fileNameOf, type Store } from '../../acme/storage.ts';
import { parseAssignments } from '../../dns/assignments.ts';
import { type AppError, ConfigError } from '../../errors.ts';
import { storeOf } from '../compose.ts';
import { readFlags } from '../flags.ts';
import { type ImportFlags, importFlags } from '../import-options.ts';
import { importOutcome } from '../import-report.ts';
import type { CommandContext, Outcome } from '../main.ts';

/** Adopts the store of lego, certbot or acme.sh: accounts, certificates, keys. Nothing in it is changed. */
export async function importStore(context: CommandContext): Promise<Outcome> {
  const { io, log, own = new Map(), words = [] } = context;
  const { signal } = io;
  const [folder, ...only] = words;
  if (folder === undefined) {
    throw new ConfigError('no folder was named', {
      hint: 'name the store to import, such as ./.lego, /etc/letsencrypt or ~/.acme.sh',
    });
  }
  const flags = readFlags(importFlags, own, {});
  const hints = hintsOf(context, flags);
  const source = await sourceRoot(resolve(io.cwd, folder));
  const format = flags.from ?? (await detectFormat(source));
  const store = storeOf(context);
  const there = await realpath(store.root).catch(() => store.root);
  if (there === source) return inPlace(source, store, format);
  if (`${there}${sep}`.startsWith(`${source}${sep}`)) {
    throw new ConfigError(`the store ${there} would be inside the folder that is imported`, {
      hint: 'name another place for the store with --path',
    });
  }

  const found = pick(await readSource(format, source, hints), only);
  const { dryRun, force } = flags;
  if (!dryRun) await store.probe();
  const taken = await takeOver(found, store, { dryRun, force, now: new Date(), log, signal });
  for (const { from, error } of found.problems)
    log.warn(`not imported: ${error.message.includes(from) ? '' : `${from}: `}${messageOf(error)}`);
  for (const { found: one, error } of taken.accounts)
    if (error) log.warn(`not imported: account ${one.account.id}: ${messageOf(error)}`);
  for (const { found: one, error } of taken.certificates)
    if (error) log.warn(`not imported: ${one.stored.name}: ${messageOf(error)}`);
  return importOutcome({ format, source, store, dryRun, found, taken });
}

/** What the source may not say, as far as the user says it. The default CA is no statement of the user's. */
function hintsOf({ options, given, io }: CommandContext, flags: ImportFlags): ImportHints {
  const isSaid = given.has('--server') || Boolean(io.env.QUOIN_SERVER || io.env.LEGO_SERVER);
  if (options.dns.length > 0) parseAssignments(options.dns);
  return {
    email: options.email,
    servers: isSaid ? options.servers.map(directoryUrl) : [],
    dns: options.dns,
    resolvers: options.resolvers,
    caCertificates: options.caCertificates.map((file) => resolve(io.cwd, file)),
    hooks: flags.hooks,
  };
}

/** With names given, by `-d` or behind the folder, those certificates only, and all accounts. */
function pick(found: Found, only: readonly string[]): Found {
  if (only.length === 0) return found;
  const names = found.certificates.map(({ stored }) => stored.name);
  const wanted = new Set(only.map((name) => fileNameOf(name)));
  for (const name of only) {
    if (names.some((known) => fileNameOf(known) === fileNameOf(name))) continue;
    throw new ConfigError(`there is no certificate ${name} to import`, {
      hint: names.length > 0 ? `there are ${names.join(', ')}` : undefined,
      facts: { certificates: names },
    });
  }
  return { ...found, certificates: found.certificates.filter(({ stored }) => wanted.has(fileNameOf(stored.name))) };
}

function inPlace(source: string, store: Store, format: string): Outcome {
  return {
    json: { format, source, store: store.root, inPlace: true, accounts: [], certificates: [], problems: [] },
    text: `${source} is the store that quoin uses, as it is: there is nothing to import\n  to move to another one, name it with --path\n`,
  };
}

function messageOf({ message, hint }: AppError): string {
  return hint ? `${message} (${hint})` : message;
}
