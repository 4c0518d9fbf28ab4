import {
  decodeMessage,
  encodeMessage,
  exchangeBytes,
  type Message,
  query,
  signMessage,
  TsigError,
  type TsigKey,
  txtData,
  txtOf,
  verifyMessage,
} from '../../../../src/dns/wire/index.ts';
import { silentLog } from '../../../../src/log.ts';
import { type DnsServer, startDnsServer } from '../../../../src/sandbox/dns/index.ts';

const key: TsigKey = { name: 'test-key', algorithm: 'hmac-sha512', secret: Buffer.alloc(64, 3) };
const name = '_acme-challenge.example.test';
const now = () => Math.floor(Date.now() / 1000);
let server: DnsServer;
beforeEach(async () => {
  server = await startDnsServer({ port: 0, zones: ['example.test'], tsigKey: key, log: silentLog });
});
afterEach(() => server.close());

const update: Message = {
  ...query('example.test', 'SOA', false),
  id: 99,
  opcode: 'UPDATE',
  authorities: [{ name, type: 'TXT', class: 'IN', ttl: 1, data: txtData('x') }],
};
const exchange = (bytes: Buffer): Promise<Buffer> =>
  exchangeBytes(
    bytes,
    { address: server.address, port: server.port, protocol: 'udp' },
    { timeoutMs: 5000, signal: new AbortController().signal },
  );
const values = async (): Promise<string[]> =>
  decodeMessage(await exchange(encodeMessage(query(name, 'TXT', false)))).answers.map(txtOf);
const faultOf = (read: () => unknown): string => {
  try {
    read();
    return 'none';
  } catch (error) {
    return error instanceof TsigError ? error.fault : String(error);
  }
};

it('takes a signed update and signs its answer, bound to the request', async () => {
  const { bytes, mac } = signMessage(update, key, now());
  const answer = await exchange(bytes);
  expect(verifyMessage(answer, key, now(), mac).message.rcode).toBe('NOERROR');
  expect(faultOf(() => verifyMessage(answer, key, now(), Buffer.alloc(64)))).toBe('BADSIG');
  expect(await values()).toEqual(['x']);
});

it('signs answers to signed questions', async () => {
  const { bytes, mac } = signMessage({ ...query('example.test', 'SOA', false), id: 5 }, key, now());
  const { message } = verifyMessage(await exchange(bytes), key, now(), mac);
  expect(message.answers.map(({ type }) => type)).toEqual(['SOA']);
});

it('refuses an update without a signature', async () => {
  expect(decodeMessage(await exchange(encodeMessage(update))).rcode).toBe('REFUSED');
  expect(await values()).toEqual([]);
});

it.each([
  ['a key it does not know', { ...key, name: 'other' }, 'BADKEY'],
  ['another algorithm for the key', { ...key, algorithm: 'hmac-sha256' as const }, 'BADKEY'],
  ['another secret', { ...key, secret: Buffer.alloc(64, 4) }, 'BADSIG'],
])('refuses %s, unsigned', async (_, used, fault) => {
  const { bytes, mac } = signMessage(update, used, now());
  const answer = await exchange(bytes);
  expect(decodeMessage(answer).rcode).toBe('NOTAUTH');
  expect(decodeMessage(answer).additionals.at(-1)).toMatchObject({ name: used.name, type: 'TSIG', class: 'ANY' });
  expect(faultOf(() => verifyMessage(answer, used, now(), mac))).toBe(fault);
  expect(await values()).toEqual([]);
});

it('refuses a signature of another time, and says under a signature which time it is', async () => {
  const { bytes, mac } = signMessage(update, key, now() - 3600);
  const answer = await exchange(bytes);
  expect(decodeMessage(answer).rcode).toBe('NOTAUTH');
  // Verified before the time is looked at: the message tells how far apart the clocks are only when the signature is right.
  expect(() => verifyMessage(answer, key, now() - 3600, mac)).toThrow(/clocks.*36\d\d s apart/u);
  expect(faultOf(() => verifyMessage(answer, key, now(), Buffer.alloc(64)))).toBe('BADSIG');
  expect(await values()).toEqual([]);
});

it('refuses an update that was changed on its way', async () => {
  const { bytes } = signMessage(update, key, now());
  const at = bytes.indexOf(txtData('x'));
  bytes[at + 1] = 'y'.charCodeAt(0);
  expect(decodeMessage(await exchange(bytes)).rcode).toBe('NOTAUTH');
  expect(await values()).toEqual([]);
});

it('calls a signature that is not the last record malformed', async () => {
  const signed = decodeMessage(signMessage(update, key, now()).bytes);
  const tsig = signed.additionals.at(-1)!;
  const extra = { name: 'x.test', type: 'A', class: 'IN', ttl: 0, data: Buffer.from([1, 2, 3, 4]) };
  for (const additionals of [
    [tsig, extra],
    [tsig, tsig],
    [{ ...tsig, data: tsig.data.subarray(0, 30) }],
    [{ ...tsig, class: 'IN' }],
  ])
    expect(decodeMessage(await exchange(encodeMessage({ ...update, additionals }))).rcode).toBe('FORMERR');
});
