import {
  allPages,
  asciiName,
  ConfigError,
  changeSets,
  defineProvider,
  flag,
  hmacBytes,
  type Problem,
  ProviderError,
  secret,
  text,
  unlessMissing,
  unquoteTxt,
} from '../kit/index.ts';
import { loggedIn } from '../vendors/logged-in.ts';

interface Reply<T> {
  resData?: T;
}
interface DnsRecord {
  /** A string since November 2025, a number before. */
  id: string | number;
  name: string;
  type: string;
  content: string;
}

/** Result codes of https://www.inwx.com/en/help/apidoc/f/ch04.html, which are those of EPP (RFC 5730 section 3). */
const EXISTS = 2302;
const MISSING = 2303;
const COMMAND_USE_ERROR = 2002; // The session is not there, or not unlocked.
const COMMAND_FAILED = 2400; // At login: wrong credentials as well.
const REFUSED = [COMMAND_USE_ERROR, 2200, 2201, 2501];
const TOO_MANY_SESSIONS = 2502;

const PAGE_LIMIT = 500;
const TAN_SECONDS = 30;

export default defineProvider({
  id: 'inwx',
  name: 'INWX',
  website: 'https://www.inwx.com',
  apiDocs: 'https://www.inwx.com/en/help/apidoc',
  notes:
    'The account needs the role *DNS*. With two-factor authentication set `INWX_SHARED_SECRET`, the text that is shown below ' +
    'the QR code; INWX takes each TAN once, so quoin logs in once per run and may wait half a minute. INWX support can make a ' +
    'sub-account for the API without it. `INWX_SANDBOX` goes to the test system, which has accounts of its own.',
  env: {
    user: text('INWX_USERNAME', 'User name'),
    password: secret('INWX_PASSWORD', 'Password'),
    sharedSecret: secret('INWX_SHARED_SECRET', 'Shared secret (base32) of two-factor authentication').optional(),
    sandbox: flag('INWX_SANDBOX', 'Whether to use the test system').default(false),
  },
  tuning: { prefix: 'INWX', ttl: 300, minTtl: 300, propagationTimeout: 360 },

  connect({ config, rest, hide }) {
    const otpKey = config.sharedSecret === undefined ? undefined : fromBase32(config.sharedSecret);
    const url = `https://api${config.sandbox ? '.ote' : ''}.domrobot.com/jsonrpc/`;
    const outside = rest({ url, problem: problems([...REFUSED, COMMAND_FAILED]) });
    const inside = rest({ url, problem: problems(REFUSED) });
    const send = async <T>(cookie: string, method: string, params: object): Promise<T | undefined> =>
      (await inside.post<Reply<T> | undefined>('', { method, params }, { headers: { cookie } }))?.resData;
    const logout = (cookie: string) => send(cookie, 'account.logout', {});

    async function login(): Promise<string> {
      const params = { user: config.user, pass: config.password };
      const { headers, body } = await outside.request<Reply<{ tfa?: string | number }> | undefined>('POST', '', {
        body: { method: 'account.login', params },
      });
      const cookies = cookiesOf(headers['set-cookie'] ?? '');
      if (cookies.length === 0) throw new ProviderError('api', 'inwx: account.login answered without a session');
      for (const cookie of cookies) hide(cookie.slice(cookie.indexOf('=') + 1));
      const cookie = cookies.join('; ');
      const factor = String(body?.resData?.tfa ?? '0');
      if (factor === '0' || factor === '') return cookie;
      try {
        await unlock(factor, cookie);
      } catch (error) {
        await logout(cookie).catch(() => {});
        throw error;
      }
      return cookie;
    }

    let lastPeriod: number | undefined;
    let refusals = 0;
    /** A TAN is good for 30 s and for one login, so when it has been used already the next one must be waited for. */
    async function unlock(factor: string, cookie: string): Promise<void> {
      if (factor !== 'GOOGLE-AUTH' || !otpKey)
        throw new ProviderError('auth', `inwx: the account has two-factor authentication (${factor})`, {
          hint: 'set INWX_SHARED_SECRET; only TANs of an authenticator app can be worked out',
        });
      const now = Date.now() / 1000;
      const period = Math.floor(now / TAN_SECONDS);
      const used = (cause?: unknown) =>
        new ProviderError('rate', 'inwx: the TAN of this half minute has been used', {
          retryAfter: Math.ceil((period + 1) * TAN_SECONDS - now),
          cause,
        });
      if (period === lastPeriod) throw used();
      lastPeriod = period;
      try {
        await send(cookie, 'account.unlock', { tan: tanOf(otpKey, period) });
        refusals = 0;
      } catch (error) {
        if (!(error instanceof ProviderError && error.fault === 'auth')) throw error;
        refusals += 1;
        throw refusals === 1 ? used(error) : error; // The first one may have been used by another run.
      }
    }

    const session = loggedIn({ login, logout });
    const call = <T>(method: string, params: object) => session.use((cookie) => send<T>(cookie, method, params));

    return changeSets({
      // Domains are listed in Unicode, and cannot be looked for by their ASCII form.
      async listZones() {
        const domains = await allPages(async ({ page }) => {
          const params = { page, pagelimit: PAGE_LIMIT };
          const found = await call<{ count?: number; domains?: { domain: string }[] }>('nameserver.list', params);
          return { items: found?.domains, total: found?.count };
        });
        return domains.map(({ domain }) => ({ name: asciiName(domain) }));
      },
      async read(zone) {
        const found = await call<{ record?: DnsRecord[] }>('nameserver.info', { domain: zone.name, type: 'TXT' });
        return (found?.record ?? [])
          .filter(({ type }) => type === 'TXT')
          .map(({ id, name, content }) => ({ id, fqdn: asciiName(name), value: unquoteTxt(content) }));
      },
      async write(zone, { add, remove }) {
        for (const { fqdn, value, ttl } of add)
          await call('nameserver.createRecord', { domain: zone.name, type: 'TXT', name: fqdn, content: value, ttl });
        for (const { id } of remove) await call('nameserver.deleteRecord', { id }).catch(unlessMissing);
      },
      close: () => session.close(),
    });
  },
});

