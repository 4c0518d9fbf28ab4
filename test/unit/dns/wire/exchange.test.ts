import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import {
  decodeMessage,
  encodeMessage,
  exchange,
  type Message,
  query,
  type ResourceRecord,
  txtData,
  txtOf,
} from '../../../../src/dns/wire/index.ts';

const txt = (value: string): ResourceRecord => ({
  name: 'a.example.com',
  type: 'TXT',
  class: 'IN',
  ttl: 60,
  data: txtData(value),
});
const reply = (request: Buffer, changes: Partial<Message> = {}): Buffer =>
  encodeMessage({ ...decodeMessage(request), response: true, additionals: [], answers: [txt('right')], ...changes });

/** What a server says to the n-th datagram (n = 1, 2, ...), and to a TCP message; undefined: nothing. */
interface Manners {
  udp?(request: Buffer, n: number): readonly Buffer[];
  tcp?(request: Buffer): Buffer;
}
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A UDP socket and a TCP server on one port, which has to be free for both. */
async function bindBoth(address: string) {
  for (let tries = 1; ; tries += 1) {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const server = createServer();
    await new Promise<void>((resolve) => socket.bind(0, address, resolve));
    const { port } = socket.address();
    try {
      server.listen(port, address);
      await once(server, 'listening');
      return { socket, server, port };
    } catch (error) {
      socket.close();
      if (tries === 20) throw error;
    }
  }
}

async function serve({ udp, tcp }: Manners, address = '127.0.0.1') {
  const heard: string[] = [];
  const { socket, server: listener, port } = await bindBoth(address);
  closers.push(() => socket.close());
  let n = 0;
  socket.on('message', (request, from) => {
    heard.push('udp');
    n += 1;
    for (const answer of udp?.(request, n) ?? []) socket.send(answer, from.port, from.address);
  });
  listener.on('connection', (connection) => {
    connection.on('error', () => {});
    connection.once('data', (bytes) => {
      heard.push('tcp');
      const answer = tcp?.(bytes.subarray(2)) ?? Buffer.alloc(0);
      const framed = Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 0xff]), answer]);
      // In two pieces, cut inside the length.
      connection.write(framed.subarray(0, 1));
      setImmediate(() => connection.end(framed.subarray(1)));
    });
  });
  if (tcp) closers.push(() => listener.close());
  else await new Promise((resolve) => listener.close(resolve));
  const server = { address, port, protocol: 'udp' as const };
  const ask = async (timeoutMs = 5000, signal = new AbortController().signal) => {
    const answer = await exchange(query('a.example.com', 'TXT', false), server, { timeoutMs, signal });
    return answer.answers.map(txtOf);
  };
  return { ask, heard };
}

describe('a question over UDP', () => {
  it.each(['127.0.0.1', '::1'])('is answered from %s', async (address) => {
    const { ask } = await serve({ udp: (request) => [reply(request)] }, address);
    expect(await ask()).toEqual(['right']);
  });

  it('is sent again when it was lost', async () => {
    const { ask, heard } = await serve({ udp: (request, n) => (n < 3 ? [] : [reply(request)]) });
    expect(await ask()).toEqual(['right']);
    expect(heard).toEqual(['udp', 'udp', 'udp']);
  });

  it('ignores answers with another id or to another question, and waits on', async () => {
    const { ask } = await serve({
      udp(request) {
        const { id } = decodeMessage(request);
        const forged = { answers: [txt('forged')] };
        return [
          reply(request, { ...forged, id: (id + 1) & 0xffff }),
          reply(request, { ...forged, questions: [{ name: 'b.example.com', type: 'TXT', class: 'IN' }] }),
          reply(request, { ...forged, response: false }),
          reply(request),
        ];
      },
    });
    expect(await ask()).toEqual(['right']);
  });

  it('goes over TCP when the answer was truncated', async () => {
    const { ask, heard } = await serve({
      udp: (request) => [reply(request, { truncated: true, answers: [] })],
      tcp: (request) => reply(request, { answers: [txt('x'.repeat(2000))] }),
    });
    expect(await ask()).toEqual(['x'.repeat(2000)]);
    expect(heard).toEqual(['udp', 'tcp']);
  });

  it('goes over TCP when UDP stays silent', async () => {
    const { ask, heard } = await serve({ tcp: (request) => reply(request) });
    expect(await ask(1000)).toEqual(['right']);
    expect(heard.at(-1)).toBe('tcp');
  });

  it.each(['FORMERR', 'NOTIMP'])('is asked again without EDNS after %s', async (rcode) => {
    const { ask, heard } = await serve({
      udp: (request) => [
        decodeMessage(request).additionals.length > 0 ? reply(request, { rcode, answers: [] }) : reply(request),
      ],
    });
    expect(await ask()).toEqual(['right']);
    expect(heard).toHaveLength(2);
  });

  it('fails with "malformed" when the answer is garbage', async () => {
    const { ask } = await serve({ udp: (request) => [reply(request).subarray(0, 20)] });
    await expect(ask()).rejects.toMatchObject({ name: 'DnsExchangeError', fault: 'malformed' });
  });

  it('fails with "timeout" when nothing comes, and with the reason when it is aborted', async () => {
    const { ask } = await serve({ tcp: () => Buffer.alloc(0) });
    const abort = new AbortController();
    const asked = ask(5000, abort.signal);
    abort.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');

    const silent = createServer((connection) => void connection.on('error', () => {}).resume());
    closers.push(() => silent.close());
    await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
    const server = { address: '127.0.0.1', port: (silent.address() as AddressInfo).port, protocol: 'tcp' as const };
    const options = { timeoutMs: 50, signal: new AbortController().signal };
    await expect(exchange(query('a.example.com', 'TXT', false), server, options)).rejects.toMatchObject({
      fault: 'timeout',
    });
  });
});

describe('a server that cannot be reached', () => {
  const ask = (address: string) =>
    exchange(
      query('a.example.com', 'TXT', false),
      { address, port: 9, protocol: 'udp' },
      { timeoutMs: 2000, signal: new AbortController().signal },
    );

  it('is told as refused where nobody listens', async () => {
    await expect(ask('127.0.0.1')).rejects.toMatchObject({ name: 'DnsExchangeError', fault: 'refused' });
  });

  // As an IPv6 address has on a host without IPv6: the socket's connect itself fails. The kernel refuses the broadcast address alike.
  it('is told as a network error where there is no way to it', async () => {
    await expect(ask('255.255.255.255')).rejects.toMatchObject({ name: 'DnsExchangeError', fault: 'network' });
  });
});

it('100 questions side by side are all answered, each from a port of its own', async () => {
  const ports = new Set<number>();
  const socket = createSocket('udp4');
  closers.push(() => socket.close());
  socket.on('message', (request, from) => {
    ports.add(from.port);
    socket.send(reply(request), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const server = { address: '127.0.0.1', port: socket.address().port, protocol: 'udp' as const };
  const options = { timeoutMs: 5000, signal: new AbortController().signal };
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => exchange(query('a.example.com', 'TXT', false), server, options)),
  );
  expect(answers.flatMap(({ answers: found }) => found.map(txtOf))).toEqual(Array(100).fill('right'));
  expect(ports.size).toBeGreaterThan(50);
});
