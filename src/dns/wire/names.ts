/** Domain names between text and bytes (RFC 1035 section 3.1), with the escapes of RFC 1035 section 5.1. */

/** The bytes cannot be what they claim to be; nothing in them is to be trusted. */
export class MalformedMessage extends Error {
  override name = 'MalformedMessage';
}

const MAX_NAME_BYTES = 255;
/** What nearly all names are: no escapes, nothing that would need them. */
const PLAIN_NAME = /^[\w.*-]*$/;
const PLAIN_LABEL = /^[\w*-]*$/;

/** Labels of a name in text form; `\.` and `\065` are escapes, the root is the empty string. */
function labelsOf(name: string): Buffer[] {
  if (name === '' || name === '.') return [];
  if (PLAIN_NAME.test(name))
    return name
      .replace(/\.$/u, '')
      .split('.')
      .map((label) => Buffer.from(label, 'latin1'));
  const labels: Buffer[] = [];
  let bytes: number[] = [];
  const text = Buffer.from(name.endsWith('.') && !name.endsWith('\\.') ? name.slice(0, -1) : name, 'utf8');
  for (let i = 0; i < text.length; i += 1) {
    const byte = text[i] as number;
    if (byte === 0x2e) {
      labels.push(Buffer.from(bytes));
      bytes = [];
    } else if (byte === 0x5c) {
      const digits = text.subarray(i + 1, i + 4).toString('latin1');
      const numeric = /^\d{3}$/u.test(digits);
      bytes.push(numeric ? Number(digits) & 0xff : (text[i + 1] ?? 0x5c));
      i += numeric ? 3 : 1;
    } else bytes.push(byte);
  }
  labels.push(Buffer.from(bytes));
  return labels;
}

/** The uncompressed wire form, in lower case. Throws on an empty label, one over 63 bytes, or a name over 255. */
export function encodeName(name: string): Buffer {
  const labels = labelsOf(name.toLowerCase());
  const encoded = Buffer.alloc(labels.reduce((size, label) => size + 1 + label.length, 1));
  let at = 0;
  for (const label of labels) {
    if (label.length === 0 || label.length > 63) throw new MalformedMessage(`${name} is not a domain name`);
    encoded[at] = label.length;
    label.copy(encoded, at + 1);
    at += 1 + label.length;
  }
  if (encoded.length > MAX_NAME_BYTES) throw new MalformedMessage(`${name.slice(0, 40)}... is longer than 255 bytes`);
  return encoded;
}

function escapeLabel(label: Buffer): string {
  const text = label.toString('latin1');
  return PLAIN_LABEL.test(text) ? text.toLowerCase() : escapeBytes(label);
}

const escapeBytes = (label: Buffer): string =>
  [...label]
    .map((byte) =>
      byte === 0x2e || byte === 0x5c
        ? `\\${String.fromCharCode(byte)}`
        : byte > 0x20 && byte < 0x7f
          ? String.fromCharCode(byte).toLowerCase()
          : `\\${String(byte).padStart(3, '0')}`,
    )
    .join('');

/** Reads a name at `offset`, compression pointers followed backwards only, so that no loop is possible. */
export function decodeName(message: Buffer, offset: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = offset;
  let end: number | undefined;
  let limit = offset;
  let length = 1;
  for (;;) {
    const size = message[at];
    if (size === undefined) throw new MalformedMessage('a name runs past the end of the message');
    if (size === 0) return { name: labels.join('.'), end: end ?? at + 1 };
    if (size >= 0xc0) {
      const low = message[at + 1];
      const target = low === undefined ? Number.NaN : ((size & 0x3f) << 8) | low;
      if (!(target < limit)) throw new MalformedMessage('a compression pointer does not point backwards');
      end ??= at + 2;
      limit = target;
      at = target;
      continue;
    }
    if (size > 63) throw new MalformedMessage('a label has an unknown type');
    length += size + 1;
    if (length > MAX_NAME_BYTES) throw new MalformedMessage('a name is longer than 255 bytes');
    const label = message.subarray(at + 1, at + 1 + size);
    if (label.length < size) throw new MalformedMessage('a label runs past the end of the message');
    labels.push(escapeLabel(label));
    at += size + 1;
  }
}
