import type { AcmeClient } from './client.ts';
import { type Lab, startLab } from './lab.ts';

let lab: Lab;
let client: AcmeClient;
beforeAll(async () => {
  lab = await startLab();
  client = await lab.client();
});
beforeEach(() => {
  lab.dns.clear();
  lab.dns.rcodes.clear();
  lab.dns.silent = false;
  lab.dns.asked.length = 0;
});
afterAll(() => lab.close());

interface Pending {
  readonly order: string;
  readonly authorizations: readonly string[];
  readonly challenges: readonly string[];
  readonly values: readonly string[];
}
async function order(...names: string[]): Promise<Pending> {
  const { headers, body } = await client.newOrder(names);
  const all = await Promise.all(body.authorizations.map((url: string) => client.post(url, null)));
  const challenges = all.map((reply) => reply.body.challenges[0]);
  return {
    order: headers.location,
    authorizations: body.authorizations,
    challenges: challenges.map(({ url }) => url),
    values: await Promise.all(challenges.map(({ token }) => client.txtValue(token))),
  };
}
/** Answers all challenges, and waits for all verdicts. */
async function answer({ challenges, authorizations }: Pending) {
  const answered = await Promise.all(challenges.map((url) => client.post(url, {})));
  expect(answered.map(({ status }) => status)).toEqual(challenges.map(() => 200));
  return Promise.all(authorizations.map((url) => client.settled(url)));
}
const verdict = async (pending: Pending) => {
  const [reply] = await answer(pending);
  const [challenge] = reply!.body.challenges;
  return { status: reply!.body.status, kind: challenge.error?.type.split(':').at(-1), detail: challenge.error?.detail };
};
const AT = '_acme-challenge.a.test';

describe('dns-01', () => {
  it('finds the value among others, for a name and for its wildcard', async () => {
    const pending = await order('a.test', '*.a.test');
    for (const value of ['other', ...pending.values]) lab.dns.txt(AT, value);
    const verdicts = await answer(pending);
    expect(verdicts.map(({ body }) => body.status)).toEqual(['valid', 'valid']);
    const [challenge] = verdicts[0]!.body.challenges;
    expect(challenge).toMatchObject({ status: 'valid', validated: expect.any(String) });
    expect((await client.post(pending.order, null)).body.status).toBe('ready');
  });

  it('follows CNAMEs to the end', async () => {
    const pending = await order('a.test');
    for (let i = 0; i < 16; i += 1) lab.dns.cname(i === 0 ? AT : `hop${i}.b.test`, `hop${i + 1}.b.test`);
    lab.dns.txt('hop16.b.test', pending.values[0]!);
    expect(await verdict(pending)).toEqual({ status: 'valid' });
  });

  it('follows no more than 16 CNAMEs, and so no loop', async () => {
    const pending = await order('a.test');
    lab.dns.cname(AT, 'loop.b.test');
    lab.dns.cname('loop.b.test', AT);
    expect(await verdict(pending)).toMatchObject({
      status: 'invalid',
      kind: 'dns',
      detail: expect.stringContaining('CNAME'),
    });
  });

  it.each<[string, (pending: Pending) => void, string, RegExp]>([
    ['there is no such name', () => {}, 'dns', /NXDOMAIN.*_acme-challenge\.a\.test/u],
    [
      'the name has no TXT record',
      () => lab.dns.caa(AT, 'iodef', 'x'),
      'unauthorized',
      /no TXT record at _acme-challenge/u,
    ],
    ['the value is another', () => lab.dns.txt(AT, 'wrong'), 'unauthorized', /found "wrong"/u],
    ['the value is an escape sequence', () => lab.dns.txt(AT, '\x1b[31mred'), 'unauthorized', /found "\[31mred"/u],
    [
      'there are many other values',
      () => Array.from({ length: 9 }, (_, i) => lab.dns.txt(AT, `v${i}`)),
      'unauthorized',
      /found "v0", "v1", "v2", "v3", "v4" and 4 more/u,
    ],
    [
      'the value is that of another challenge',
      ({ values }) => lab.dns.txt(AT, `${values[0]}x`),
      'unauthorized',
      /found/u,
    ],
    ['the TXT record is broken', () => lab.dns.add(AT, 'TXT', Buffer.from([9, 65])), 'dns', /TXT/u],
    ['the server fails', () => lab.dns.rcodes.set(`TXT ${AT}`, 'SERVFAIL'), 'dns', /SERVFAIL/u],
    ['the server refuses', () => lab.dns.rcodes.set(`TXT ${AT}`, 'REFUSED'), 'dns', /REFUSED/u],
  ])('fails when %s', async (_, prepare, kind, detail) => {
    const pending = await order('a.test');
    lab.dns.txt('other.a.test', 'makes a.test exist');
    prepare(pending);
    expect(await verdict(pending)).toEqual({ status: 'invalid', kind, detail: expect.stringMatching(detail) });
    const after = await client.post(pending.order, null);
    expect(after.body).toMatchObject({ status: 'invalid', error: { type: `urn:ietf:params:acme:error:${kind}` } });
  });

  it('gives the order the reason for each name that failed', async () => {
    const pending = await order('good.test', 'bad.test', '*.worse.test');
    lab.dns.txt('_acme-challenge.good.test', pending.values[0]!);
    lab.dns.txt('_acme-challenge.bad.test', 'wrong');
    await answer(pending);
    const { error } = (await client.post(pending.order, null)).body;
    expect(error.type).toBe('urn:ietf:params:acme:error:compound');
    expect(error.subproblems.map((sub: any) => [sub.identifier, sub.type.split(':').at(-1)])).toEqual([
      [{ type: 'dns', value: 'bad.test' }, 'unauthorized'],
      [{ type: 'dns', value: '*.worse.test' }, 'dns'],
    ]);
  });
});

