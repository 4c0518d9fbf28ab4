/** What is used of node-forge, which brings no types. Its bytes are the characters of a string. */
interface ForgeBuffer {
  getBytes(): string;
}
interface ForgeCipher {
  start(iv: string): void;
  update(input: ForgeBuffer): void;
  finish(): boolean;
  readonly output: ForgeBuffer;
}
interface ForgeRc2 {
  createEncryptionCipher(key: string, effectiveBits: number): ForgeCipher;
}
interface ForgeUtil {
  createBuffer(bytes: string): ForgeBuffer;
}

/** RC2-CBC with PKCS#7 padding (RFC 2268): OpenSSL has it in its legacy provider only, which Node does not load. */
export async function encryptRc2(data: Buffer, key: Buffer, iv: Buffer, effectiveBits: number): Promise<Buffer> {
  // @ts-expect-error: no types
  const { default: rc2 }: { default: ForgeRc2 } = await import('node-forge/lib/rc2.js');
  // @ts-expect-error: no types
  const { default: util }: { default: ForgeUtil } = await import('node-forge/lib/util.js');
  const cipher = rc2.createEncryptionCipher(key.toString('latin1'), effectiveBits);
  cipher.start(iv.toString('latin1'));
  cipher.update(util.createBuffer(data.toString('latin1')));
  cipher.finish();
  return Buffer.from(cipher.output.getBytes(), 'latin1');
}
