import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import {
  addressOf,
  decodeMessage,
  edns,
  encodeMessage,
  type Message,
  nameData,
  nameOf,
  query,
  type ResourceRecord,
  signMessage,
  soaOf,
  type TsigKey,
  txtData,
  txtOf,
} from '../../../../src/dns/wire/index.ts';
import { silentLog } from '../../../../src/log.ts';
import { type DnsServer, startDnsServer } from '../../../../src/sandbox/dns/index.ts';

const tsigKey: TsigKey = { name: 'test-key', algorithm: 'hmac-sha256', secret: Buffer.alloc(32, 7) };
const now = () => Math.floor(Date.now() / 1000);
let server: DnsServer;
const started: DnsServer[] = [];
const start = async (zones: readonly string[], propagationMs?: number) => {
  server = await startDnsServer({ port: 0, zones, tsigKey, propagationMs, log: silentLog });
  started.push(server);
};
afterEach(async () => {
  for (const one of started.splice(0)) await one.close();
});

/** One datagram there and one back. */
function overUdp(bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.once('message', (answer) => {
      socket.close();
      resolve(answer);
    });
    socket.send(bytes, server.port, server.address);
  });
}

/** All messages in one write; the answers in the order in which they come. `parts` cuts the bytes up. */
function overTcp(messages: readonly Buffer[], parts = 1): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const answers: Buffer[] = [];
    let got = Buffer.alloc(0);
    const socket = connect(server.port, server.address, async () => {
      const all = Buffer.concat(messages.flatMap((m) => [Buffer.from([m.length >> 8, m.length & 255]), m]));
      const size = Math.ceil(all.length / parts);
      for (let at = 0; at < all.length; at += size) {
        socket.write(all.subarray(at, at + size));
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    socket.setNoDelay(true);
    socket.once('error', reject);
    socket.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      while (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) {
        answers.push(Buffer.from(got.subarray(2, 2 + got.readUInt16BE(0))));
        got = got.subarray(2 + got.readUInt16BE(0));
      }
      if (answers.length === messages.length) {
        socket.destroy();
        resolve(answers);
      }
    });
    socket.once('close', () => reject(new Error(`closed after ${answers.length} answers`)));
  });
}

const ask = async (name: string, type: string, change: Partial<Message> = {}): Promise<Message> =>
  decodeMessage(await overUdp(encodeMessage({ ...query(name, type, true), id: 77, ...change })));

const record = (name: string, type: string, data: Buffer, how = 'IN', ttl = how === 'IN' ? 60 : 0): ResourceRecord => ({
  name,
  type,
  class: how,
  ttl,
  data,
});
const none = Buffer.alloc(0);

async function update(
  zone: string,
  updates: readonly ResourceRecord[],
  prerequisites: readonly ResourceRecord[] = [],
): Promise<string> {
  const message: Message = {
    ...query(zone, 'SOA', false),
    id: 4711,
    opcode: 'UPDATE',
    answers: prerequisites,
    authorities: updates,
  };
  const [answer] = await overTcp([signMessage(message, tsigKey, now()).bytes]);
  return decodeMessage(answer!).rcode;
}
const serialOf = async (zone: string): Promise<number> => soaOf((await ask(zone, 'SOA')).answers[0]!).serial;
const txt = async (name: string): Promise<string[]> => (await ask(name, 'TXT')).answers.map(txtOf).sort();