/** All is answered with status 200; codes from 1000 to 1500 are successes. */
const problems =
  (refused: readonly number[]) =>
  (body?: { code?: number; msg?: string; reason?: string }): Problem | null | undefined => {
    if (body?.code === undefined) return undefined;
    const code = Number(body.code);
    if (code >= 1000 && code <= 1500) return undefined;
    if (code === EXISTS) return null;
    const message = `${[body.msg, body.reason].filter(Boolean).join(': ')} (${code})`;
    if (refused.includes(code)) return { message, fault: 'auth' };
    if (code === MISSING) return { message, fault: 'missing' };
    return code === TOO_MANY_SESSIONS ? { message, fault: 'rate' } : { message };
  };

/** `name=value` of each cookie in a header that joins several with commas. */
const cookiesOf = (header: string): string[] =>
  [...header.matchAll(/(?:^|, )([^=;,\s]+=[^;,\s]+)/gu)].map(([, cookie = '']) => cookie);

/** RFC 6238, with the parameters of authenticator apps: SHA-1, 30 seconds, six digits. */
function tanOf(key: Buffer, period: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(period));
  const mac = hmacBytes('sha1', key, counter);
  const code = mac.readUInt32BE(mac.readUInt8(19) & 0xf) & 0x7fffffff;
  return String(code % 1_000_000).padStart(6, '0');
}

/** RFC 4648 section 6, as people copy it: in any case, with blanks, without padding. */
function fromBase32(text: string): Buffer {
  const digits = text.replace(/[\s=-]/gu, '').toUpperCase();
  if (!/^[A-Z2-7]+$/u.test(digits)) throw new ConfigError('inwx: INWX_SHARED_SECRET must be in base32: A-Z, 2-7');
  const bits = [...digits].map((digit) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(digit).toString(2).padStart(5, '0'),
  );
  const bytes = bits.join('').match(/.{8}/gu) ?? [];
  return Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2)));
}
