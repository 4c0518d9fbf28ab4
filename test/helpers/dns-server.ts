import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import {
  addressData,
  encodeMessage,
  type Message,
  nameData,
  nameOf,
  type ResourceRecord,
  soaData,
  txtData,
} from '../../src/dns/wire/index.ts';
import { decodeMessage } from '../../src/dns/wire/message.ts';

/** A record as a test writes it: `['www.example.test', 'CNAME', 'web.example.test']`; names absolute, no dot at the end. */
export type Row = readonly [name: string, type: string, data: string];

/** What a server does to questions; may be changed while it runs. */
export type Mood = 'normal' | 'silent' | 'no-udp' | 'truncates' | 'no-edns' | 'lame' | 'SERVFAIL' | 'REFUSED';

export interface Asked {
  readonly name: string;
  readonly type: string;
  readonly over: 'udp' | 'tcp';
}

export interface TestServer {
  readonly address: string;
  readonly asked: Asked[];
  mood: Mood;
  /** Whether the n-th TXT question (n = 1, 2, ...) meets a machine that knows of no record: anycast. */
  hides?: (n: number) => boolean;
}

const toRecord = ([name, type, data]: Row, ttl = 60): ResourceRecord => {
  const bytes =
    type === 'TXT'
      ? txtData(data)
      : type === 'A' || type === 'AAAA'
        ? addressData(data)
        : type === 'SOA'
          ? soaData({ primary: data, mailbox: data, serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 3600 })
          : type === 'CAA'
            ? caaData(data)
            : nameData(data);
  return { name, type, class: 'IN', ttl, data: bytes };
};
/** `0 issue ca.example; validationmethods=dns-01` (RFC 8659 section 4.1.1). */
function caaData(data: string): Buffer {
  const [, flags, tag = '', value = ''] = /^(\d+) (\w+) (.*)$/u.exec(data) ?? [];
  return Buffer.concat([Buffer.from([Number(flags), tag.length]), Buffer.from(tag + value, 'latin1')]);
}
const within = (name: string, zone: string) => name === zone || name.endsWith(`.${zone}`);

/** Answers for the deepest of its zones, as RFC 1034 section 4.3.2 has it, with wildcards and DNAME. */
export function answerFrom(zones: ReadonlyMap<string, readonly Row[]>, name: string, type: string): Partial<Message> {
  const zone = [...zones.keys()].filter((apex) => within(name, apex)).sort((a, b) => b.length - a.length)[0];
  if (zone === undefined) return { rcode: 'REFUSED' };
  const rows = zones.get(zone)!;
  const cut = rows.find(([owner, kind]) => kind === 'NS' && owner !== zone && within(name, owner));
  if (cut) {
    return {
      authorities: rows.filter(([owner, kind]) => owner === cut[0] && kind === 'NS').map((row) => toRecord(row)),
    };
  }
  const authorities = [toRecord([zone, 'SOA', `ns.${zone}`])];
  const dname = rows.find(([owner, kind]) => kind === 'DNAME' && name !== owner && within(name, owner));
  if (dname) {
    const target = name.slice(0, -dname[0].length) + dname[2];
    return { authoritative: true, answers: [toRecord(dname), toRecord([name, 'CNAME', target])] };
  }
  let owner = name;
  const exists = (at: string) => rows.some(([given]) => within(given, at));
  if (!exists(name)) {
    let encloser = name;
    while (!exists(encloser)) encloser = encloser.slice(encloser.indexOf('.') + 1);
    owner = `*.${encloser}`;
    if (!exists(owner)) return { authoritative: true, rcode: 'NXDOMAIN', authorities };
  }
  const found = rows.filter(([at, kind]) => at === owner && (kind === type || kind === 'CNAME'));
  if (type === 'SOA' && name === zone) return { authoritative: true, answers: authorities };
  if (found.length === 0) return { authoritative: true, authorities };
  return { authoritative: true, answers: found.map(([, kind, data]) => toRecord([name, kind, data])) };
}

/**
 * Name servers on 127.0.0.2, 127.0.0.3 ... and a resolver on 127.0.0.1, all on one port. The resolver knows every zone, and
 * remembers names that did not exist, as resolvers do.
 */
export async function startDns(
  servers: Readonly<Record<string, Readonly<Record<string, readonly Row[]>>>>,
): Promise<TestDns> {
  for (let tries = 0; ; tries += 1) {
    const dns = new TestDns(servers);
    try {
      await dns.listen();
      return dns;
    } catch (error) {
      await dns.stop();
      if (tries === 20) throw error;
    }
  }
}

export class TestDns {
  readonly resolver: TestServer = { address: '127.0.0.1', asked: [], mood: 'normal' };
  readonly servers = new Map<string, TestServer & { zones: Map<string, Row[]> }>();
  port = 0;
  readonly #closing: (() => Promise<void>)[] = [];
  readonly #missing = new Set<string>();

