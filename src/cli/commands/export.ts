import { isAbsolute, relative, resolve } from 'node:path';
import { toPem } from '../../acme/certificate.ts';
import { ConfigError } from '../../errors.ts';
import { writeFileAtomic } from '../../files.ts';
import { exportFlags, type Format } from '../certificate-options.ts';
import { storeOf } from '../compose.ts';
import type { CommandContext, Outcome } from '../main.ts';
import { readFlags } from '../options.ts';
import { chainOf, type Found, findName, readFound } from '../stored-certificate.ts';

/** Another shape of a stored certificate, to standard output or a file. The key only when it is asked for. */
export async function exportCertificate(context: CommandContext): Promise<Outcome> {
  const { io, options, words } = context;
  const { format, out, key } = readFlags(exportFlags, context.own ?? new Map(), {});
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
  const data = shapeOf(found, format, key);
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
  else writeBinary(data, io.stdout);
  return { text: '' };
}

function shapeOf({ stored, keyProblem }: Found, format: Format, withKey: boolean): string | Buffer {
  const chain = chainOf(stored);
  if (format === 'der') return chain[0].raw;
  const pem = toPem(format === 'fullchain' ? chain : chain.slice(0, 1));
  if (!withKey) return pem;
  if (keyProblem) throw keyProblem;
  if (stored.keyPem === undefined)
    throw new ConfigError(`the key of ${stored.name} is not in the store`, { hint: 'leave out --key' });
  return `${pem}${stored.keyPem.trimEnd()}\n`;
}

function writeBinary(data: Buffer, { stream, isTTY }: CommandContext['io']['stdout']): void {
  if (isTTY || !stream) {
    throw new ConfigError('DER is binary, and not for a terminal', { hint: 'name a file with --out, or use a pipe' });
  }
  stream.write(data);
}

function isWithin(folder: string, file: string): boolean {
  const path = relative(folder, file);
  return path !== '' && path !== '..' && !path.startsWith('../') && !isAbsolute(path);
}
