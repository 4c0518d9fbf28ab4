import {
  asciiName,
  ConfigError,
  choice,
  defineProvider,
  direct,
  oneOf,
  ProviderError,
  quoteTxt,
  type Rest,
  type RestOptions,
  secret,
  text,
  unquoteTxt,
  wholeZone,
} from '../kit/index.ts';
import { loggedIn } from '../vendors/logged-in.ts';

type Client = (options: RestOptions) => Rest;

const user = text('JOKER_USERNAME', 'User name of the account; in mode SVC that of Dynamic DNS');
const password = secret('JOKER_PASSWORD', 'Password of the account; in mode SVC that of Dynamic DNS');

export default defineProvider({
  id: 'joker',
  name: 'Joker',
  website: 'https://joker.com',
  apiDocs: 'https://joker.com/faq/books/reseller-documentation-en/page/modify-zonedata',
  notes:
    'The DMAPI is for resellers: make an API key that may modify under *My Profile → Manage Joker.com API access keys*. ' +
    'Everybody else sets `JOKER_API_MODE=SVC` and takes the user name and password shown when *Dynamic DNS* is turned on in the DNS ' +
    'settings of the domain; they work for this domain only. A change made so replaces all TXT values of the name.',
  env: {
    mode: choice('JOKER_API_MODE', 'API; DMAPI is for resellers', ['DMAPI', 'SVC']).default('DMAPI'),
    auth: oneOf({
      key: { key: secret('JOKER_API_KEY', 'API key, for DMAPI'), user: user.optional(), password: password.optional() },
      account: { user, password },
    }),
  },
  tuning: { prefix: 'JOKER', minTtl: 60, propagationTimeout: 120, httpTimeout: 60, sequenceInterval: 60 },

  connect({ config: { mode, auth }, rest, hide }) {
    const login = auth.user && auth.password ? { username: auth.user, password: auth.password } : undefined;
    if (mode === 'SVC') {
      if (login) return { ...dynamicDns(rest, login), oneValueAtATime: true };
      throw new ConfigError('joker: JOKER_API_MODE=SVC needs JOKER_USERNAME and JOKER_PASSWORD, those of Dynamic DNS');
    }
    return dmapi(rest, hide, auth.via === 'key' ? { 'api-key': auth.key } : { ...login });
  },
});

/** https://joker.com/faq/content/6/496/en/let_s-encrypt-support.html: the value replaces all others, an empty one removes them. */
function dynamicDns(rest: Client, login: { username: string; password: string }) {
  const api = rest({
    url: 'https://svc.joker.com/nic/',
    parse: (answer) => answer.trim(),
    problem(said: string | undefined, status) {
      if (status === 200 && said?.startsWith('OK')) return null;
      const refused = status === 401 || said === 'badauth';
      return {
        message: said || 'an empty answer',
        fault: refused ? 'auth' : undefined,
        hint: refused
          ? 'check JOKER_USERNAME and JOKER_PASSWORD: those of Dynamic DNS, for this very domain'
          : undefined,
      };
    },
  });
  const replace = async (zone: string, label: string, value: string) =>
    api.post('replace', new URLSearchParams({ ...login, zone, label, type: 'TXT', value }));

  return direct({
    add: (zone, { name, value }) => replace(zone.name, name, value),
    remove: (zone, { name }) => replace(zone.name, name, ''),
  });
}

interface Reply {
  /** Names in lower case; some come more than once. */
  readonly fields: readonly { readonly name: string; readonly value: string }[];
  readonly body: string;
}

const DONE = '0';
/** The session is gone, or the login was wrong. */
const AUTHENTICATION = '2200';
/** Told of domains of others too. */
const AUTHORIZATION = '2202';
const NO_ZONE = [AUTHORIZATION, '2005', '2201', '2303']; // Those of EPP: a wrong syntax, not allowed, does not exist.

