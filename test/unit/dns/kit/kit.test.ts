import { asciiName, quoteTxt, relativeName, suffixes, unquoteTxt } from '../../../../src/dns/kit/names.ts';
import { pollUntil } from '../../../../src/dns/kit/poll.ts';
import { basicAuth, canonicalQuery, hash, hmac, hmacBytes, percentEncode } from '../../../../src/dns/kit/sign.ts';
import { xmlParser } from '../../../../src/dns/kit/xml.ts';

describe('names', () => {
  it.each([
    ['Example.COM.', 'example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['_acme-challenge.Bücher.example.', '_acme-challenge.xn--bcher-kva.example'],
    ['*.example.com', '*.example.com'],
  ])('%s becomes %s', (name, ascii) => expect(asciiName(name)).toBe(ascii));

  it('are relative to their zone', () => {
    expect(relativeName('a.b.example.com', 'example.com')).toBe('a.b');
    expect(relativeName('example.com', 'example.com')).toBe('@');
    expect(() => relativeName('notexample.com', 'example.com')).toThrow('not inside');
    expect(suffixes('a.b.c')).toEqual(['a.b.c', 'b.c', 'c']);
  });

  it.each(['plain', 'with "quotes" and \\ backslash', 'x'.repeat(600), ''])('TXT values survive quoting', (value) => {
    expect(unquoteTxt(quoteTxt(value))).toBe(value);
  });
  it('TXT values are read as name servers and vendors write them', () => {
    expect(unquoteTxt('"ab" "cd"')).toBe('abcd');
    expect(unquoteTxt('"a\\034b\\"c"')).toBe('a"b"c');
    expect(unquoteTxt('bare')).toBe('bare');
  });
});

describe('signatures', () => {
  it('encode as RFC 3986 does, sorted', () => {
    expect(percentEncode("a b!*'()~/+")).toBe('a%20b%21%2A%27%28%29~%2F%2B');
    expect(canonicalQuery({ b: 2, a: 'x y', B: true })).toBe('B=true&a=x%20y&b=2');
    expect(canonicalQuery(new URLSearchParams('z=1&a=2&a=1'))).toBe('a=1&a=2&z=1');
    expect(canonicalQuery({ 'a-b': 1, a: 2 })).toBe('a=2&a-b=1'); // By name, although `-` comes before `=`.
  });

  it('agree with the examples of RFC 2202, RFC 4231 and FIPS 180', () => {
    expect(hmac('md5', 'Jefe', 'what do ya want for nothing?', 'hex')).toBe('750c783e6ab0b503eaa86e310a5db738');
    expect(hmacBytes('sha256', 'Jefe', 'what do ya want for nothing?').toString('hex')).toMatch(/^5bdcc146bf60754e6a/u);
    expect(hash('sha256', 'abc')).toMatch(/^ba7816bf8f01cfea4141/u);
    expect(basicAuth('Aladdin', 'open sesame')).toBe('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='); // RFC 7617 section 2.
  });
});

describe('pollUntil', () => {
  const never = new AbortController().signal;
  it('asks until there is an answer', async () => {
    let asked = 0;
    const ask = async () => {
      asked += 1;
      return asked === 3 ? 'done' : undefined;
    };
    expect(await pollUntil(ask, { what: 'x', signal: never, intervalMs: 1 })).toBe('done');
    expect(asked).toBe(3);
  });

  it('gives up in words', async () => {
    const waiting = pollUntil(async () => undefined, {
      what: 'foo: publishing',
      signal: never,
      intervalMs: 5,
      timeoutMs: 20,
    });
    await expect(waiting).rejects.toMatchObject({ fault: 'api', message: 'foo: publishing is not done after 1 s' });
  });

  it('ends with an abort', async () => {
    const abort = new AbortController();
    const waiting = pollUntil(async () => undefined, { what: 'x', signal: abort.signal, intervalMs: 60_000 });
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow();
  });
});

describe('XML', () => {
  it('keeps values strings, arrays arrays, and drops namespaces', async () => {
    const parse = await xmlParser({ arrays: ['host'] });
    expect(
      parse('<?xml version="1.0"?><n:r><host Name="a" TTL="007"/><id>00123</id><t>a&amp;b &#x41;</t></n:r>'),
    ).toEqual({
      r: { host: [{ '@Name': 'a', '@TTL': '007' }], id: '00123', t: 'a&b A' },
    });
  });

  it('refuses document types and what is not well-formed', async () => {
    const parse = await xmlParser();
    expect(() => parse('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>')).toThrow('document type');
    expect(() => parse('<a><b></a>')).toThrow();
  });
});
