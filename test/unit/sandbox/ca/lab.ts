import { createSocket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { createCsr } from '../../../../src/acme/csr.ts';
import { generateCertificateKey, type KeyType } from '../../../../src/acme/keys.ts';
import { encodeMessage, nameData, type ResourceRecord, txtData } from '../../../../src/dns/wire/index.ts';
import { decodeMessage } from '../../../../src/dns/wire/message.ts';
import { silentLog } from '../../../../src/log.ts';
import { type Ca, type CaOptions, startCa } from '../../../../src/sandbox/ca/index.ts';
import { AcmeClient, type Reply } from './client.ts';

/** A DNS server of bare records: names that are not there do not exist. */
export async function startDns() {
  const records = new Map<string, ResourceRecord[]>();
  const asked: string[] = [];
  const socket = createSocket('udp4');
  const dns = {
    address: '127.0.0.1',
    port: 0,
    asked,
    /** Response codes of names, instead of what is true. */
    rcodes: new Map<string, string>(),
    /** While it is set, nothing is answered. */
    silent: false,
    add(name: string, type: string, data: Buffer) {
      const record = { name, type, class: 'IN', ttl: 1, data };
      records.set(name, [...(records.get(name) ?? []), record]);
    },
    txt: (name: string, value: string) => dns.add(name, 'TXT', txtData(value)),
    cname: (name: string, target: string) => dns.add(name, 'CNAME', nameData(target)),
    caa: (name: string, tag: string, value: string, flags = 0) =>
      dns.add(name, 'CAA', Buffer.concat([Buffer.from([flags, tag.length]), Buffer.from(tag + value)])),
    clear: () => records.clear(),
    close: () => new Promise<void>((resolve) => void socket.close(() => resolve())),
  };
  socket.on('message', (bytes, from) => {
    const question = decodeMessage(bytes);
    const { name = '', type = '' } = question.questions[0] ?? {};
    asked.push(`${type} ${name}`);
    if (dns.silent) return;
    const here = records.get(name);
    const answers = (here ?? []).filter((record) => record.type === type || record.type === 'CNAME');
    const exists = here ?? [...records.keys()].some((other) => other.endsWith(`.${name}`));
    const rcode = dns.rcodes.get(`${type} ${name}`) ?? (exists ? 'NOERROR' : 'NXDOMAIN');
    const answer = { ...question, response: true, rcode, answers, authorities: [], additionals: [] };
    socket.send(encodeMessage(answer), from.port, from.address);
  });
  await new Promise<void>((resolve) => void socket.bind(0, '127.0.0.1', resolve));
  dns.port = (socket.address() as AddressInfo).port;
  return dns;
}

export interface Lab {
  readonly dns: Awaited<ReturnType<typeof startDns>>;
  readonly ca: Ca;
  /** What the CA takes for the time, and for chance. */
  readonly chance: { now: () => number; random: () => number };
  client(account?: boolean): Promise<AcmeClient>;
  close(): Promise<void>;
}

export async function startLab(options: Partial<CaOptions> = {}): Promise<Lab> {
  const dns = await startDns();
  const chance = { now: Date.now, random: () => 0.999 };
  const turned = { now: () => chance.now(), random: () => chance.random() };
  const ca = await startCa({ port: 0, dnsServer: dns, log: silentLog, ...options }, turned);
  const clients: AcmeClient[] = [];
  return {
    dns,
    ca,
    chance,
    async client(account = true) {
      const client = await AcmeClient.start(ca.directoryUrl, ca.rootPem, account);
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.stop();
      await ca.close();
      await dns.close();
    },
  };
}

export interface Ordered {
  readonly url: string;
  readonly body: any;
}

/** A new order, its challenges answered, and what became of it. */
export async function authorized(
  { dns }: Lab,
  client: AcmeClient,
  names: readonly string[],
  more = {},
): Promise<Ordered> {
  const created = await client.newOrder(names, more);
  if (created.status !== 201) throw new Error(created.text);
  await Promise.all(
    created.body.authorizations.map(async (url: string) => {
      const { identifier, challenges } = (await client.post(url, null)).body;
      dns.txt(`_acme-challenge.${identifier.value}`, await client.txtValue(challenges[0].token));
      await client.post(challenges[0].url, {});
      await client.settled(url);
    }),
  );
  return { url: created.headers.location, body: (await client.post(created.headers.location, null)).body };
}

export async function csrFor(names: readonly string[], keyType: KeyType = 'ec256', more = {}): Promise<string> {
  const key = await generateCertificateKey(keyType);
  const csr = await createCsr(names, key, { mustStaple: false, commonName: true, ...more });
  return csr.toString('base64url');
}

export interface Obtained extends Ordered {
  readonly pem: string;
  readonly certificate: Reply;
}

export async function obtain(
  lab: Lab,
  client: AcmeClient,
  names: readonly string[],
  more = {},
  csr?: string,
): Promise<Obtained> {
  const { url, body } = await authorized(lab, client, names, more);
  const finalized = await client.post(body.finalize, { csr: csr ?? (await csrFor(names)) });
  if (finalized.status !== 200) throw new Error(finalized.text);
  const order = await client.settled(url);
  const certificate = await client.post(order.body.certificate, null);
  return { url, body: order.body, pem: certificate.text, certificate };
}
