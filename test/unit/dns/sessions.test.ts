import { parseAssignments } from '../../../src/dns/assignments.ts';
import { defineProvider, secret } from '../../../src/dns/kit/index.ts';
import type { Lookup } from '../../../src/dns/lookup.ts';
import { createSessions, type SessionsOptions } from '../../../src/dns/sessions.ts';
import { ConfigError, ProviderError } from '../../../src/errors.ts';
import { createLog } from '../../../src/log.ts';
import { Redactor } from '../../../src/redact.ts';

const lookup = { follow: async () => ({ fqdn: '', zone: 'example.test' }) } as unknown as Lookup;
const other = { ...lookup };

/** Sessions of a provider that tells which key it is connected with, and closed. */
function newSessions(more: Partial<SessionsOptions> & { refuse?: (key: string, n: number) => Error | undefined } = {}) {
  const { refuse = () => undefined, ...options } = more;
  const seen: string[] = [];
  const logged: string[] = [];
  const redactor = new Redactor();
  const provider = defineProvider({
    id: 'foo',
    name: 'Foo',
    website: 'https://foo.test',
    env: { key: secret('FOO_KEY', 'API key') },
    tuning: { prefix: 'FOO' },
    connect({ config: { key } }) {
      seen.push(`open ${key}`);
      const error = refuse(key, seen.length);
      if (error) throw error;
      return { apply: async () => {}, close: async () => void seen.push(`close ${key}`) };
    },
  });
  const sessions = createSessions({
    load: async () => provider,
    log: createLog((level, message) => logged.push(`${level} ${message}`), redactor),
    redactor,
    transport: () => Promise.reject(new Error('no network here')),
    retryDelayMs: 1,
    ...options,
  });
  const open = (text: string, env: Record<string, string>, by = lookup) =>
    sessions.open({ assignment: parseAssignments([text])[0]!, env, lookup: by });
  return { sessions, open, seen, logged };
}

it('opens one session for an account, however many certificates ask, and closes it in the end', async () => {
  const { sessions, open, seen } = newSessions();
  const all = await Promise.all([
    open('foo', { FOO_KEY: 'k' }),
    open('foo', { FOO_KEY: 'k' }),
    open('example.org=foo', { FOO_KEY: 'k' }),
  ]);
  expect([new Set(all).size, seen]).toEqual([1, ['open k']]);
  expect(all[0]?.label).toBe('foo');
  await sessions.close();
  expect(seen).toEqual(['open k', 'close k']);
});

it('keeps accounts, environments and look-ups apart', async () => {
  const { sessions, open, seen } = newSessions();
  const env = { FOO_KEY: 'k', ORG_FOO_KEY: 'ok' };
  const labels = [
    await open('foo', env),
    await open('foo@ORG', env),
    await open('foo', { FOO_KEY: 'k2' }),
    await open('foo', env, other),
  ].map(({ label }) => label);
  expect([labels, seen]).toEqual([
    ['foo', 'foo@ORG', 'foo', 'foo'],
    ['open k', 'open ok', 'open k2', 'open k'],
  ]);
  await sessions.close();
  expect(seen.slice(4).sort()).toEqual(['close k', 'close k', 'close k2', 'close ok']);
});

it('opens again after a failure that may pass', async () => {
  const { open, seen } = newSessions({
    refuse: (_, n) => (n <= 1 ? new ProviderError('api', 'foo: busy') : undefined),
  });
  await expect(open('foo', { FOO_KEY: 'k' })).rejects.toThrow('foo: busy');
  await open('foo', { FOO_KEY: 'k' });
  expect(seen).toEqual(['open k', 'open k']);
});

it.each([
  ['credentials', new ProviderError('auth', 'foo: wrong key')],
  ['settings', new ConfigError('foo: nonsense')],
])('does not try again what was refused for its %s', async (_, error) => {
  const { open, seen, sessions } = newSessions({ refuse: (key) => (key === 'bad' ? error : undefined) });
  for (let n = 0; n < 3; n += 1) await expect(open('foo', { FOO_KEY: 'bad' })).rejects.toBe(error);
  await open('foo', { FOO_KEY: 'good' });
  expect(seen).toEqual(['open bad', 'open good']);
  await sessions.close();
});

it('warns once when no variable has the prefix', async () => {
  const { open, logged } = newSessions();
  for (let n = 0; n < 3; n += 1) await open('foo@ORG', { FOO_KEY: 'k' });
  expect(logged).toEqual(['warn foo@ORG: no variable begins with ORG_, so those without it count']);
});

it('gives nobody a session whose beginning failed, and ends it', async () => {
  let works = false;
  const afterOpening = async () => {
    if (!works) throw new Error('the journal is on fire');
  };
  const { open, seen } = newSessions({ afterOpening });
  await expect(open('foo', { FOO_KEY: 'k' })).rejects.toThrow('on fire');
  works = true;
  await open('foo', { FOO_KEY: 'k' });
  expect(seen).toEqual(['open k', 'close k', 'open k']);
});

it('closes what is still being opened', async () => {
  const { sessions, open, seen } = newSessions();
  const opening = open('foo', { FOO_KEY: 'k' });
  await sessions.close();
  await opening;
  expect(seen).toEqual(['open k', 'close k']);
});
