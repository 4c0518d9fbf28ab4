import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineProvider, oneOf, secret, text } from '../../../src/dns/kit/index.ts';
import { envWithPrefix } from '../../../src/dns/prefixed-env.ts';
import { readSettings } from '../../../src/dns/settings.ts';

const connect = () => ({ apply: async () => {} });
const shared = { name: 'Foo', website: 'https://foo.test', tuning: { prefix: 'FOO' }, connect };
/** A flat schema: an address, a user and secrets. */
const flat = defineProvider({
  ...shared,
  id: 'flat',
  env: {
    url: text('FOO_URL', 'Address'),
    user: text('FOO_USER', 'User').optional(),
    key: secret(['FOO_KEY', 'FOO_API_KEY'], 'Key'),
    zoneKey: secret('FOO_ZONE_KEY', 'Key for zones').optional(),
  },
});
/** Two ways to authenticate. */
const ways = defineProvider({
  ...shared,
  id: 'ways',
  env: {
    auth: oneOf({
      password: { user: text('FOO_USER', 'User'), password: secret('FOO_PASSWORD', 'Password') },
      token: { token: secret('FOO_TOKEN', 'Token') },
      file: { path: text('FOO_PATH', 'Credentials file') },
    }),
  },
});

const read = (provider: typeof flat, env: Record<string, string>, prefix: string | undefined = 'ORG') =>
  readSettings(provider, env, () => {}, undefined, prefix).config as Record<string, unknown>;
const failure = (provider: typeof flat, env: Record<string, string>) => {
  try {
    read(provider, env);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it succeeded');
};

describe('a prefix', () => {
  it('is looked for first, and what is not secret counts without it too', () => {
    const env = { FOO_URL: 'u', FOO_USER: 'me', FOO_KEY: 'k', ORG_FOO_KEY: 'ok', ORG_FOO_USER: 'org' };
    expect(read(flat, env)).toEqual({ url: 'u', user: 'org', key: 'ok', zoneKey: undefined });
  });

  it('changes nothing where no variable has it', () => {
    const env = { FOO_URL: 'u', FOO_KEY: 'k', FOO_ZONE_KEY: 'z' };
    expect(read(flat, env)).toEqual(read(flat, env, undefined));
    expect(envWithPrefix(env, 'ORG', flat)).toMatchObject({ env, isOwn: false });
  });

  it('does not let an empty variable count', () => {
    expect(read(flat, { FOO_URL: 'u', FOO_KEY: 'k', ORG_FOO_KEY: '' }).key).toBe('k');
  });

  it('takes an older spelling with it before every spelling without it', () => {
    expect(read(flat, { FOO_URL: 'u', FOO_KEY: 'k', ORG_FOO_API_KEY: 'old' }).key).toBe('old');
  });

  it('takes the file of a variable with it, before the variable without it', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'quoin-prefix-')), 'key');
    writeFileSync(file, 'from-file\n', { mode: 0o600 });
    expect(read(flat, { FOO_URL: 'u', FOO_KEY: 'k', ORG_FOO_KEY_FILE: file }).key).toBe('from-file');
    expect(failure(flat, { FOO_URL: 'u', ORG_FOO_KEY_FILE: '/missing' })).toContain('ORG_FOO_KEY_FILE names /missing');
  });

  it('leaves no secret of the other account in reach, once a setting has it', () => {
    expect(read(flat, { FOO_URL: 'u', FOO_ZONE_KEY: 'z', FOO_KEY: 'k', ORG_FOO_KEY: 'ok' }).zoneKey).toBeUndefined();
    expect(failure(flat, { FOO_URL: 'u', FOO_KEY: 'k', ORG_FOO_URL: 'ou' })).toBe(
      'flat@ORG: ORG_FOO_KEY is not set (Key)',
    );
  });

  it('chooses the way to authenticate', () => {
    const mine = { FOO_USER: 'me', FOO_PASSWORD: 'mine' };
    expect(read(ways, { ...mine, ORG_FOO_TOKEN: 't' }).auth).toEqual({ via: 'token', token: 't' });
    expect(read(ways, { ...mine, ORG_FOO_PATH: '/p' }).auth).toEqual({ via: 'file', path: '/p' });
    expect(read(ways, { FOO_PATH: '/p', ORG_FOO_TOKEN: 't' }).auth).toEqual({ via: 'token', token: 't' });
    expect(read(ways, { ...mine, ORG_FOO_PASSWORD: 'p' }).auth).toEqual({ via: 'password', user: 'me', password: 'p' });
  });

  it('does not fill up half of a way with another one', () => {
    expect(failure(ways, { FOO_PATH: '/p', FOO_TOKEN: 't', ORG_FOO_USER: 'org' })).toBe(
      'ways@ORG: ORG_FOO_USER needs ORG_FOO_PASSWORD (Password) too; set ORG_FOO_USER and ORG_FOO_PASSWORD, or ORG_FOO_TOKEN, or ORG_FOO_PATH',
    );
  });

  it('is in every message, and the hint knows the provider', () => {
    expect(() => read(flat, {})).toThrow(
      expect.objectContaining({
        message: 'flat@ORG: ORG_FOO_URL is not set (Address); ORG_FOO_KEY is not set (Key)',
        hint: 'see: quoin dnshelp -c flat',
      }),
    );
  });

  it('works for what every provider can be tuned in', () => {
    const env = { FOO_URL: 'u', FOO_KEY: 'k', FOO_TTL: '60', FOO_HTTP_TIMEOUT: '5', ORG_FOO_TTL: '90' };
    const { tuning, config } = readSettings(flat, env, () => {}, undefined, 'ORG');
    expect([tuning.ttl, tuning.httpTimeout]).toEqual([90, 5]);
    // A knob says nothing of whose credentials are meant.
    expect(config).toMatchObject({ key: 'k' });
  });

  it('reaches what providers find for themselves, such as AWS_ROLE_ARN, but not the search path', () => {
    const { env } = envWithPrefix({ PATH: '/bin', ORG_PATH: '/x', ORG_AWS_ROLE_ARN: 'r', ORG_: 'x' }, 'ORG', flat);
    expect(env).toMatchObject({ PATH: '/bin', AWS_ROLE_ARN: 'r' });
  });
});
