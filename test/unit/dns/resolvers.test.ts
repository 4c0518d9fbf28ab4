import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { createLookup } from '../../../src/dns/lookup.ts';
import { createResolvers, recordsOf } from '../../../src/dns/resolvers.ts';
import { addressData, addressOf, decodeMessage, encodeMessage, query } from '../../../src/dns/wire/index.ts';
import type { HttpRequest, Transport } from '../../../src/http.ts';
import { bundle, newFolder, runChild } from '../../helpers/child.ts';
import { memoryLog, type Row, startDns } from '../../helpers/dns-server.ts';
import { makeCa } from '../../helpers/tls.ts';

const { signal } = new AbortController();
const url = 'https://dns.example/dns-query';

describe('a resolver over HTTPS', () => {
  const answering = (status: number, name?: string) => {
    const requests: HttpRequest[] = [];
    const transport: Transport = async (request) => {
      requests.push(request);
      const asked = decodeMessage(request.body as Buffer);
      const record = { name: 'a.test', type: 'A', class: 'IN', ttl: 1, data: addressData('192.0.2.1') };
      const answer = { ...(name ? query(name, 'A', true) : asked), response: true, answers: [record] };
      return { status, headers: {}, url: request.url, body: encodeMessage(answer) };
    };
    return { requests, resolvers: createResolvers({ resolvers: [url], timeoutMs: 1000, transport }) };
  };

  it('gets the question as RFC 8484 has it, and is understood', async () => {
    const { requests, resolvers } = answering(200);
    expect(recordsOf(await resolvers.ask('a.test', 'A', signal), 'A').map(addressOf)).toEqual(['192.0.2.1']);
    expect(requests[0]).toMatchObject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/dns-message', accept: 'application/dns-message' },
    });
    expect(decodeMessage(requests[0]!.body as Buffer)).toMatchObject({ id: 0, recursionDesired: true });
  });

  it.each([
    [503, undefined, 'HTTP status 503'],
    [200, 'b.test', 'an answer to another question'],
  ])('that answers %s for %s is named with what it did', async (status, name, said) => {
    const { resolvers } = answering(status, name);
    await expect(resolvers.ask('a.test', 'A', signal)).rejects.toMatchObject({
      code: 'DNS_LOOKUP',
      message: `cannot look up A of a.test: ${url}: ${said}`,
    });
  });
});

describe('a resolver over TLS', () => {
  const ca = makeCa();
  const folder = newFolder();
  const roots = join(folder, 'roots.pem');
  writeFileSync(roots, ca.cert);
  const script = bundle(`
    import { createResolvers, recordsOf } from './src/dns/resolvers.ts';
    import { addressOf } from './src/dns/wire/index.ts';
    const resolvers = createResolvers({ resolvers: [process.argv[2]], timeoutMs: 5000 });
    const answer = await resolvers.ask('a.test', 'A', new AbortController().signal).catch((error) => error);
    console.log(answer instanceof Error ? answer.message : recordsOf(answer, 'A').map(addressOf).join());
  `);
  afterAll(() => ca.remove());

  /** Asks as a process that trusts the test's CA; Node reads NODE_EXTRA_CA_CERTS at its start only. */
  async function ask(subjectAltName: string, host: string): Promise<string> {
    const server = createServer({ ...ca.issue(subjectAltName), ALPNProtocols: ['dot'] }, (socket) => {
      socket.on('error', () => {});
      socket.once('data', (bytes) => {
        const asked = decodeMessage(bytes.subarray(2));
        const record = { name: 'a.test', type: 'A', class: 'IN', ttl: 1, data: addressData('192.0.2.1') };
        const answer = encodeMessage({ ...asked, response: true, answers: [record], additionals: [] });
        socket.end(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const { stdout } = await runChild(script, [`tls://${host}:${port}`], {
        env: { NODE_EXTRA_CA_CERTS: roots },
      });
      return stdout.trim();
    } finally {
      server.close();
    }
  }

  it.each([
    ['IP:127.0.0.1', '127.0.0.1'],
    ['DNS:localhost', 'localhost'],
  ])('with a certificate for %s is asked as %s', async (subjectAltName, host) => {
    expect(await ask(subjectAltName, host)).toBe('192.0.2.1');
  });

  it('whose certificate is for somebody else is not believed', async () => {
    expect(await ask('DNS:other.test', '127.0.0.1')).toMatch(/^cannot look up A of a\.test: tls:.*TLS failed/u);
  });
});

it('name servers that this host has no route to are left out, which is told once', async () => {
  const rows: Row[] = ['one.test', 'two.test'].flatMap((zone): Row[] => [
    [zone, 'NS', `ns.${zone}`],
    [`ns.${zone}`, 'A', '127.0.0.2'],
    [`ns.${zone}`, 'AAAA', 'fe80::1'], // Without a scope there is no way to it, from any host.
  ]);
  const zone = (name: string) => rows.filter(([owner]) => owner.endsWith(name));
  const dns = await startDns({ '127.0.0.2': { 'one.test': zone('one.test'), 'two.test': zone('two.test') } });
  try {
    const log = memoryLog();
    const lookup = createLookup({
      resolvers: [dns.resolverAddress],
      log,
      timeoutMs: 1000,
      authoritativePort: dns.port,
    });
    for (const name of ['one.test', 'two.test']) {
      expect(await lookup.nameServers(name, signal)).toEqual([{ name: `ns.${name}`, address: '127.0.0.2' }]);
    }
    expect(log.lines).toEqual([expect.stringMatching(/^warn no route to fe80.*IPv6/u)]);
    // And a question to such an address is an error of its own, not the end of the process.
    const lost = lookup.askServer({ name: 'ns', address: 'fe80::1' }, 'one.test', 'TXT', signal, 500);
    await expect(lost).rejects.toMatchObject({ name: 'DnsExchangeError' });
  } finally {
    await dns.stop();
  }
});
