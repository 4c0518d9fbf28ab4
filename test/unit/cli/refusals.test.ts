import { changeOf } from '../../../src/cli/certificates/reason.ts';
import { isOut, joinRefusals, limitsAt, limitsIn } from '../../../src/cli/certificates/refusals.ts';
import { waitUntil } from '../../../src/cli/certificates/secure.ts';
import { AcmeError, ConfigError } from '../../../src/errors.ts';

const [A, B] = ['https://a.test/directory', 'https://b.test/directory'];
const now = new Date('2026-01-10T00:00:00Z');
const [soon, later] = ['2026-01-10T01:00:00.000Z', '2026-01-12T00:00:00.000Z'];
const limited = (notBefore: string) => new AcmeError('ACME_RATE_LIMITED', 'too many', { facts: { notBefore } });
const down = new AcmeError('ACME_UNAVAILABLE', 'it is down');

it.each<[string, boolean, ConstructorParameters<typeof AcmeError>]>([
  ['no answer', true, ['ACME_UNAVAILABLE', '']],
  ['a rate limit', true, ['ACME_RATE_LIMITED', '']],
  ['an error of the server with a problem type of its own', true, ['ACME_ABOUT_BLANK', '', { facts: { status: 502 } }]],
  ['CAA records', true, ['ACME_CAA', '']],
  ['a name that is refused', false, ['ACME_REJECTED_IDENTIFIER', '', { facts: { status: 400 } }]],
  ['an order that takes long', false, ['ACME_TIMEOUT', '']],
])('another CA is asked after %s: %s', (_, expected, error) => {
  expect(isOut(new AcmeError(...error))).toBe(expected);
});

describe('what several CAs said', () => {
  it('is one error, which is the last one for machines', () => {
    const error = joinRefusals([
      { server: A, error: limited(later) },
      { server: B, error: new ConfigError('agree to the terms', { hint: 'pass --accept-tos' }) },
    ]);
    expect(error).toMatchObject({
      code: 'CONFIG',
      exitCode: 2,
      hint: 'pass --accept-tos',
      message: 'agree to the terms; before that a.test: too many',
    });
    expect(error.facts.notBefore).toBeUndefined();
    expect(limitsIn(error, { servers: [A, B] })).toEqual({ [A]: later });
  });

  it('lets the next attempt wait for the first that allows it, where all named a time', () => {
    const error = joinRefusals([
      { server: A, error: limited(later) },
      { server: B, error: limited(soon) },
    ]);
    expect([error.facts.notBefore, limitsIn(error, { servers: [A, B] })]).toEqual([soon, { [A]: later, [B]: soon }]);
  });

  it('is what it is where one was asked', () => {
    expect(joinRefusals([{ server: A, error: down }])).toBe(down);
    expect(limitsIn(limited(soon), { servers: [A] })).toEqual({ [A]: soon });
    expect(limitsIn(down, { servers: [A] })).toEqual({});
  });
});

describe('the next attempt', () => {
  const failure = {
    ...{ count: 2, at: '2026-01-09T23:59:00Z', notBefore: later, code: 'X', exitCode: 3, message: '' },
    limits: { [A]: later },
  };
  const finding = { stored: undefined, situation: undefined, why: 'x' };
  const wait = (byAge: boolean, servers: readonly string[], known: typeof failure = failure, renewForce = false) =>
    waitUntil(known, { ...finding, byAge }, { servers }, { options: { renewForce } } as any, now);

  it.each([
    ['of a renewal waits as long as it takes', true, [A, B], later],
    ['of a first certificate waits for a CA that named a time', false, [A], later],
    ['of a first certificate does not wait where another CA may be asked', false, [A, B], undefined],
    ['of a first certificate does not wait for a CA that named none', false, [B], undefined],
  ])('%s', (_, byAge, servers, expected) => {
    expect(wait(byAge, servers)).toBe(expected);
  });

  it('does not wait with --renew-force, after that time, or for what a wrong clock noted', () => {
    expect(wait(true, [A], failure, true)).toBeUndefined();
    expect(wait(true, [A], { ...failure, notBefore: '2026-01-09T00:00:00Z' })).toBeUndefined();
    expect(wait(false, [A], { ...failure, at: later })).toBeUndefined();
    expect(limitsAt(now, { ...failure, limits: { [A]: later, [B]: '2026-01-09T00:00:00Z' } })).toEqual({ [A]: later });
    expect(limitsAt(now, { ...failure, at: later })).toEqual({});
  });
});

describe('the CA of a stored certificate', () => {
  const settings = {
    ...{ names: ['example.com'], accountId: 'me', dns: ['exec'], keyType: 'ec256', mustStaple: false, bundle: true },
    directoryUrl: 'https://acme-v02.api.letsencrypt.org/directory',
  };
  const change = (had: object, wanted: readonly string[]) =>
    changeOf(
      { keyPem: 'x', settings: { ...settings, ...had } },
      { names: ['example.com'] },
      { ...settings, servers: wanted },
    );
  const url = settings.directoryUrl;

  it.each<[string, object, readonly string[], string | undefined]>([
    ['a short name and its URL are the same', { servers: ['letsencrypt'] }, [url], undefined],
    ['so they are where the record has the directory only', {}, ['letsencrypt'], undefined],
    ['the second one is no change', { servers: ['letsencrypt', B], directoryUrl: B }, ['letsencrypt', B], undefined],
    ['another one is', { servers: ['letsencrypt'] }, ['letsencrypt-staging'], 'the CA changed'],
    ['one that was left out is', { servers: ['letsencrypt', B], directoryUrl: B }, ['letsencrypt'], 'the CA changed'],
    ['a running sandbox is itself', { servers: ['sandbox'] }, ['sandbox'], undefined],
  ])('%s', (_, had, wanted, expected) => {
    expect(change(had, wanted)).toBe(expected);
  });
});