describe('what is served', () => {
  beforeEach(() => start(['example.test', 'sub.example.test', 'other.invalid']));

  it('answers SOA, NS and the address of the name server, with authority', async () => {
    const soa = await ask('example.test', 'SOA');
    expect([soa.authoritative, soa.recursionDesired, soa.recursionAvailable]).toEqual([true, true, false]);
    expect(soaOf(soa.answers[0]!)).toMatchObject({ primary: 'ns.example.test', mailbox: 'hostmaster.example.test' });
    expect((await ask('example.test', 'NS')).answers.map(nameOf)).toEqual(['ns.example.test']);
    expect((await ask('ns.example.test', 'A')).answers.map(addressOf)).toEqual(['127.0.0.1']);
  });

  it('says NXDOMAIN for what does not exist and nothing for a type that does not, each with the SOA', async () => {
    const missing = await ask('nothing.example.test', 'TXT');
    expect([missing.rcode, missing.authoritative, missing.answers]).toEqual(['NXDOMAIN', true, []]);
    expect(missing.authorities.map(({ name, type, ttl }) => [name, type, ttl])).toEqual([['example.test', 'SOA', 1]]);
    const other = await ask('ns.example.test', 'TXT');
    expect([other.rcode, other.answers, other.authorities[0]?.type]).toEqual(['NOERROR', [], 'SOA']);
  });

  it('answers from the deepest of its zones', async () => {
    expect((await ask('x.sub.example.test', 'A')).authorities[0]?.name).toBe('sub.example.test');
  });

  it.each([
    ['example.com', 'A'],
    ['test', 'SOA'],
    ['xexample.test', 'A'],
    ['', 'NS'],
    ['example.test', 'AXFR'],
  ])('refuses %s %s', async (name, type) => {
    const answer = await ask(name, type);
    expect([answer.rcode, answer.authoritative, answer.answers.length]).toEqual(['REFUSED', false, 0]);
  });

  it('knows that a name exists because one below it does', async () => {
    await update('example.test', [record('a.b.c.example.test', 'TXT', txtData('deep'))]);
    for (const name of ['b.c.example.test', 'c.example.test']) {
      const answer = await ask(name, 'TXT');
      expect([answer.rcode, answer.answers.length]).toEqual(['NOERROR', 0]);
    }
    expect((await ask('x.b.c.example.test', 'TXT')).rcode).toBe('NXDOMAIN');
  });

  it('fills names in from a wildcard, but not where a name or one below it exists', async () => {
    await update('example.test', [
      record('*.example.test', 'TXT', txtData('any')),
      record('www.example.test', 'A', Buffer.from([127, 0, 0, 9])),
      record('x.host.example.test', 'TXT', txtData('x')),
    ]);
    const filled = await ask('foo.bar.example.test', 'TXT');
    expect(filled.answers.map(({ name, type }) => [name, type])).toEqual([['foo.bar.example.test', 'TXT']]);
    expect((await ask('foo.example.test', 'A')).rcode).toBe('NOERROR');
    expect(await txt('www.example.test')).toEqual([]); // RFC 4592 section 2.2.1: it has records, though of other types.
    expect((await ask('host.example.test', 'TXT')).answers).toEqual([]);
    expect((await ask('y.host.example.test', 'TXT')).rcode).toBe('NXDOMAIN'); // Its closest encloser is `host`.
    expect(await txt('*.example.test')).toEqual(['any']);
  });

  it('follows CNAMEs through its zones, and hands out those that lead away or in a circle', async () => {
    await update('example.test', [
      record('alias.example.test', 'CNAME', nameData('target.other.invalid')),
      record('away.example.test', 'CNAME', nameData('example.com')),
      record('one.example.test', 'CNAME', nameData('two.example.test')),
      record('two.example.test', 'CNAME', nameData('one.example.test')),
      record('dangling.example.test', 'CNAME', nameData('nowhere.other.invalid')),
    ]);
    await update('other.invalid', [record('target.other.invalid', 'TXT', txtData('found'))]);
    const followed = await ask('alias.example.test', 'TXT');
    expect(followed.answers.map(({ type }) => type)).toEqual(['CNAME', 'TXT']);
    expect(txtOf(followed.answers[1]!)).toBe('found');
    expect((await ask('alias.example.test', 'CNAME')).answers.map(nameOf)).toEqual(['target.other.invalid']);
    expect((await ask('away.example.test', 'TXT')).answers.map(nameOf)).toEqual(['example.com']);
    expect((await ask('one.example.test', 'TXT')).answers.length).toBe(2);
    const dangling = await ask('dangling.example.test', 'TXT');
    expect([dangling.rcode, dangling.answers.length]).toEqual(['NXDOMAIN', 1]); // RFC 6604 section 3.
  });

  it('refers to the name servers of a zone that was given away', async () => {
    await update('example.test', [
      record('given.example.test', 'NS', nameData('ns.given.example.test')),
      record('ns.given.example.test', 'A', Buffer.from([127, 0, 0, 5])),
    ]);
    const answer = await ask('www.given.example.test', 'A');
    expect([answer.authoritative, answer.answers.length]).toEqual([false, 0]);
    expect(answer.authorities.map(nameOf)).toEqual(['ns.given.example.test']);
    expect(answer.additionals.map(addressOf)).toEqual(['127.0.0.5']);
  });

  it('keeps the case of the question', async () => {
    const bytes = encodeMessage(query('ns.example.test', 'A', false));
    bytes.write('eXaMpLe', 16, 'latin1');
    const answer = await overUdp(bytes);
    expect(answer.subarray(12, 29).toString('latin1')).toContain('eXaMpLe');
    expect(decodeMessage(answer).answers.length).toBe(1);
  });
});

