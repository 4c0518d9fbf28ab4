import { isIPv4, isIPv6 } from 'node:net';
import type { ResourceRecord } from './message.ts';
import { decodeName, encodeName, MalformedMessage } from './names.ts';

/** How many octets precede and follow the names inside the RDATA of the types that may be compressed (RFC 3597 section 4). */
const layouts: Readonly<Record<string, { readonly before: number; readonly names: number }>> = {
  NS: { before: 0, names: 1 },
  CNAME: { before: 0, names: 1 },
  DNAME: { before: 0, names: 1 },
  PTR: { before: 0, names: 1 },
  MX: { before: 2, names: 1 },
  SRV: { before: 6, names: 1 },
  SOA: { before: 0, names: 2 },
};

/** RDATA copied out of a message, its names uncompressed. */
export function expandRdata(type: string, message: Buffer, start: number, length: number): Buffer {
  const raw = message.subarray(start, start + length);
  const layout = layouts[type];
  if (!layout || length === 0) return Buffer.from(raw);
  const parts = [raw.subarray(0, layout.before)];
  let at = start + layout.before;
  for (let i = 0; i < layout.names; i += 1) {
    const { name, end } = decodeName(message, at);
    parts.push(encodeName(name));
    at = end;
  }
  if (at > start + length) throw new MalformedMessage(`a ${type} record runs past its end`);
  return Buffer.concat([...parts, message.subarray(at, start + length)]);
}

/** The value of a TXT record: its character strings joined, as UTF-8. */
export function txtOf({ data }: ResourceRecord): string {
  const parts: Buffer[] = [];
  for (let at = 0; at < data.length; at += 1 + (data[at] as number)) {
    const size = data[at] as number;
    if (at + 1 + size > data.length) throw new MalformedMessage('a TXT string runs past the end of its record');
    parts.push(data.subarray(at + 1, at + 1 + size));
  }
  return Buffer.concat(parts).toString('utf8');
}

/** The name a CNAME, NS, DNAME or PTR record points to. */
export const nameOf = ({ data }: ResourceRecord): string => decodeName(data, 0).name;

/** The address of an A or AAAA record, in text. */
export function addressOf({ type, data }: ResourceRecord): string {
  if (type === 'A' && data.length === 4) return data.join('.');
  if (type === 'AAAA' && data.length === 16) {
    return Array.from({ length: 8 }, (_, i) => data.readUInt16BE(i * 2).toString(16)).join(':');
  }
  throw new MalformedMessage(`an ${type} record has ${data.length} bytes`);
}

export interface Soa {
  readonly primary: string;
  readonly mailbox: string;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}

export function soaOf({ data }: ResourceRecord): Soa {
  const primary = decodeName(data, 0);
  const mailbox = decodeName(data, primary.end);
  if (data.length < mailbox.end + 20) throw new MalformedMessage('an SOA record is too short');
  const number = (index: number) => data.readUInt32BE(mailbox.end + index * 4);
  return {
    primary: primary.name,
    mailbox: mailbox.name,
    serial: number(0),
    refresh: number(1),
    retry: number(2),
    expire: number(3),
    minimum: number(4),
  };
}

/** RDATA of a TXT record: the value in character strings of at most 255 bytes. */
export function txtData(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += 255) {
    const part = bytes.subarray(at, at + 255);
    parts.push(Buffer.from([part.length]), part);
  }
  return Buffer.concat(parts);
}

export const nameData = (name: string): Buffer => encodeName(name);

export function addressData(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  if (!isIPv6(address)) throw new MalformedMessage(`${address} is not an IP address`);
  const [head = '', tail] = address.split('::');
  const groups = (text: string | undefined) => (text ? text.split(':') : []);
  const before = groups(head);
  const after = groups(tail);
  const all = [
    ...before,
    ...Array<string>(tail === undefined ? 0 : 8 - before.length - after.length).fill('0'),
    ...after,
  ];
  return Buffer.concat(all.map((group) => Buffer.from(group.padStart(4, '0'), 'hex')));
}

export function soaData({ primary, mailbox, serial, refresh, retry, expire, minimum }: Soa): Buffer {
  const numbers = Buffer.alloc(20);
  [serial, refresh, retry, expire, minimum].forEach((value, i) => {
    numbers.writeUInt32BE(value, i * 4);
  });
  return Buffer.concat([encodeName(primary), encodeName(mailbox), numbers]);
}
