import { Redactor } from '../../src/redact.ts';

const secret = `p@ss "w0rd"/+'&<>`;
const redactor = new Redactor();
redactor.hide(secret);

describe('a secret is hidden', () => {
  it.each([
    ['as it is', secret],
    ['URL-encoded', encodeURIComponent(secret)],
    ['URL-encoded in lower case', encodeURIComponent(secret).replace(/%../gu, (c) => c.toLowerCase())],
    ['in a form', new URLSearchParams({ a: secret }).toString()],
    ['in JSON', JSON.stringify({ a: secret })],
    ['in JSON inside JSON', JSON.stringify(JSON.stringify({ a: secret }))],
    ['in XML', '<a>p@ss &quot;w0rd&quot;/+&apos;&amp;&lt;&gt;</a>'],
    ['in hexadecimal', Buffer.from(secret).toString('hex').toUpperCase()],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['in base64url', Buffer.from(secret).toString('base64url')],
    ...[1, 2, 3, 4].map((n): [string, string] => [
      `with a user of ${n} letters, in base64`,
      Buffer.from(`${'u'.repeat(n)}:${secret}`).toString('base64'),
    ]),
  ])('%s', (_, text) => {
    const clean = redactor.clean(`before ${text} after`);
    expect(clean).toMatch(/^before .*\*\*\*.* after$/u);
    expect(clean).not.toContain('w0rd');
    for (const [part] of clean.matchAll(/[\w+/-]{4,}/gu))
      expect(Buffer.from(part, 'base64').toString()).not.toContain('w0rd');
  });

  it('when it holds another one', () => {
    const both = new Redactor();
    both.hide('abcd');
    both.hide('abcdefgh');
    expect(both.clean('abcdefgh abcd')).toBe('*** ***');
  });

  it('line by line, because logs fold white space', () => {
    const pem = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49AwEHBG0w\n-----END PRIVATE KEY-----\n';
    const keys = new Redactor();
    keys.hide(pem);
    const clean = keys.clean(pem.replaceAll('\n', ' '));
    expect(clean).not.toMatch(/MIGH|AgEG/u);
    expect(clean).toContain('BEGIN PRIVATE KEY');
  });
});

it('leaves ordinary text alone', () => {
  expect(redactor.clean('nothing of that kind')).toBe('nothing of that kind');
});

it('does not mangle text for the sake of secrets of one to three characters', () => {
  const short = new Redactor();
  for (const tiny of ['', 'a', '12', 'abc']) short.hide(tiny);
  expect(short.clean('a 12 abc')).toBe('a 12 abc');
});

it('learns secrets while it works', () => {
  const growing = new Redactor();
  growing.hide('first-one');
  expect(growing.clean('first-one second-one')).toBe('*** second-one');
  growing.hide('second-one');
  expect(growing.clean('first-one second-one')).toBe('*** ***');
});
