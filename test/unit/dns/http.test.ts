import { createRest, retryAfterSeconds } from '../../../src/dns/http.ts';
import type { RestOptions } from '../../../src/dns/kit/contract.ts';
import { type HttpRequest, type HttpResponse, TransportError } from '../../../src/http.ts';
import { createLog } from '../../../src/log.ts';
import { Redactor } from '../../../src/redact.ts';

/** A client whose requests are kept and answered by the test. */
function client(
  answer: Partial<Omit<HttpResponse, 'body'>> & { body?: string } = {},
  options: Partial<RestOptions> = {},
) {
  const sent: HttpRequest[] = [];
  const logged: string[] = [];
  const redactor = new Redactor();
  redactor.hide('s3cret-token');
  const rest = createRest(
    {
      provider: 'foo',
      timeoutMs: 1000,
      log: createLog((_, message) => logged.push(message), redactor),
      clean: (text) => redactor.clean(text),
      signal: () => new AbortController().signal,
      credentials: ['FOO_TOKEN'],
      async transport(request) {
        sent.push(request);
        return { status: 200, headers: {}, url: request.url, ...answer, body: Buffer.from(answer.body ?? '') };
      },
    },
    { url: 'https://api.foo.test/v1', ...options },
  );
  return { rest, sent, logged };
}
const failure = (work: Promise<unknown>) => work.catch((error: unknown) => error);

describe('a request', () => {
  it('is JSON, a form or text, as the body is', async () => {
    const { rest, sent } = client();
    await rest.post('a', { b: 1 });
    await rest.put('/a', new URLSearchParams({ b: 'c d' }));
    await rest.patch('a', 'text');
    await rest.delete('a', [1]);
    await rest.delete('a');
    expect(sent.map(({ method, body, headers }) => [method, body, headers?.['content-type']])).toEqual([
      ['POST', '{"b":1}', 'application/json'],
      ['PUT', 'b=c+d', 'application/x-www-form-urlencoded'],
      ['PATCH', 'text', 'text/plain'],
      ['DELETE', '[1]', 'application/json'],
      ['DELETE', undefined, undefined],
    ]);
    expect(new Set(sent.map(({ url }) => url))).toEqual(new Set(['https://api.foo.test/v1/a']));
  });

  it('carries query and headers of the call besides those of the client', async () => {
    const { rest, sent } = client({}, { headers: { 'X-A': '1', 'X-B': '2' } });
    await rest.get('a', { x: 'y z', n: 1, skipped: undefined }, { headers: { 'x-b': '3' } });
    await rest.post('a?k=v', {}, { query: { q: true } });
    expect(sent[0]).toMatchObject({ url: 'https://api.foo.test/v1/a?x=y+z&n=1', headers: { 'x-a': '1', 'x-b': '3' } });
    expect(sent[1]?.url).toBe('https://api.foo.test/v1/a?k=v&q=true');
  });

  it('is signed over what is sent', async () => {
    const { rest, sent } = client({}, { sign: ({ method, url, body }) => ({ 'X-Sign': `${method} ${url} ${body}` }) });
    await rest.request('POST', 'a', { query: { b: 'c' }, body: { d: 1 } });
    expect(sent[0]?.headers?.['x-sign']).toBe('POST https://api.foo.test/v1/a?b=c {"d":1}');
  });

  it('is in the debug log without what authenticates', async () => {
    const { rest, logged } = client(
      { headers: { 'set-cookie': 'sid=1' } },
      { headers: { 'x-api-token': 'undeclared' } },
    );
    await rest.post('a', { token: 's3cret-token' });
    expect(logged.join('\n')).toContain('POST https://api.foo.test/v1/a');
    expect(logged.join('\n')).not.toMatch(/s3cret-token|undeclared|sid=1/u);
  });
});

describe('an answer', () => {
  it.each([
    ['{"a":[1]}', { a: [1] }],
    ['\uFEFF {"a":1}', { a: 1 }],
    ['12', 12],
    ['true', true],
    ['"OK"', 'OK'],
    ['OK', 'OK'],
    ['00123 x', '00123 x'],
    ['', undefined],
  ])('%j is read as %j', async (body, value) => expect(await client({ body }).rest.get('a')).toEqual(value));

  it('comes with status and headers when they matter', async () => {
    const { rest } = client({ status: 202, headers: { location: '/job/1' }, body: '{}' });
    expect(await rest.request('POST', 'a')).toEqual({ status: 202, headers: { location: '/job/1' }, body: {} });
  });

  it.each([
    ['{"a":', 'broken JSON'],
    ['<!DOCTYPE html><html><body>Please log in</body></html>', 'a web page: Please log in'],
  ])('%j with status 200 is an error', async (body, words) => {
    const error = await failure(client({ body }).rest.get('a'));
    expect(error).toMatchObject({ fault: 'api', message: expect.stringContaining(`answered 200 with ${words}`) });
  });
});

