import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  certificateHash,
  dueOf,
  type FailureState,
  failedOnce,
  openRenewals,
  type RenewalState,
  stateOf,
} from '../../../src/acme/renewal-state.ts';
import { newFolder } from '../../helpers/child.ts';

const DAY_MS = 86_400_000;
const day = (n: number) => new Date(Date.UTC(2026, 0, 1) + n * DAY_MS);
const iso = (n: number) => day(n).toISOString();
const lasting = (days: number, ari?: Partial<NonNullable<RenewalState['ari']>>): RenewalState => ({
  certificate: 'x',
  notBefore: iso(0),
  notAfter: iso(days),
  ...(ari ? { ari: { url: 'https://ca.example/ari', askAgain: iso(0), ...ari } } : {}),
});

describe('when a certificate is due', () => {
  it('with a third of its lifetime left', () => {
    expect(dueOf(lasting(90), {}).at).toEqual(day(60));
    expect(dueOf(lasting(45), {}).at).toEqual(day(30));
  });

  it('with half of it left when it lives for ten days or less', () => {
    expect(dueOf(lasting(10), {}).at).toEqual(day(5));
    expect(dueOf(lasting(6), {}).at).toEqual(day(3));
  });

  it('so many days before its end, when that was said', () => {
    expect(dueOf(lasting(90), { renewDays: 10 })).toEqual({ at: day(80), why: '10 days are left' });
  });

  it('as usual, when that is its whole life: else it would be due again as soon as it is there', () => {
    expect(dueOf(lasting(90), { renewDays: 90 }).at).toEqual(day(60));
    expect(dueOf(lasting(6), { renewDays: 30 }).at).toEqual(day(3));
    expect(dueOf(lasting(6, { chosen: iso(4) }), { renewDays: 30 }).at).toEqual(day(4));
  });

  it('now, when more days than it lives were typed, and not when they were kept', () => {
    expect(dueOf(lasting(90), { renewDays: 9999, insisted: true }).at.getTime()).toBeLessThan(day(0).getTime());
    expect(dueOf(lasting(90), { renewDays: 9999 }).at).toEqual(day(60));
  });

  it('at the point of the window that the CA suggests, however late or early', () => {
    expect(dueOf(lasting(90, { chosen: iso(75) }), {}).at).toEqual(day(75));
    expect(dueOf(lasting(90, { chosen: iso(3), explanationUrl: 'https://ca.example/why' }), {})).toEqual({
      at: day(3),
      why: 'the CA suggests it, see https://ca.example/why',
    });
  });

  it('in the last tenth of its lifetime, when the CA suggests a time that is later', () => {
    expect(dueOf(lasting(90, { chosen: iso(95) }), {}).at).toEqual(day(81));
  });

  it('at the earlier time, when the CA and the user want different ones', () => {
    expect(dueOf(lasting(90, { chosen: iso(70) }), { renewDays: 30 }).at).toEqual(day(60));
    expect(dueOf(lasting(90, { chosen: iso(50) }), { renewDays: 30 }).at).toEqual(day(50));
  });

  it('by its age alone, when the CA is not to be heard', () => {
    expect(dueOf(lasting(90, { chosen: iso(3) }), { ariDisabled: true }).at).toEqual(day(60));
  });
});

describe('after failures', () => {
  const problem = { code: 'ACME_UNAVAILABLE', exitCode: 3, message: 'down' };

  it('the next attempt waits 1, 10 and 100 minutes, then a day', () => {
    const now = day(0);
    let failure: FailureState | undefined;
    const waits = [1, 2, 3, 4, 5, 6].map(() => {
      failure = failedOnce(failure, problem, undefined, now);
      return (Date.parse(failure.notBefore) - now.getTime()) / 60_000;
    });
    expect(waits).toEqual([1, 10, 100, 1440, 1440, 1440]);
  });

  it('a time that the CA asked for counts when it is later, and not when it is earlier', () => {
    expect(failedOnce(undefined, problem, day(3), day(0)).notBefore).toBe(iso(3));
    expect(failedOnce(undefined, problem, day(300), day(0)).notBefore).toBe(iso(8));
    expect(failedOnce(undefined, problem, day(-3), day(0)).notBefore).toBe('2026-01-01T00:01:00.000Z');
  });
});