describe('a challenge', () => {
  it('is processing while the DNS is asked, and says when to come back', async () => {
    lab.dns.silent = true;
    const pending = await order('a.test');
    const answered = await client.post(pending.challenges[0]!, {});
    expect([answered.body.status, answered.headers.link]).toEqual([
      'processing',
      expect.stringContaining(`<${pending.authorizations[0]}>;rel="up"`),
    ]);
    const [authorization, challenge, whole] = await Promise.all(
      [pending.authorizations[0]!, pending.challenges[0]!, pending.order].map((url) => client.post(url, null)),
    );
    expect([authorization!.body.status, authorization!.headers['retry-after']]).toEqual(['pending', '1']);
    expect([challenge!.body.status, challenge!.headers['retry-after']]).toEqual(['processing', '1']);
    expect(whole!.body.status).toBe('pending');
    // Given up meanwhile: what is found later changes nothing.
    await client.post(pending.authorizations[0]!, { status: 'deactivated' });
    lab.dns.txt(AT, pending.values[0]!);
    lab.dns.silent = false;
    while (!lab.dns.asked.includes('CAA test')) await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await client.post(pending.authorizations[0]!, null)).body.status).toBe('deactivated');
  });

  it('is answered once', async () => {
    const pending = await order('a.test');
    const [first] = await answer(pending);
    lab.dns.txt(AT, pending.values[0]!);
    const [second] = await answer(pending);
    expect([first!.body.status, second!.body]).toEqual(['invalid', first!.body]);
  });

  it('is not answered by reading it', async () => {
    const pending = await order('a.test');
    expect((await client.post(pending.challenges[0]!, null)).body.status).toBe('pending');
    expect(lab.dns.asked).toEqual([]);
  });
});

