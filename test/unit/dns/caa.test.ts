import { findCaa, judgeCaa, readCaa } from '../../../src/dns/caa.ts';

const data = (tag: string, value: string, flags = 0) =>
  Buffer.concat([Buffer.from([flags, tag.length]), Buffer.from(tag), Buffer.from(value)]);
const record = (name: string, tag: string, value: string) => ({
  name,
  type: 'CAA',
  class: 'IN',
  ttl: 60,
  data: data(tag, value),
});
const issue = (value: string) => readCaa({ data: data('issue', value) });
const wild = (value: string) => readCaa({ data: data('issuewild', value) });
const identities = ['ca.example', 'other-name.example'];
const judge = (properties: ReturnType<typeof issue>[], name = 'example.com') =>
  judgeCaa({ at: 'example.com', properties }, { name, identities });

it('reads flags, tag and value', () => {
  expect(readCaa({ data: data('Issue', 'ca.example', 128) })).toEqual({
    critical: true,
    tag: 'issue',
    value: 'ca.example',
  });
  expect(readCaa({ data: Buffer.alloc(0) })).toEqual({ critical: false, tag: '', value: '' });
});

describe('the records that count', () => {
  it('are those of the closest name that has any, and nobody above is asked', async () => {
    const asked: string[] = [];
    const find = async (name: string) => {
      asked.push(name);
      return name === 'b.example.com' ? [record(name, 'issue', ';')] : [];
    };
    expect(await findCaa('*.a.b.example.com', find)).toMatchObject({ at: 'b.example.com' });
    expect(asked).toEqual(['a.b.example.com', 'b.example.com']);
  });

  it('may come by a CNAME, under the name that was asked about', async () => {
    const find = async (name: string) => (name === 'www.example.com' ? [record('cdn.example', 'issue', 'x')] : []);
    expect(await findCaa('www.example.com', find)).toMatchObject({ at: 'www.example.com' });
  });

  it('are looked for up to the top-level domain, which need not be known', async () => {
    const find = async (name: string) => {
      if (name === 'test') throw new Error('REFUSED');
      return [];
    };
    expect(await findCaa('a.example.test', find)).toBeUndefined();
    await expect(
      findCaa('a.example.test', async () => {
        throw new Error('SERVFAIL');
      }),
    ).rejects.toThrow('SERVFAIL');
  });
});

describe('who may issue', () => {
  it('everybody, where there are no records or none that restrict', () => {
    expect(judgeCaa(undefined, { name: 'example.com', identities })).toMatchObject({ verdict: 'allowed' });
    expect(judge([readCaa({ data: data('iodef', 'mailto:a@b.example') })]).verdict).toBe('allowed');
    expect(judge([wild('not-us.example')]).verdict).toBe('allowed');
  });

  it.each([
    ['ca.example', 'allowed'],
    ['OTHER-NAME.example', 'allowed'],
    [' ca.example ; ', 'allowed'],
    ['ca.example; unheard=of', 'allowed'],
    ['not-us.example', 'forbidden'],
    ['sub.ca.example', 'forbidden'],
    [';', 'forbidden'],
    ['', 'forbidden'],
    ['ca.example; no sense', 'forbidden'],
    ['ca.example; validationmethods=http-01', 'forbidden'],
    ['ca.example; validationmethods=http-01,dns-01', 'allowed'],
    ['ca.example; validationmethods=dns-01; validationmethods=dns-01', 'forbidden'],
  ])('%j: %s', (value, verdict) => {
    expect(judge([issue(value)]).verdict).toBe(verdict);
  });

  it('whoever one of several records names', () => {
    expect(judge([issue(';'), issue('not-us.example'), issue('ca.example')]).verdict).toBe('allowed');
  });

  it('issuewild counts for wildcards alone, and then instead of issue', () => {
    const properties = [issue('ca.example'), wild('not-us.example')];
    expect(judge(properties).verdict).toBe('allowed');
    expect(judge(properties, '*.example.com').verdict).toBe('forbidden');
    expect(judge([issue('ca.example')], '*.example.com').verdict).toBe('allowed');
  });

  it('nobody, with a critical property that nobody knows', () => {
    const unknown = readCaa({ data: data('tbs', 'x', 128) });
    expect(judge([issue('ca.example'), unknown])).toMatchObject({
      verdict: 'forbidden',
      why: expect.stringMatching(/tbs/u),
    });
    expect(judge([issue('ca.example'), { ...unknown, critical: false }]).verdict).toBe('allowed');
  });

  it('only some accounts, unless another record has no such limit', () => {
    const bound = issue('ca.example; accounturi=https://ca.example/acct/1');
    expect(judge([bound]).accounts).toEqual(['https://ca.example/acct/1']);
    expect(judge([bound, issue('ca.example')]).accounts).toEqual([]);
  });

  it('cannot be told for a CA whose name is not known, unless no CA may', () => {
    const judged = (value: string) =>
      judgeCaa({ at: 'example.com', properties: [issue(value)] }, { name: 'example.com' }).verdict;
    expect([judged('ca.example'), judged(';'), judged('ca.example; validationmethods=http-01')]).toEqual([
      'unknown',
      'forbidden',
      'forbidden',
    ]);
  });
});