describe('sizes and transports', () => {
  const long = Array.from({ length: 12 }, (_, i) =>
    record('big.example.test', 'TXT', txtData(`${i}`.padEnd(100, 'x'))),
  );
  beforeEach(async () => {
    await start(['example.test']);
    await update('example.test', long.slice(0, 6));
  });

  it('truncates at 512 bytes without EDNS, at 1232 with it, and at what the client takes', async () => {
    expect(await ask('big.example.test', 'TXT')).toMatchObject({ truncated: true, answers: [], additionals: [] });
    const whole = await ask('big.example.test', 'TXT', { additionals: [edns(4096)] });
    expect([whole.truncated, whole.answers.length, whole.additionals[0]?.class]).toEqual([false, 6, 'CLASS1232']);
    const small = await ask('big.example.test', 'TXT', { additionals: [edns(600)] });
    expect([small.truncated, small.answers.length, small.additionals[0]?.type]).toEqual([true, 0, 'OPT']);
    await update('example.test', long.slice(6));
    expect((await ask('big.example.test', 'TXT', { additionals: [edns(4096)] })).truncated).toBe(true);
    const [over] = await overTcp([encodeMessage(query('big.example.test', 'TXT', false))]);
    expect(decodeMessage(over!)).toMatchObject({ truncated: false, answers: { length: 12 } });
  });

  it('answers several questions on one connection, however the bytes arrive', async () => {
    const questions = ['SOA', 'NS', 'A', 'TXT'].map((type, id) =>
      encodeMessage({ ...query('example.test', type, false), id }),
    );
    const answers = (await overTcp(questions, 17)).map((bytes) => decodeMessage(bytes));
    expect(answers.map(({ id, questions: [asked] }) => [id, asked?.type])).toEqual([
      [0, 'SOA'],
      [1, 'NS'],
      [2, 'A'],
      [3, 'TXT'],
    ]);
  });

  it('refuses versions of EDNS that it does not speak', async () => {
    const answer = await ask('example.test', 'SOA', { additionals: [{ ...edns(1232), ttl: 1 << 16 }] });
    expect([answer.rcode, answer.answers]).toEqual(['BADVERS', []]);
  });

  it.each([
    ['a question that is cut off', Buffer.from('123401000001000000000000076578616d70', 'hex')],
    ['a pointer to itself', Buffer.from('123401000001000000000000c00c00010001', 'hex')],
    ['no question', Buffer.from('123401000000000000000000', 'hex')],
    [
      'two questions',
      encodeMessage({
        ...query('a.test', 'A', false),
        id: 0x1234,
        questions: [
          { name: 'a.test', type: 'A', class: 'IN' },
          { name: 'b.test', type: 'A', class: 'IN' },
        ],
      }),
    ],
  ])('calls %s malformed, and goes on', async (_, bytes) => {
    const answer = decodeMessage(await overUdp(bytes));
    expect([answer.id, answer.response, answer.rcode]).toEqual([0x1234, true, 'FORMERR']);
    expect((await ask('example.test', 'SOA')).answers.length).toBe(1);
  });

  it('knows no other opcodes', async () => {
    for (const opcode of ['NOTIFY', 2, 6] as const)
      expect((await ask('example.test', 'SOA', { opcode })).rcode).toBe('NOTIMP');
  });

  it('does not answer answers, or bytes that are no header', async () => {
    const socket = createSocket('udp4');
    let heard = 0;
    socket.on('message', () => {
      heard += 1;
    });
    const reflected = encodeMessage({ ...query('example.test', 'SOA', false), response: true });
    for (const bytes of [Buffer.from([1]), Buffer.alloc(11), reflected])
      socket.send(bytes, server.port, server.address);
    await ask('example.test', 'SOA');
    await ask('example.test', 'SOA');
    socket.close();
    expect(heard).toBe(0);
    await expect(overTcp([Buffer.alloc(5)])).rejects.toThrow('closed after 0 answers');
  });

  it('refuses another zone class', async () => {
    const questions = [{ name: 'example.test', type: 'SOA', class: 'CLASS3' }];
    expect((await ask('example.test', 'SOA', { questions })).rcode).toBe('REFUSED');
  });

  it('says which port is taken, and gives ports back at its end', async () => {
    const { port } = server;
    const options = { port, zones: ['example.test'], tsigKey, log: silentLog };
    await expect(startDnsServer(options)).rejects.toThrow(`port ${port} of 127.0.0.1 is in use`);
    await started.pop()?.close();
    server = await startDnsServer(options);
    started.push(server);
    expect(server.port).toBe(port);
  });
});

