import { randomBytes, randomInt } from 'node:crypto';
import {
  addressData,
  addressOf,
  decodeMessage,
  decodeName,
  edns,
  encodeMessage,
  encodeName,
  MalformedMessage,
  nameData,
  nameOf,
  query,
  signMessage,
  soaData,
  soaOf,
  type TsigKey,
  tsigAlgorithms,
  txtData,
  txtOf,
  verifyMessage,
} from '../../../src/dns/wire/index.ts';

const record = (type: string, data: Buffer, name = 'example.com') => ({ name, type, class: 'IN', ttl: 60, data });
const soa = {
  primary: 'ns1.example.com',
  mailbox: 'host.example.com',
  serial: 7,
  refresh: 1,
  retry: 2,
  expire: 3,
  minimum: 4,
};

describe('messages', () => {
  const message = {
    ...query('WWW.Example.com', 'TXT', true),
    id: 4711,
    response: true,
    rcode: 'NXDOMAIN',
    answers: [record('TXT', txtData('x'.repeat(300))), record('CNAME', nameData('target.example.net'))],
    authorities: [
      record('SOA', soaData(soa)),
      record('A', addressData('192.0.2.7')),
      record('AAAA', addressData('2001:db8::7')),
    ],
    additionals: [edns(1232), record('TYPE65400', Buffer.from('anything'))],
  };

  it('are read back as they were written', () => {
    const read = decodeMessage(encodeMessage(message));
    expect(read).toEqual({ ...message, questions: [{ name: 'www.example.com', type: 'TXT', class: 'IN' }] });
    expect(txtOf(read.answers[0]!)).toBe('x'.repeat(300));
    expect(nameOf(read.answers[1]!)).toBe('target.example.net');
    expect(soaOf(read.authorities[0]!)).toEqual(soa);
    expect(addressOf(read.authorities[1]!)).toBe('192.0.2.7');
    expect(addressOf(read.authorities[2]!)).toBe('2001:db8:0:0:0:0:0:7');
  });

  it('throw MalformedMessage, and nothing else, whatever the bytes are', () => {
    const good = encodeMessage(message);
    for (let i = 0; i < 20_000; i += 1) {
      const bytes = i % 2 ? randomBytes(randomInt(80)) : Buffer.from(good.subarray(0, randomInt(good.length + 1)));
      for (let n = 0; n < 3 && bytes.length > 0; n += 1) bytes[randomInt(bytes.length)] = randomInt(256);
      try {
        decodeMessage(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedMessage);
      }
    }
  });
});

describe('names', () => {
  it('keep odd bytes by escapes', () => {
    const name = 'a\\.b.\\000\\255.example';
    expect(decodeName(encodeName(name), 0).name).toBe(name);
  });

  it('are refused when too long or empty inside', () => {
    for (const name of ['a..b', `${'a'.repeat(64)}.example`, Array(130).fill('a').join('.')]) {
      expect(() => encodeName(name)).toThrow(MalformedMessage);
    }
  });

  it('cannot be made to loop by compression pointers', () => {
    for (const bytes of ['c000', '01 61 c000', 'c002c000'].map((hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex'))) {
      expect(() => decodeName(bytes, bytes.length - 2)).toThrow(MalformedMessage);
    }
  });
});

describe('TSIG', () => {
  const now = 1_800_000_000;
  const key = (algorithm: TsigKey['algorithm'], secret = 'secret'): TsigKey => ({
    name: 'key.example',
    algorithm,
    secret: Buffer.from(secret),
  });
  const request = { ...query('example.com', 'SOA', false), id: 99 };
  const fault = (run: () => unknown) => {
    try {
      run();
      return 'accepted';
    } catch (error) {
      return (error as { fault?: string }).fault;
    }
  };

  it.each(tsigAlgorithms)('verifies what it signed with %s, and an answer together with its request', (algorithm) => {
    const signed = signMessage(request, key(algorithm), now);
    expect(verifyMessage(signed.bytes, key(algorithm), now + 299).message).toEqual(request);
    const response = signMessage({ ...request, response: true }, key(algorithm), now, signed.mac);
    expect(verifyMessage(response.bytes, key(algorithm), now, signed.mac).message.response).toBe(true);
    expect(fault(() => verifyMessage(response.bytes, key(algorithm), now, randomBytes(signed.mac.length)))).toBe(
      'BADSIG',
    );
  });

  it('refuses what is forged, late, unsigned or signed by another key', () => {
    const signed = signMessage(request, key('hmac-sha256'), now).bytes;
    const forged = Buffer.from(signed);
    forged[14] = (forged[14] ?? 0) ^ 1;
    expect(fault(() => verifyMessage(forged, key('hmac-sha256'), now))).toBe('BADSIG');
    expect(fault(() => verifyMessage(signed, key('hmac-sha256', 'other'), now))).toBe('BADSIG');
    expect(fault(() => verifyMessage(signed, { ...key('hmac-sha256'), name: 'other' }, now))).toBe('BADKEY');
    expect(fault(() => verifyMessage(signed, key('hmac-sha1'), now))).toBe('BADKEY');
    expect(fault(() => verifyMessage(signed, key('hmac-sha256'), now + 301))).toBe('BADTIME');
    expect(fault(() => verifyMessage(encodeMessage(request), key('hmac-sha256'), now))).toBe('unsigned');
  });
});
