import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { revokeFlags } from '../../../src/cli/certificate-options.ts';
import { readFlags } from '../../../src/cli/flags.ts';
import { legoLog, legoWarnings, refuseLegoCommand, refuseLegoFlags } from '../../../src/cli/lego-flags.ts';
import { readOptions } from '../../../src/cli/options.ts';
import { parseCommandLine } from '../../../src/cli/program.ts';
import { isAppError } from '../../../src/errors.ts';

interface LegoFlag {
  readonly name: string;
  readonly short?: string;
  /** What it takes: `string`, `strings`, `int`, `duration`, `time`; nothing for a switch. */
  readonly value?: string;
  readonly variable?: string;
}
type Commands = Readonly<Record<string, readonly LegoFlag[]>>;

const { about: _, ...versions } = JSON.parse(readFileSync('fixtures/lego/flags.json', 'utf8')) as {
  about: string;
} & Record<string, Commands>;

/** Something that is no default. */
const sampleOf = ({ name, value = '' }: LegoFlag): string =>
  ({
    'key-type': 'ec384',
    server: 'https://ca.example.test/directory',
    'pfx.format': 'DES',
    'log.level': 'debug',
    'log.format': 'text',
    filename: 'other',
    'always-deactivate-authorizations': 'true',
  })[name] ??
  { int: '45', uint: '4', duration: '1m30s', time: '2027-01-31T00:00:00Z', timestamp: '2027-01-31T00:00:00Z' }[value] ??
  'a.example.test';

/** What makes no difference, because quoin does it by itself. */
const noEffect = ['dynamic', 'force-cert-domains', 'enable-cn', 'dns.propagation.disable-rns'];
const refused = [
  ...['http', 'http.port', 'http.address', 'http.delay', 'http.proxy-header', 'http.webroot', 'http.memcached-host'],
  ...['http.s3-bucket', 'tls', 'tls.port', 'tls.address', 'tls.delay', 'tls-skip-verify', 'ipv4only', 'ipv6only'],
  ...['dns-persist', 'dns-persist.issuer-domain-name', 'dns-persist.persist-until', 'dns-persist.propagation.wait'],
  ...['dns-persist.propagation.disable-ans', 'dns-persist.propagation.disable-rns', 'dns-persist.resolvers'],
  ...['dns-persist.timeout', 'config'],
];
/** Commands of which quoin says by their names why it has none. */
const refusedCommands = ['migrate', 'archives list', 'archives restore'];

/** All that a command line comes to: what the command is told, or the first line of the error. */
function outcomeOf(argv: readonly string[], env: Record<string, string> = {}): unknown {
  const silent = () => {};
  try {
    const { command, given, own = new Map(), words, code } = parseCommandLine(argv, silent, silent);
    const options = { ...readOptions(given, env), ...legoLog(given, env) };
    refuseLegoCommand(command);
    refuseLegoFlags(given, command === 'run' ? env : {});
    const flags = command === 'revoke' ? readFlags(revokeFlags, own, env) : Object.fromEntries(own);
    return { command, options, own: flags, words, code };
  } catch (error) {
    if (error instanceof CommanderError) return `unknown: ${error.message}`;
    if (!isAppError(error)) throw error;
    return `refused: ${error.message}`;
  }
}

const all = Object.entries(versions).flatMap(([version, commands]) =>
  Object.entries(commands).flatMap(([command, flags]) =>
    flags.map((flag) => ({ title: `${version} ${command} --${flag.name}`, command: command.split(' '), flag })),
  ),
);
/** Flags before a command are those of lego 4; lego 5 has a few for the program without one. */
const argvOf = (command: readonly string[], words: readonly string[]): string[] =>
  command[0] === '' ? [...words, 'run'] : [...command, ...words];

describe.each(all)('$title', ({ command, flag }) => {
  const { name, short, value, variable } = flag;
  const sample = sampleOf(flag);
  const isRefusedCommand = refusedCommands.includes(command.join(' '));
  const plain = outcomeOf(argvOf(command, []));
  const long = outcomeOf(argvOf(command, value ? [`--${name}`, sample] : [`--${name}`]));

  it('is known, and counts or is refused by its name', () => {
    if (isRefusedCommand) expect(long).toMatch(new RegExp(`^refused: ${command[0]} `, 'u'));
    else if (refused.includes(name)) expect(long).toMatch(new RegExp(`^refused: --${name} `, 'u'));
    else {
      expect(typeof long).toBe('object');
      if (noEffect.includes(name)) expect(long).toEqual(plain);
      else expect(long).not.toEqual(plain);
    }
  });

  it('means the same in all spellings', () => {
    const spellings = value
      ? [[`--${name}=${sample}`], [`-${name}`, sample], [`-${name}=${sample}`]]
      : [[`--${name}=true`], [`-${name}`], [`-${name}=true`]];
    if (short) spellings.push(...(value ? [[`-${short}`, sample], [`-${short}=${sample}`]] : [[`-${short}`]]));
    for (const words of spellings) expect([words, outcomeOf(argvOf(command, words))]).toEqual([words, long]);
    if (!value) expect(outcomeOf(argvOf(command, [`--${name}=false`]))).toEqual(plain);
  });

  // docs/guides/from-lego.md tells of these: a forgotten variable must not change an account's key, or revoke anything.
  const isOther =
    (command[0] === 'accounts' && ['private-key', 'key-type'].includes(name)) ||
    (command.includes('revoke') && name === 'cert.name');
  if (variable && !isRefusedCommand && !isOther && !(command[0] !== 'run' && refused.includes(name))) {
    it(`is read from ${variable}`, () => {
      const told = outcomeOf(argvOf(command, []), { [variable]: value ? sample : 'true' });
      if (refused.includes(name) && command[0] !== '') expect(told).toMatch(new RegExp(`^refused: ${variable} `, 'u'));
      else expect(told).toEqual(long);
      if (!value) expect(outcomeOf(argvOf(command, []), { [variable]: 'false' })).toEqual(plain);
    });
  }
});