describe('CAA', () => {
  const cases: [string, string, () => void, 'valid' | 'caa' | 'dns'][] = [
    ['no record', 'www.a.test', () => {}, 'valid'],
    ['this CA', 'a.test', () => lab.dns.caa('a.test', 'issue', 'sandbox.test'), 'valid'],
    ['this CA in capitals', 'a.test', () => lab.dns.caa('a.test', 'ISSUE', ' Sandbox.TEST '), 'valid'],
    ['another CA', 'a.test', () => lab.dns.caa('a.test', 'issue', 'other.test'), 'caa'],
    ['nobody', 'a.test', () => lab.dns.caa('a.test', 'issue', ';'), 'caa'],
    [
      'this CA among others',
      'a.test',
      () => {
        lab.dns.caa('a.test', 'issue', 'other.test');
        lab.dns.caa('a.test', 'issue', 'sandbox.test');
      },
      'valid',
    ],
    ['another CA at the parent', 'www.a.test', () => lab.dns.caa('a.test', 'issue', 'other.test'), 'caa'],
    ['another CA at the top', 'www.a.test', () => lab.dns.caa('test', 'issue', 'other.test'), 'caa'],
    [
      'this CA below another one',
      'www.a.test',
      () => {
        lab.dns.caa('a.test', 'issue', 'other.test');
        lab.dns.caa('www.a.test', 'issue', 'sandbox.test');
      },
      'valid',
    ],
    ['only iodef', 'a.test', () => lab.dns.caa('a.test', 'iodef', 'mailto:a@a.test'), 'valid'],
    ['an unknown property', 'a.test', () => lab.dns.caa('a.test', 'other', 'x'), 'valid'],
    ['an unknown critical property', 'a.test', () => lab.dns.caa('a.test', 'other', 'x', 128), 'caa'],
    ['no wildcards', '*.a.test', () => lab.dns.caa('a.test', 'issuewild', ';'), 'caa'],
    ['no wildcards, for a plain name', 'a.test', () => lab.dns.caa('a.test', 'issuewild', ';'), 'valid'],
    [
      'only wildcards',
      '*.a.test',
      () => {
        lab.dns.caa('a.test', 'issue', ';');
        lab.dns.caa('a.test', 'issuewild', 'sandbox.test');
      },
      'valid',
    ],
    ['a wildcard by issue', '*.a.test', () => lab.dns.caa('a.test', 'issue', 'other.test'), 'caa'],
    ['this account', 'a.test', () => lab.dns.caa('a.test', 'issue', `sandbox.test; accounturi=${client.kid}`), 'valid'],
    [
      'another account',
      'a.test',
      () => lab.dns.caa('a.test', 'issue', `sandbox.test; accounturi=${client.kid}0`),
      'caa',
    ],
    [
      'dns-01',
      'a.test',
      () => lab.dns.caa('a.test', 'issue', 'sandbox.test; validationmethods=http-01,dns-01'),
      'valid',
    ],
    ['not dns-01', 'a.test', () => lab.dns.caa('a.test', 'issue', 'sandbox.test; validationmethods=http-01'), 'caa'],
    ['parameters that are none', 'a.test', () => lab.dns.caa('a.test', 'issue', 'sandbox.test; %%%%'), 'caa'],
    [
      'another CA behind a CNAME',
      'www.a.test',
      () => {
        lab.dns.cname('www.a.test', 'web.b.test');
        lab.dns.caa('web.b.test', 'issue', 'other.test');
      },
      'caa',
    ],
    ['a failure at the parent', 'www.a.test', () => lab.dns.rcodes.set('CAA a.test', 'SERVFAIL'), 'dns'],
    ['a refusal at the parent', 'www.a.test', () => lab.dns.rcodes.set('CAA a.test', 'REFUSED'), 'valid'],
    ['a failure at the top', 'a.test', () => lab.dns.rcodes.set('CAA test', 'SERVFAIL'), 'valid'],
  ];
  it.each(cases)('with %s, for %s', async (_, name, prepare, wanted) => {
    const pending = await order(name);
    lab.dns.txt(`_acme-challenge.${name.replace('*.', '')}`, pending.values[0]!);
    prepare();
    const { status, kind } = await verdict(pending);
    expect(kind ?? status).toBe(wanted);
  });
});

it('validates a hundred names side by side, and asks for what they have in common only once', async () => {
  const pending = await order(...Array.from({ length: 100 }, (_, i) => `n${i}.many.test`));
  pending.values.forEach((value, i) => {
    lab.dns.txt(`_acme-challenge.n${i}.many.test`, value);
  });
  const verdicts = await answer(pending);
  expect(new Set(verdicts.map(({ body }) => body.status))).toEqual(new Set(['valid']));
  expect(lab.dns.asked.filter((question) => question === 'TXT _acme-challenge.n7.many.test')).toHaveLength(1);
  expect(lab.dns.asked.filter((question) => question === 'CAA many.test').length).toBeLessThan(60);
});
