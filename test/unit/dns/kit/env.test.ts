import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  choice,
  type EnvSchema,
  flag,
  ignored,
  list,
  number,
  oneOf,
  seconds,
  secret,
  text,
  url,
} from '../../../../src/dns/kit/env.ts';
import { readEnvs } from '../../../../src/dns/kit/read-env.ts';

const folder = mkdtempSync(join(tmpdir(), 'quoin-env-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (content: string, mode = 0o600): string => {
  const path = join(folder, String(Math.random()));
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
};

let hidden: string[] = [];
let warned: string[] = [];
beforeEach(() => {
  hidden = [];
  warned = [];
});
const read = <S extends EnvSchema>(schema: S, source: Record<string, string>) =>
  readEnvs(
    { c: schema },
    { source, subject: 'foo', onSecret: (value) => hidden.push(value), warn: (message) => warned.push(message) },
  ).c;

describe('a variable', () => {
  it('accepts older spellings, the first one given winning', () => {
    const schema = { t: text(['CLOUDFLARE_T', 'CF_T'], 'token') };
    expect(read(schema, { CF_T: 'b' })).toEqual({ t: 'b' });
    expect(read(schema, { CF_T: 'b', CLOUDFLARE_T: 'a' })).toEqual({ t: 'a' });
    expect(read(schema, { CF_T: 'b', CLOUDFLARE_T: '' })).toEqual({ t: 'b' });
  });

  it('keeps a token that looks like a number a string', () => {
    expect(read({ t: secret('T', 'token') }, { T: '00123' })).toEqual({ t: '00123' });
  });

  it.each([
    ['90', 90],
    ['90s', 90],
    ['5m', 300],
    ['1h', 3600],
    ['0', 0],
  ])('of seconds understands %s', (raw, value) => {
    expect(read({ n: seconds('N', 'n') }, { N: raw })).toEqual({ n: value });
  });
  it.each(['-1', '1.5', '5 min', '1d', 'ten', '5ms'])('of seconds refuses %s instead of taking its default', (raw) => {
    expect(() => read({ n: seconds('N', 'n').default(7) }, { N: raw })).toThrow('foo: N must be a whole number');
  });

  it.each([
    ['1', true],
    ['t', true],
    ['T', true],
    ['TRUE', true],
    ['true', true],
    ['True', true],
    ['0', false],
    ['f', false],
    ['F', false],
    ['FALSE', false],
    ['false', false],
    ['False', false],
  ])('that is a flag understands %s, as Go does', (raw, value) => {
    expect(read({ f: flag('F', 'f').default(!value) }, { F: raw })).toEqual({ f: value });
  });
  it.each(['yes', 'on', '2', 'tru'])('that is a flag refuses %s', (raw) => {
    expect(() => read({ f: flag('F', 'f') }, { F: raw })).toThrow('F must be true or false');
  });

  it('of a number, a list, an address, a choice', () => {
    const schema = {
      n: number('N', 'n', { min: 1, max: 5 }),
      l: list('L', 'l'),
      u: url('U', 'u'),
      c: choice('C', 'c', ['eu', 'us']),
    };
    const right = { N: '4', L: 'a, b\nc', U: 'https://x.test/y', C: 'us' };
    expect(read(schema, right)).toEqual({ n: 4, l: ['a', 'b', 'c'], u: 'https://x.test/y', c: 'us' });
    expect(() => read(schema, { N: '9', L: 'a', U: 'x.test', C: 'de' })).toThrow(
      'foo: N must be a number from 1 to 5; U must be an http:// or https:// address; C must be one of eu, us',
    );
  });

  it('without effect is accepted, and said to be so', () => {
    expect(read({ t: ignored('DODE_TTL', 'TTL') }, { DODE_TTL: 'x' })).toEqual({ t: undefined });
    expect(warned).toEqual(['foo: DODE_TTL has no effect']);
  });
});

describe('NAME_FILE', () => {
  it.each([
    ['s3cret\n', 's3cret'],
    ['s3cret\r\n', 's3cret'],
    [' two\nlines \n\n', ' two\nlines \n'],
  ])('gives %j without its final newline', (content, value) => {
    expect(read({ t: secret('T', 'token') }, { T_FILE: file(content) })).toEqual({ t: value });
    expect(hidden).toEqual([value]);
  });

  it('yields to the value itself', () => {
    expect(read({ t: text('T', 'token') }, { T: 'direct', T_FILE: file('from file') })).toEqual({ t: 'direct' });
  });

  it('that cannot be read is told with everything else that is wrong', () => {
    const schema = { t: secret('T', 'token'), a: text('A', 'the a') };
    expect(() => read(schema, { T_FILE: '/nope' })).toThrow(
      'foo: T_FILE names /nope, which cannot be read (ENOENT); A is not set (the a)',
    );
  });

  it('is not looked at where it means something else', () => {
    expect(read({ t: text('AWS_X', 'x').noFile().optional() }, { AWS_X_FILE: '/nope' })).toEqual({ t: undefined });
  });

  it('that everybody can read draws a warning, for secrets only', () => {
    const open = file('x', 0o644);
    read({ t: secret('T', 'token'), u: text('U', 'user') }, { T_FILE: open, U_FILE: open });
    expect(warned).toEqual([`foo: T_FILE: ${open} can be read by other users; try: chmod 600`]);
  });
});

describe('a choice of credentials', () => {
  const schema = {
    auth: oneOf({
      token: { t: secret('T', 'token'), zone: secret('Z', 'zone token').optional() },
      basic: { u: text('U', 'user'), p: secret('P', 'password') },
    }),
    region: text('R', 'region'),
  };

  it('takes the first complete group', () => {
    expect(read(schema, { U: 'u', P: 'p', R: 'r' })).toEqual({ auth: { via: 'basic', u: 'u', p: 'p' }, region: 'r' });
    expect(read(schema, { T: 't', R: 'r' })).toEqual({ auth: { via: 'token', t: 't', zone: undefined }, region: 'r' });
    expect(warned).toEqual([]);
  });

  it('says which variables it leaves alone', () => {
    expect(read(schema, { U: 'u', P: 'p', T: 't', R: 'r' })).toMatchObject({ auth: { via: 'token' } });
    expect(warned).toEqual(['foo: U, P not used: T will do']);
  });

  it('names what is missing in a group that was begun', () => {
    expect(() => read(schema, { U: 'u', R: 'r' })).toThrow('foo: U needs P (password) too; set T, or U and P');
  });

  it('names all groups when none was begun, and what is always needed', () => {
    expect(() => read(schema, {})).toThrow('foo: set T, or U and P; R is not set (region)');
  });
});

it('reports everything that is wrong in one message, with the command that helps', () => {
  const schema = {
    a: secret('A', 'the a'),
    n: seconds('N', 'the n').default(5),
    c: choice('C', 'the c', ['x', 'y']),
    f: flag('F', 'the f').default(false),
  };
  let error: unknown;
  try {
    read(schema, { N: 'ten', C: 'z' });
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({
    code: 'CONFIG',
    message:
      'foo: A is not set (the a); N must be a whole number of seconds, or such as 90s, 5m, 1h; C must be one of x, y',
    hint: 'see: quoin dnshelp -c foo',
  });
});