describe('the state of a certificate', () => {
  const read = () => ({ names: [], notBefore: day(0), notAfter: day(90), issuer: '', serial: '' });

  it('is kept as long as the certificate is the same, which is not parsed then', () => {
    const known: RenewalState = { ...lasting(90, { chosen: iso(70) }), certificate: certificateHash('pem') };
    const parse = () => {
      throw new Error('parsed');
    };
    expect(stateOf('pem', known, parse)).toBe(known);
  });

  it('begins anew with another certificate, but for the failures and the hook', () => {
    const failure = failedOnce(undefined, { code: 'X', exitCode: 3, message: '' }, undefined, day(0));
    const known: RenewalState = { ...lasting(30, { chosen: iso(9) }), failure, deploy: 'pending' };
    expect(stateOf('pem', known, read)).toEqual({
      certificate: certificateHash('pem'),
      notBefore: iso(0),
      notAfter: iso(90),
      failure,
      deploy: 'pending',
    });
  });

  it('comes back as it was written, and is nothing when it is damaged, missing or of a newer version', async () => {
    const folder = join(newFolder(), 'renewals');
    const renewals = openRenewals(folder);
    expect(await renewals.read('*.example.com')).toBeUndefined();
    const state = lasting(90, { chosen: iso(70), id: 'a.b' });
    await renewals.write('*.example.com', state);
    expect(await renewals.read('*.example.com')).toMatchObject(state);
    await renewals.remove('*.example.com');
    expect(await renewals.read('*.example.com')).toBeUndefined();
    mkdirSync(folder, { recursive: true });
    for (const content of ['', '{', '[]', '{"version":2,"certificate":"x"}', '{"version":1}']) {
      writeFileSync(join(folder, 'a.json'), content);
      expect(await renewals.read('a')).toBeUndefined();
    }
  });

  const whole = {
    ...{ version: 1, certificate: 'x', notBefore: iso(0), notAfter: iso(90), deploy: 'pending' },
    ari: { url: 'https://ca.example/ari', askAgain: iso(1), start: iso(60), end: iso(70), chosen: iso(65) },
    failure: { count: 1, at: iso(1), notBefore: iso(2), code: 'ACME_UNAVAILABLE', exitCode: 3, message: 'down' },
    seen: { stamp: '1 2 3', name: 'a', renewDays: 30 },
  };
  const { ari, failure, seen } = whole;
  const NO_DATES = { notBefore: '', notAfter: '' };
  const unknown = { ari: undefined, seen: undefined, certificate: '', failure, deploy: 'pending' };
  it.each([
    ['a date that is none', { notAfter: 'soon' }, unknown],
    ['no date', { notBefore: undefined }, unknown],
    ['an end before the beginning', { notAfter: iso(-1) }, unknown],
    ['no object', { ari: 'x', failure: 5, seen: [] }, { ari: undefined, failure: undefined, seen: undefined }],
    ['no point in time', { ari: { ...ari, chosen: 'x' } }, { ari: { ...ari, chosen: undefined } }],
    ['half a window', { ari: { ...ari, end: {} } }, { ari: { ...ari, start: undefined, end: undefined } }],
    ['no time to ask again', { ari: { ...ari, askAgain: 'x' } }, { ari: undefined }],
    ['an address that is none', { ari: { ...ari, url: 'file:///etc/passwd' } }, { ari: undefined }],
    ['a failure without a time', { failure: { ...failure, notBefore: 'x' } }, { failure: undefined }],
    ['a failure that is none', { failure: { ...failure, exitCode: 0 } }, { failure: undefined }],
    ['days that are no number', { seen: { ...seen, renewDays: 'x' } }, { seen: undefined }],
    ['a name that is none', { seen: { ...seen, name: 5 } }, { seen: undefined }],
    ['another word', { deploy: 'yes' }, { deploy: undefined }],
  ])('is what can be used of a file in which somebody wrote: %s', async (_, part, known) => {
    const folder = newFolder();
    writeFileSync(join(folder, 'a.json'), JSON.stringify({ ...whole, ...part }));
    const state = await openRenewals(folder).read('a');
    expect(state).toEqual({ ...whole, version: undefined, ...('certificate' in known ? NO_DATES : {}), ...known });
  });
});
