import { isAbsolute, relative, resolve } from 'node:path';
import { toPem } from '../../acme/certificate.ts';
import { PUBLIC_PFX_PASSWORD } from '../../acme/extra-files.ts';
import { ConfigError } from '../../errors.ts';
import { writeFileAtomic } from '../../files.ts';
import { type ExportFlags, exportFlags, type Format } from '../certificate-options.ts';
import { storeOf } from '../compose.ts';
import type { CommandContext, Outcome } from '../main.ts';
import { readFlags } from '../options.ts';
import { chainOf, type Found, findName, readFound } from '../stored-certificate.ts';

/** Another shape of a stored certificate, to standard output or a file. The key only when it is asked for. */
export async function exportCertificate(context: CommandContext): Promise<Outcome> {
  const { io, options, words } = context;
  const flags = readFlags(exportFlags, new Map([...context.given, ...(context.own ?? [])]), io.env);
  const { format, out } = flags;
  const key = flags.key || format === 'pfx';
  if (format === 'der' && key) {
    throw new ConfigError('--format der holds one certificate and no key', {
      hint: 'use --format pem or fullchain with --key',
    });
  }
  const store = storeOf(context);
  const file = out === undefined ? undefined : resolve(io.cwd, out);
  if (file !== undefined && isWithin(store.root, file)) {
    throw new ConfigError(`--out ${out} is in the store, which quoin keeps by itself`, {
      hint: 'write to a folder elsewhere',
    });
  }
  const found = await readFound(store, await findName(store, words?.[0] ?? ''));
  const data = format === 'pfx' ? await pfxOf(found, flags, context) : shapeOf(found, format, key);
  const name = found.stored.name;
  if (file !== undefined) {
    await writeFileAtomic(file, data, { mode: 0o600 });
    return { json: { name, format, key, file }, text: `wrote ${file}\n` };
  }
  if (options.json) {
    const content = typeof data === 'string' ? data : data.toString('base64');
    return { json: { name, format, key, content }, text: '' };
  }
  // Not as the command's text, from which what looks like a secret would be removed.
  if (typeof data === 'string') io.stdout.write(data);
  else writeBinary(data, format, io.stdout);
  return { text: '' };
}

function shapeOf({ stored, keyProblem }: Found, format: Format, withKey: boolean): string | Buffer {
  const chain = chainOf(stored);
  if (format === 'der') return chain[0].raw;
  const pem = toPem(format === 'fullchain' ? chain : chain.slice(0, 1));
  return withKey ? `${pem}${keyOf({ stored, keyProblem }, 'leave out --key').trimEnd()}\n` : pem;
}

async function pfxOf(found: Found, flags: ExportFlags, { log, redactor }: CommandContext): Promise<Buffer> {
  const { name } = found.stored;
  const chain = chainOf(found.stored);
  const keyPem = keyOf(found, 'use --format fullchain');
  const { pfxPassword: password = PUBLIC_PFX_PASSWORD, pfxFormat } = flags;
  if (password === PUBLIC_PFX_PASSWORD)
    log.warn(`the password of the .pfx file is ${password}, which everybody knows; set QUOIN_PFX_PASSWORD to another`);
  else redactor.hide(password);
  const { encodePfx } = await import('../../acme/pfx.ts');
  const certificatePem = toPem(chain);
  return encodePfx({ certificatePem, issuerPem: '', keyPem, password, format: pfxFormat, friendlyName: name });
}

function keyOf({ stored, keyProblem }: Pick<Found, 'stored' | 'keyProblem'>, hint: string): string {
  if (keyProblem) throw keyProblem;
  if (stored.keyPem === undefined) throw new ConfigError(`the key of ${stored.name} is not in the store`, { hint });
  return stored.keyPem;
}

function writeBinary(data: Buffer, format: Format, { stream, isTTY }: CommandContext['io']['stdout']): void {
  if (isTTY || !stream) {
    throw new ConfigError(`${format.toUpperCase()} is binary, and not for a terminal`, {
      hint: 'name a file with --out, or use a pipe',
    });
  }
  stream.write(data);
}

function isWithin(folder: string, file: string): boolean {
  const path = relative(folder, file);
  return path !== '' && path !== '..' && !path.startsWith('../') && !isAbsolute(path);
}
