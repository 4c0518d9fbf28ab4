import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { TsigKey } from '../dns/wire/index.ts';
import { damaged, makeFolder, readJson, writeFileAtomic } from '../files.ts';

/** What a sandbox keeps besides the CA's own state, so that a restart is found where clients have noted it. */
export interface Memory {
  readonly caPort: number;
  readonly dnsPort: number;
  readonly tsigKey: TsigKey;
}

interface MemoryFile {
  readonly caPort: number;
  readonly dnsPort: number;
  readonly tsigSecret: string;
}

/** New for every start without `--state`. */
export const newTsigKey = (secret: Buffer = randomBytes(32)): TsigKey => ({
  name: 'quoin-sandbox',
  algorithm: 'hmac-sha256',
  secret,
});

const fileIn = (folder: string): string => join(folder, 'sandbox.json');
const isPort = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 65_536;

/** @throws StorageError when the file is there and makes no sense */
export async function readMemory(folder: string): Promise<Memory | undefined> {
  const file = await readJson<MemoryFile>(fileIn(folder));
  if (!file) return undefined;
  const { caPort, dnsPort, tsigSecret } = file;
  if (!isPort(caPort) || !isPort(dnsPort) || typeof tsigSecret !== 'string')
    throw damaged(fileIn(folder), 'it does not describe a sandbox', 'remove the folder to start afresh');
  return { caPort, dnsPort, tsigKey: newTsigKey(Buffer.from(tsigSecret, 'base64')) };
}

export async function writeMemory(folder: string, { caPort, dnsPort, tsigKey }: Memory): Promise<void> {
  await makeFolder(folder);
  const content: MemoryFile = { caPort, dnsPort, tsigSecret: tsigKey.secret.toString('base64') };
  await writeFileAtomic(fileIn(folder), `${JSON.stringify(content, null, 2)}\n`);
}
