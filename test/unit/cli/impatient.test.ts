import { impatient } from '../../../src/cli/certificates/impatient.ts';
import { type HttpRequest, type HttpResponse, TransportError } from '../../../src/http.ts';

const answer: HttpResponse = { status: 200, headers: {}, body: Buffer.alloc(0), url: '' };

describe('questions that can be done without', () => {
  let asked: HttpRequest[];
  let ask: (url: string) => Promise<HttpResponse>;
  const begin = (usualMs: number, reply: (url: string) => HttpResponse) => {
    asked = [];
    const transport = impatient(async (request) => {
      asked.push(request);
      return reply(request.url);
    }, usualMs);
    ask = (url) => transport({ method: 'GET', url });
  };

  it('ask a host that gives no answer once, and others all the same', async () => {
    begin(30_000, (url) => {
      if (url.includes('//silent')) throw new TransportError('timeout', 'no answer in time');
      return answer;
    });
    for (let n = 0; n < 3; n += 1)
      await expect(ask(`https://silent.example/${n}`)).rejects.toThrow('no answer in time');
    expect(asked.map(({ url }) => url)).toEqual(['https://silent.example/0']);
    expect(await ask('https://other.example/')).toBe(answer);
  });

  it('ask again after an answer, whatever it is', async () => {
    begin(30_000, () => ({ ...answer, status: 503 }));
    for (let n = 0; n < 3; n += 1) expect((await ask('https://ca.example/')).status).toBe(503);
    expect(asked.length).toBe(3);
  });

  it.each([
    [30_000, 10_000],
    [2_000, 2_000],
  ])('wait for ten seconds at most, or less where the user said so: %i ms', async (usual, waited) => {
    begin(usual, () => answer);
    await ask('https://ca.example/');
    expect(asked[0]?.timeoutMs).toBe(waited);
  });
});