/** https://joker.com/faq/content/22/12/en/commonalities-for-all-requests.html: sessions last an hour after their last use. */
function dmapi(rest: Client, hide: (secret: string) => void, login: Record<string, string>) {
  const api = rest({
    url: 'https://dmapi.joker.com/request/',
    parse: parseReply,
    problem(reply: Reply | undefined) {
      for (const sid of fieldOf(reply, 'auth-sid')) hide(sid);
      // The zone holds the password of Dynamic DNS: `$dyndns=yes:user:password`.
      for (const [, dynamic = ''] of (reply?.body ?? '').matchAll(/^\$dyndns=[^:\n]*:[^:\n]*:(.+)$/gmu)) hide(dynamic);
      return codeOf(reply) === undefined ? undefined : null;
    },
  });
  const variables = 'api-key' in login ? 'JOKER_API_KEY' : 'JOKER_USERNAME and JOKER_PASSWORD';

  const send = (request: string, form: Record<string, string>) => api.post<Reply>(request, new URLSearchParams(form));

  function refusal(request: string, reply: Reply | undefined) {
    const code = codeOf(reply);
    const said =
      [...fieldOf(reply, 'status-text'), ...fieldOf(reply, 'error')].join('; ') || 'an answer that cannot be read';
    const auth = request === 'login' || code === AUTHENTICATION || code === AUTHORIZATION;
    return new ProviderError(auth ? 'auth' : 'api', `joker: ${request} failed: ${said} (${code})`, {
      hint: auth ? `check ${variables}; the DMAPI is for resellers, others need JOKER_API_MODE=SVC` : undefined,
    });
  }

  const session = loggedIn({
    async login() {
      const reply = await send('login', login);
      const [sid] = fieldOf(reply, 'auth-sid');
      if (codeOf(reply) !== DONE || !sid) throw refusal('login', reply);
      return sid;
    },
    logout: (sid) => send('logout', { 'auth-sid': sid }),
  });

  /** The status codes in `accepted` are answers, every other one but success is an error. */
  async function call(request: string, form: Record<string, string>, accepted: readonly string[] = []): Promise<Reply> {
    return session.use(async (sid) => {
      const reply = await send(request, { 'auth-sid': sid, ...form });
      const code = codeOf(reply) ?? '';
      if (code === DONE || accepted.includes(code)) return reply;
      throw refusal(request, reply);
    });
  }

  return wholeZone<{ name: string }, string>({
    async findZone(name) {
      const reply = await call('dns-zone-get', { domain: name }, NO_ZONE);
      return codeOf(reply) === DONE ? { name } : undefined;
    },
    async load({ name }) {
      const { body } = await call('dns-zone-get', { domain: name });
      return body === '' ? [] : body.split(/\r?\n/u).map(repaired);
    },
    save: ({ name }, lines) => call('dns-zone-put', { domain: name, zone: lines.join('\n') }),
    toRow: ({ name, value, ttl }) => `${name} TXT 0 ${quoteTxt(value)} ${ttl}`,
    isRow(line, { name, value }) {
      const [, label = '', target = ''] = /^(\S+)\s+TXT\s+\S+\s+(".*"|\S+)\s+\d+/iu.exec(line) ?? [];
      return asciiName(label) === name && unquoteTxt(target) === value;
    },
    close: () => session.close(),
  });
}

/** Header lines, an empty line, the body. */
function parseReply(answer: string): Reply {
  const [head = '', ...rest] = answer.split(/\r?\n\r?\n/u);
  const fields = [...head.matchAll(/^([\w-]+):(.*)$/gmu)].map(([, name = '', value = '']) => ({
    name: name.toLowerCase(),
    value: value.trim(),
  }));
  return { fields, body: rest.join('\n\n').replace(/[\r\n]+$/u, '') };
}
const fieldOf = (reply: Reply | undefined, wanted: string): string[] =>
  (reply?.fields ?? []).filter(({ name }) => name === wanted).map(({ value }) => value);
const codeOf = (reply: Reply | undefined) => fieldOf(reply, 'status-code')[0];

/**
 * Long TXT values come back as `label TXT 0  "value " 120`, and sent so the space would become a part of the value
 * (lego repairs them too: providers/dns/joker, fixTxtLines). All other lines go back letter by letter.
 */
const repaired = (line: string): string => line.replace(/^(\S+\s+TXT\s+\S+)\s+"(\S+) "(?=\s)/u, '$1 "$2"');