describe('an error', () => {
  it.each([
    [401, 'auth', 'check FOO_TOKEN'],
    [403, 'auth', 'check FOO_TOKEN'],
    [404, 'missing', undefined],
    [409, 'api', undefined],
    [429, 'rate', undefined],
    [503, 'api', undefined],
    [302, 'api', undefined],
  ])('%d is told as %s', async (status, fault, hint) => {
    const error = await failure(client({ status }).rest.get('a'));
    expect(error).toMatchObject({
      fault,
      status,
      hint,
      message: `foo: GET https://api.foo.test/v1/a answered ${status}`,
    });
  });

  it('shows what the vendor says, without markup, escapes, secrets and in bounds', async () => {
    const body = `<html><style>b{}</style><b>Sorry</b>\u001b[31m s3cret-token ${'x'.repeat(1000)}</html>`;
    const { message } = (await failure(client({ status: 500, body }).rest.get('a'))) as Error;
    expect(message).toMatch(/answered 500: Sorry \[31m \*\*\* x+\.\.\.$/u);
    expect(message.length).toBeLessThan(400);
  });

  it('is found in an answer with status 200', async () => {
    const problem: RestOptions['problem'] = (body) =>
      body.ok ? undefined : { message: body.why, fault: 'auth', hint: 'do that' };
    const { rest } = client({ body: '{"ok":false,"why":"wrong key"}' }, { problem });
    expect(await failure(rest.get('a'))).toMatchObject({
      fault: 'auth',
      hint: 'do that',
      message: 'foo: GET https://api.foo.test/v1/a answered 200: wrong key',
    });
  });

  it('can be no error at all', async () => {
    const { rest } = client({ status: 400, body: '{"code":81058}' }, { problem: ({ code }) => (code ? null : 'no') });
    expect(await rest.post('a', {})).toEqual({ code: 81058 });
  });

  it('page that the vendor did not write leaves the HTTP status to speak', async () => {
    const { rest } = client({ status: 502, body: 'Bad gateway' }, { problem: (body) => body.errors[0].message });
    expect(await failure(rest.get('a'))).toMatchObject({
      status: 502,
      message: expect.stringContaining('Bad gateway'),
    });
  });

  it.each([
    ['reset', 'network'],
    ['timeout', 'network'],
    ['proxy', 'network'],
    ['tls', 'api'],
    ['too-large', 'api'],
  ] as const)('of the network: %s is %s', async (fault, told) => {
    const transport = () => Promise.reject(new TransportError(fault, 'it broke'));
    const broken = createRest(
      {
        provider: 'foo',
        timeoutMs: 1,
        log: createLog(() => {}, new Redactor()),
        clean: (t) => t,
        signal: () => new AbortController().signal,
        credentials: [],
        transport,
      },
      { url: 'https://api.foo.test/' },
    );
    expect(await failure(broken.get('a'))).toMatchObject({ fault: told, message: expect.stringContaining('it broke') });
  });
});

it('a vendor may tell in headers of its own how long to wait, and what went wrong', async () => {
  const { rest } = client(
    { status: 429, headers: { 'x-reset-in': '7', 'x-why': 'too fast' }, body: '{}' },
    {
      problem: (_, status, headers) => ({
        message: `${status}: ${headers['x-why']}`,
        retryAfter: Number(headers['x-reset-in']),
      }),
    },
  );
  expect(await failure(rest.get('a'))).toMatchObject({
    fault: 'rate',
    retryAfter: 7,
    message: expect.stringContaining('429: too fast'),
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-24T02:00:00Z');
  it.each([
    ['120', 120],
    ['0', 0],
    ['Tue, 24 Nov 2026 02:01:30 GMT', 90],
    ['Tue, 24 Nov 2026 01:00:00 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('%s means %s seconds', (header, seconds) => expect(retryAfterSeconds(header, now)).toBe(seconds));
});