  constructor(servers: Readonly<Record<string, Readonly<Record<string, readonly Row[]>>>>) {
    for (const [address, zones] of Object.entries(servers)) {
      const copy = new Map(Object.entries(zones).map(([zone, rows]) => [zone, [...rows]]));
      this.servers.set(address, { address, asked: [], mood: 'normal', zones: copy });
    }
  }
  get resolverAddress(): string {
    return `127.0.0.1:${this.port}`;
  }
  at(address: string) {
    return this.servers.get(address)!;
  }
  /** Adds a TXT record on some servers, or on all that have the zone. */
  publish(name: string, value: string, addresses: readonly string[] = [...this.servers.keys()]): void {
    for (const { zones } of addresses.map((address) => this.at(address))) {
      const zone = [...zones.keys()].filter((apex) => within(name, apex)).sort((a, b) => b.length - a.length)[0];
      if (zone !== undefined) zones.get(zone)!.push([name, 'TXT', value]);
    }
  }
  withdraw(name: string, value: string): void {
    for (const { zones } of this.servers.values()) {
      for (const [zone, rows] of zones)
        zones.set(
          zone,
          rows.filter(([at, type, data]) => !(at === name && type === 'TXT' && data === value)),
        );
    }
  }
  async listen(): Promise<void> {
    this.port = await this.#serve(this.resolver, 0, (name, type) => this.#recurse(name, type));
    for (const server of this.servers.values())
      await this.#serve(server, this.port, (name, type) => answerFrom(server.zones, name, type));
  }
  async stop(): Promise<void> {
    await Promise.all(this.#closing.map((close) => close()));
  }

  #recurse(name: string, type: string): Partial<Message> {
    if (this.#missing.has(name)) return { rcode: 'NXDOMAIN' };
    const zones = new Map([...this.servers.values()].flatMap((server) => [...server.zones]));
    let answer = answerFrom(zones, name, type);
    const last = answer.answers?.at(-1);
    if (last?.type === 'CNAME' && type !== 'CNAME' && nameOf(last) !== name) {
      const rest = answerFrom(zones, nameOf(last), type);
      answer = { ...rest, answers: [...(answer.answers ?? []), ...(rest.answers ?? [])] };
    }
    if (answer.rcode === 'NXDOMAIN') this.#missing.add(name);
    return {
      ...answer,
      rcode: answer.rcode === 'REFUSED' ? 'NXDOMAIN' : (answer.rcode ?? 'NOERROR'),
      authoritative: false,
    };
  }

  async #serve(server: TestServer, port: number, find: (name: string, type: string) => Partial<Message>) {
    const reply = (bytes: Buffer, over: 'udp' | 'tcp'): Buffer | undefined => {
      const question = decodeMessage(bytes);
      const { name = '', type = '' } = question.questions[0] ?? {};
      server.asked.push({ name, type, over });
      const { mood } = server;
      if (mood === 'silent' || (mood === 'no-udp' && over === 'udp')) return undefined;
      const edns = question.additionals.length > 0;
      const empty = { ...question, response: true, answers: [], authorities: [], additionals: [] };
      if (mood === 'SERVFAIL' || mood === 'REFUSED') return encodeMessage({ ...empty, rcode: mood });
      if (mood === 'no-edns' && edns) return encodeMessage({ ...empty, rcode: 'FORMERR' });
      const isHidden = type === 'TXT' && server.hides?.(server.asked.filter((one) => one.type === 'TXT').length);
      const answer = { ...empty, ...(isHidden ? { authoritative: true } : find(name, type)) };
      if (mood === 'lame') return encodeMessage(empty); // As if it had never heard of the zone.
      const whole = encodeMessage(answer);
      const limit = edns ? 1232 : 512;
      return over === 'udp' && (mood === 'truncates' || whole.length > limit)
        ? encodeMessage({ ...empty, truncated: true })
        : whole;
    };
    const tcp = createServer((socket) => {
      socket.on('error', () => {});
      let got = Buffer.alloc(0);
      socket.on('data', (chunk: Buffer) => {
        got = Buffer.concat([got, chunk]);
        if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
        const answer = reply(got.subarray(2), 'tcp');
        if (!answer) return;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.end(Buffer.concat([length, answer]));
      });
      this.#closing.push(async () => void socket.destroy());
    });
    const udp = createSocket('udp4');
    udp.on('message', (bytes, from) => {
      const answer = reply(bytes, 'udp');
      if (answer) udp.send(answer, from.port, from.address);
    });
    await new Promise<void>((resolve, reject) => {
      tcp.once('error', reject);
      tcp.listen(port, server.address, () => resolve());
    });
    this.#closing.push(() => new Promise((resolve) => void tcp.close(() => resolve())));
    const { port: given } = tcp.address() as { port: number };
    await new Promise<void>((resolve, reject) => {
      udp.once('error', reject);
      udp.bind(given, server.address, () => resolve());
    });
    this.#closing.push(() => new Promise((resolve) => void udp.close(() => resolve())));
    return given;
  }
}

/** A log that remembers what it was told. */
export function memoryLog() {
  const lines: string[] = [];
  const at = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), waiting: at('waiting') };
}