describe('updates', () => {
  beforeEach(() => start(['example.test']));
  const name = '_acme-challenge.example.test';

  it('adds values next to others, and deletes by value, by set and by name', async () => {
    await update('example.test', [record(name, 'TXT', txtData('a')), record(name, 'TXT', txtData('b'))]);
    await update('example.test', [record(name, 'TXT', txtData('c')), record(name, 'CAA', Buffer.from('\0\x05issue;'))]);
    expect(await txt(name)).toEqual(['a', 'b', 'c']);
    await update('example.test', [record(name, 'TXT', txtData('b'), 'NONE')]);
    expect(await txt(name)).toEqual(['a', 'c']);
    await update('example.test', [record(name, 'TXT', none, 'ANY')]);
    expect(await txt(name)).toEqual([]);
    expect((await ask(name, 'CAA')).answers.length).toBe(1);
    await update('example.test', [record(name, 'ANY', none, 'ANY')]);
    expect((await ask(name, 'CAA')).rcode).toBe('NXDOMAIN');
  });

  it('counts the serial up for a change, and only then', async () => {
    const before = await serialOf('example.test');
    await update('example.test', [record(name, 'TXT', txtData('a'))]);
    expect(await serialOf('example.test')).toBe(before + 1);
    await update('example.test', [record(name, 'TXT', txtData('a')), record('no.example.test', 'TXT', none, 'ANY')]);
    expect(await serialOf('example.test')).toBe(before + 1);
  });

  it('never loses what makes the zone a zone', async () => {
    await update('example.test', [
      record('example.test', 'TXT', txtData('gone')),
      record('example.test', 'ANY', none, 'ANY'),
      record('example.test', 'SOA', none, 'ANY'),
      record('example.test', 'NS', none, 'ANY'),
      record('example.test', 'NS', nameData('ns.example.test'), 'NONE'),
    ]);
    const all = await ask('example.test', 'ANY');
    expect(all.answers.map(({ type }) => type).sort()).toEqual(['NS', 'SOA']);
  });

  it('keeps CNAMEs and other records apart', async () => {
    await update('example.test', [record('c.example.test', 'CNAME', nameData('x.test'))]);
    await update('example.test', [
      record('c.example.test', 'TXT', txtData('no')),
      record('c.example.test', 'CNAME', nameData('y.test')),
      record('ns.example.test', 'CNAME', nameData('x.test')),
    ]);
    expect((await ask('c.example.test', 'ANY')).answers.map(nameOf)).toEqual(['y.test']);
    expect((await ask('ns.example.test', 'ANY')).answers.map(({ type }) => type)).toEqual(['A']);
  });

  it.each([
    ['an outside name', [record('example.invalid', 'TXT', txtData('x'))], 'NOTZONE'],
    ['a type for questions only', [record(name, 'AXFR', none)], 'FORMERR'],
    ['a deletion with a TTL', [record(name, 'TXT', txtData('x'), 'NONE', 5)], 'FORMERR'],
    ['a set deletion with data', [record(name, 'TXT', txtData('x'), 'ANY')], 'FORMERR'],
    ['TXT strings that overrun', [record(name, 'TXT', Buffer.from([9, 1]))], 'FORMERR'],
    ['another class', [record(name, 'TXT', txtData('x'), 'CLASS3')], 'FORMERR'],
  ])('changes nothing at all for %s', async (_, wrong, rcode) => {
    expect(await update('example.test', [record(name, 'TXT', txtData('good')), ...wrong])).toBe(rcode);
    expect(await txt(name)).toEqual([]);
  });

  it.each([
    ['name in use', 'ANY', 'ANY', none, 'NOERROR', 'NXDOMAIN'],
    ['set exists', 'TXT', 'ANY', none, 'NOERROR', 'NXRRSET'],
    ['set exists with these values', 'TXT', 'IN', txtData('there'), 'NOERROR', 'NXRRSET'],
    ['name not in use', 'ANY', 'NONE', none, 'YXDOMAIN', 'NOERROR'],
    ['set does not exist', 'TXT', 'NONE', none, 'YXRRSET', 'NOERROR'],
  ])('checks the prerequisite: %s', async (_, type, how, data, whenThere, whenNot) => {
    const check = () =>
      update('example.test', [record('done.example.test', 'TXT', txtData('x'))], [record(name, type, data, how, 0)]);
    expect(await check()).toBe(whenNot);
    expect((await ask('done.example.test', 'TXT')).rcode).toBe(whenNot === 'NOERROR' ? 'NOERROR' : 'NXDOMAIN');
    await update('example.test', [record(name, 'TXT', txtData('there'))]);
    expect(await check()).toBe(whenThere);
  });

  it('compares sets as a whole', async () => {
    await update('example.test', [record(name, 'TXT', txtData('a')), record(name, 'TXT', txtData('b'))]);
    const check = (...values: string[]) =>
      update(
        'example.test',
        [],
        values.map((value) => record(name, 'TXT', txtData(value), 'IN', 0)),
      );
    expect([await check('a'), await check('b', 'a'), await check('a', 'b', 'c')]).toEqual([
      'NXRRSET',
      'NOERROR',
      'NXRRSET',
    ]);
  });

  it('knows only its own zones, by their names', async () => {
    expect(await update('example.invalid', [])).toBe('NOTAUTH');
    expect(await update('a.example.test', [])).toBe('NOTAUTH');
  });
});

it('shows an update as late as a slow secondary, in the right order, though it is acknowledged at once', async () => {
  await start(['example.test'], 300);
  const name = '_acme-challenge.example.test';
  const begin = performance.now();
  expect(await update('example.test', [record(name, 'TXT', txtData('a'))])).toBe('NOERROR');
  expect(await txt(name)).toEqual([]);
  // The primary has it: a prerequisite is met, and a second change builds upon it.
  const there = [record(name, 'TXT', none, 'ANY')];
  expect(await update('example.test', [record(name, 'TXT', txtData('b'))], there)).toBe('NOERROR');
  const serial = await serialOf('example.test');
  const seen = new Set<string>();
  while (!seen.has('a b')) {
    seen.add((await txt(name)).join(' '));
    if (performance.now() - begin > 5000) throw new Error([...seen].join('; '));
  }
  expect(performance.now() - begin).toBeGreaterThanOrEqual(295);
  expect((await serialOf('example.test')) - serial).toBe(2);
});
