import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choice, flag, oneOf, seconds, secret, text } from '../../src/dns/kit/env.ts';
import { readEnvs } from '../../src/dns/kit/read-env.ts';

const read = (
  schema: Parameters<typeof readEnvs>[0][string],
  source: Record<string, string>,
  hide = (_: string) => {},
) => readEnvs({ c: schema }, { source, onSecret: hide, subject: 'foo' }).c;

it('accepts older spellings, the first one given winning', () => {
  const schema = { t: text(['CF_T', 'CLOUDFLARE_T'], 'token') };
  expect(read(schema, { CLOUDFLARE_T: 'b' })).toEqual({ t: 'b' });
  expect(read(schema, { CLOUDFLARE_T: 'b', CF_T: 'a' })).toEqual({ t: 'a' });
});

it('reads NAME_FILE, without the final newline', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'env-')), 'token');
  writeFileSync(file, 's3cret\n');
  const hidden: string[] = [];
  expect(read({ t: secret('T', 'token') }, { T_FILE: file }, (v) => hidden.push(v))).toEqual({ t: 's3cret' });
  expect(hidden).toEqual(['s3cret']);
  expect(() => read({ t: secret('T', 'token') }, { T_FILE: '/nope' })).toThrow(
    'T_FILE names /nope, which cannot be read',
  );
});

it('keeps a token that looks like a number a string', () => {
  expect(read({ t: secret('T', 'token') }, { T: '00123' })).toEqual({ t: '00123' });
});

it('reports everything that is wrong in one message', () => {
  const schema = {
    a: secret('A', 'the a'),
    n: seconds('N', 'the n').default(5),
    c: choice('C', 'the c', ['x', 'y']),
    f: flag('F', 'the f').default(false),
  };
  expect(() => read(schema, { N: 'ten', C: 'z' })).toThrow(
    'foo: A is not set (the a); N must be a whole number of seconds; C must be one of x, y',
  );
});

it('takes the first complete alternative', () => {
  const schema = { auth: oneOf({ token: { t: secret('T', 't') }, basic: { u: text('U', 'u'), p: secret('P', 'p') } }) };
  expect(read(schema, { U: 'u', P: 'p' })).toEqual({ auth: { via: 'basic', u: 'u', p: 'p' } });
  expect(read(schema, { U: 'u', P: 'p', T: 't' })).toEqual({ auth: { via: 'token', t: 't' } });
  expect(() => read(schema, { U: 'u' })).toThrow('foo: set T, or U and P');
});
