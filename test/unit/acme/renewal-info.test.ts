import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { certificateId } from '../../../src/acme/certificate-id.ts';
import type { Directory } from '../../../src/acme/client.ts';
import { askCa } from '../../../src/acme/renewal-info.ts';
import { mayAsk, type RenewalState } from '../../../src/acme/renewal-state.ts';
import { createTransport } from '../../../src/http.ts';
import { silentLog } from '../../../src/log.ts';

/** The example of RFC 9773, appendix A: its serial number begins with a zero byte, and must. */
const EXAMPLE = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
`;
const EXAMPLE_ID = 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE';

describe('the identifier of a certificate', () => {
  it('is that of the example in RFC 9773', () => {
    expect(certificateId(EXAMPLE)).toBe(EXAMPLE_ID);
  });
});

const now = new Date('2026-11-24T12:00:00Z');
const hours = (n: number) => new Date(now.getTime() + n * 3_600_000).toISOString();

describe('asking the CA when to renew', () => {
  let server: Server;
  let base: string;
  let asked: string[];
  let reply: { status?: number; headers?: Record<string, string>; body?: unknown };
  let directories: number;
  let movedTo: string | undefined;

  beforeEach(async () => {
    asked = [];
    directories = 0;
    movedTo = undefined;
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      const { status = 200, headers = {}, body } = request.url?.startsWith('/new/') ? good('1', '2') : reply;
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const good = (start: string, end: string, more = {}): typeof reply => ({
    body: { suggestedWindow: { start: hours(Number(start)), end: hours(Number(end)) }, ...more },
    headers: {},
  });
  const state = (ari?: Partial<NonNullable<RenewalState['ari']>>): RenewalState => ({
    certificate: 'x',
    notBefore: hours(-1),
    notAfter: hours(2000),
    ...(ari ? { ari: { url: `${base}/ari`, askAgain: hours(-1), ...ari } } : {}),
  });
  const ask = (before: RenewalState = state()) =>
    askCa(
      before,
      EXAMPLE,
      {
        signal: new AbortController().signal,
        log: silentLog,
        reach: async () => ({
          transport: createTransport({ log: silentLog, env: {}, timeoutMs: 1000 }),
          directory: async () => {
            directories += 1;
            return { renewalInfo: movedTo ?? `${base}/ari` } as Directory;
          },
        }),
      },
      now,
    );

  it('chooses a point of the window, and asks again when the CA says', async () => {
    reply = { ...good('100', '200', { explanationURL: `${base}/why` }), headers: { 'retry-after': '7200' } };
    const { ari } = await ask();
    expect(asked).toEqual([`/ari/${EXAMPLE_ID}`]);
    expect(ari).toMatchObject({ id: EXAMPLE_ID, start: hours(100), end: hours(200), askAgain: hours(2) });
    expect(ari?.explanationUrl).toBe(`${base}/why`);
    expect(Date.parse(ari?.chosen ?? '')).toBeGreaterThanOrEqual(Date.parse(hours(100)));
    expect(Date.parse(ari?.chosen ?? '')).toBeLessThanOrEqual(Date.parse(hours(200)));
  });

  it('keeps the point while the window is the same, and chooses anew when it moves', async () => {
    reply = good('100', '200');
    const first = await ask();
    expect((await ask(first)).ari?.chosen).toBe(first.ari?.chosen);
    reply = good('-2', '-1');
    expect(Date.parse((await ask(first)).ari?.chosen ?? '')).toBeLessThan(now.getTime());
  });

  it.each([
    ['0', 1 / 60],
    ['999999999', 24],
    ['soon', 6],
    [undefined, 6],
  ])('asks again after a minute at least and a day at most: Retry-After %s', async (header, after) => {
    reply = { ...good('1', '2'), headers: header === undefined ? {} : { 'retry-after': header } };
    expect((await ask()).ari?.askAgain).toBe(hours(after));
  });

  it.each([
    ['an end before the start', { body: { suggestedWindow: { start: hours(2), end: hours(1) } } }],
    ['no window', { body: {} }],
    ['numbers', { body: { suggestedWindow: { start: 2026, end: 2027 } } }],
    ['null', { body: { suggestedWindow: null } }],
    // Or each new certificate would be due at once.
    [
      'a window that was over when the certificate was issued',
      { body: { suggestedWindow: { start: hours(-90), end: hours(-26) } } },
    ],
    ['no dates', { body: { suggestedWindow: { start: 'x', end: 'y' } } }],
    ['no JSON', { body: '<html>' }],
    ['500', { status: 500, body: {} }],
    ['404', { status: 404, body: {} }],
  ])('keeps what is known when the CA answers with %s', async (_, answer) => {
    reply = answer;
    const before = state({ id: EXAMPLE_ID, start: hours(1), end: hours(2), chosen: hours(1.5) });
    expect((await ask(before)).ari).toEqual({ ...before.ari, askAgain: hours(1) });
  });

  it('takes a time to ask again that is more than a day ahead for a mistake of the clock', () => {
    expect(mayAsk(state({ askAgain: hours(24) }), now)).toBe(false);
    expect(mayAsk(state({ askAgain: '2099-01-01T00:00:00Z' }), now)).toBe(true);
  });

  it.each([
    ['javascript:alert(1)', undefined],
    ['https://ca.example/\u001b[2Jwhy', 'https://ca.example/%1B[2Jwhy'],
    [`https://ca.example/${'a'.repeat(5_000)}`, undefined],
    [{ a: 1 }, undefined],
  ])('shows no explanation that could do harm: %j', async (explanationURL, shown) => {
    reply = good('1', '2', { explanationURL });
    expect((await ask()).ari?.explanationUrl).toBe(shown);
  });

  it('keeps what is known when the CA cannot be reached', async () => {
    const before = state({ url: 'http://127.0.0.1:1/ari', chosen: hours(1.5) });
    expect((await ask(before)).ari).toMatchObject({ chosen: hours(1.5), askAgain: hours(1) });
  });

  it('finds the new address when the CA has moved it', async () => {
    reply = { status: 404, body: {} };
    movedTo = `${base}/new/ari`;
    const { ari } = await ask(state({ id: EXAMPLE_ID }));
    expect(asked).toEqual([`/ari/${EXAMPLE_ID}`, `/new/ari/${EXAMPLE_ID}`]);
    expect(ari).toMatchObject({ url: `${base}/new/ari`, start: hours(1) });
  });

  it('asks a CA that has no such thing once a day for its directory, and nothing else', async () => {
    movedTo = '';
    const after = await ask();
    expect([asked, directories]).toEqual([[], 1]);
    expect(after.ari).toEqual({ url: '', id: EXAMPLE_ID, askAgain: hours(24) });
    expect([mayAsk(after, now), mayAsk(after, new Date(hours(25)))]).toEqual([false, true]);
  });
});