describe('lego 4', () => {
  it('takes a text with --always-deactivate-authorizations', () => {
    const plain = outcomeOf(['run']);
    const on = outcomeOf(['run', '--always-deactivate-authorizations']);
    expect(on).not.toEqual(plain);
    expect(outcomeOf(['run', '--always-deactivate-authorizations', 'true'])).toEqual(on);
    expect(outcomeOf(['run', '--always-deactivate-authorizations=true'])).toEqual(on);
    expect(outcomeOf(['run', '--always-deactivate-authorizations', 'false'])).toEqual(plain);
  });

  it('renews always with a negative number of days', () => {
    const forced = outcomeOf(['renew', '--renew-force']);
    expect(outcomeOf(['renew', '--days', '-1'])).toEqual(forced);
    expect(outcomeOf(['renew', '--days=-1'])).toEqual(forced);
    expect(outcomeOf(['run', '--renew-days', '-1'])).toEqual(outcomeOf(['run', '--renew-force']));
  });

  it('forgets --days beside --dynamic', () => {
    const plain = outcomeOf(['renew']);
    expect(outcomeOf(['renew', '--days', '30', '--dynamic'])).toEqual(plain);
    expect(outcomeOf(['renew', '--dynamic', '--days=30'])).toEqual(plain);
  });
});

it('lets -c be the request before the command, and a name behind it', () => {
  expect(outcomeOf(['-c', 'x.csr', 'run'])).toEqual(outcomeOf(['run', '--csr', 'x.csr']));
  expect(outcomeOf(['run', '-c', 'x'])).toEqual(outcomeOf(['run', '--cert.name', 'x']));
  expect(outcomeOf(['dnshelp', '-c', 'exec'])).toMatchObject({ command: 'dnshelp', code: 'exec' });
});

it('lets -k be --keep with revoke, where no key type follows', () => {
  const keep = outcomeOf(['-d', 'a.example.test', 'revoke', '--keep']);
  expect(outcomeOf(['-d', 'a.example.test', 'revoke', '-k'])).toEqual(keep);
  expect(outcomeOf(['revoke', '-k', 'EC384', 'a.example.test'])).toMatchObject({
    options: { keyType: 'EC384' },
    words: ['a.example.test'],
    own: { keep: false },
  });
});

it('names certificates by -d, --cert.name and words', () => {
  expect(outcomeOf(['certificates', 'revoke', '--cert.name', 'a,b', '-c', 'c'])).toMatchObject({
    command: 'revoke',
    words: ['a', 'b', 'c'],
  });
  expect(outcomeOf(['renew', '--cert.name', 'a'])).toMatchObject({ words: ['a'] });
});

it('leaves alone what stands behind sandbox and --', () => {
  expect(outcomeOf(['sandbox', 'lego', '-dns', 'exec', '-a=true'])).toMatchObject({
    command: 'sandbox',
    words: ['lego', '-dns', 'exec', '-a=true'],
  });
  expect(outcomeOf(['revoke', '--', '-c'])).toMatchObject({ words: ['-c'] });
});

it('takes the value of a flag for nothing else', () => {
  expect(outcomeOf(['--email', 'run', 'list'])).toMatchObject({ command: 'list', options: { email: 'run' } });
  expect(outcomeOf(['run', '--user-agent', '-dns'])).toMatchObject({ options: { userAgent: '-dns', dns: [] } });
});

it('says no to what is no switch of lego, and to wrong values', () => {
  expect(outcomeOf(['run', '--pem=perhaps'])).toMatch('unknown option');
  expect(outcomeOf(['run', '--nothing'])).toMatch('unknown option');
  expect(outcomeOf(['run', '--log.format', 'json'])).toBe('refused: --log.format json is not supported');
  expect(outcomeOf(['certificates'])).toBe('refused: certificates needs to be told what to do');
});

it('tells of variables that have no effect, unless they ask for nothing', () => {
  const names = (env: Record<string, string>) => legoWarnings(env).map((text) => text.split(' ')[0]);
  expect(names({ LEGO_DISABLE_CNAME_SUPPORT: 'true', LEGO_CA_SERVER_NAME: 'ca' })).toEqual([
    'LEGO_CA_SERVER_NAME',
    'LEGO_DISABLE_CNAME_SUPPORT',
  ]);
  expect(names({ LEGO_DISABLE_CNAME_SUPPORT: 'false', LEGO_CA_SERVER_NAME: '', LEGO_EMAIL: 'a@b' })).toEqual([]);
});

it('lets the command line say no to a variable', () => {
  const env = { LEGO_PEM: 'true', LEGO_DISABLE_CN: 'true' };
  expect(outcomeOf(['run', '--pem=false', '--enable-cn'], env)).toEqual(outcomeOf(['run', '--disable-cn=false']));
});
