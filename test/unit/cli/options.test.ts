import { readFileSync } from 'node:fs';
import { legoFlags } from '../../../src/cli/lego-flags.ts';
import { declarations, type Flag, longName, readOptions } from '../../../src/cli/options.ts';
import { parseCommandLine } from '../../../src/cli/program.ts';

const silent = () => {};
const read = (argv: readonly string[], env: Record<string, string> = {}) =>
  readOptions(parseCommandLine(argv, silent, silent).given, env);

it('collects names from repeated and comma separated flags', () => {
  expect(read(['run', '-d', 'a.example, b.example', '--domains', 'c.example']).domains).toEqual([
    'a.example',
    'b.example',
    'c.example',
  ]);
  expect(read(['run'], { LEGO_DOMAINS: 'a.example,b.example' }).domains).toEqual(['a.example', 'b.example']);
});

it.each([
  ['30', 30_000],
  ['90s', 90_000],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['250ms', 250],
])('reads %s as a duration', (text, ms) => {
  expect(read(['run', '--dns.propagation.wait', text]).propagationWait).toBe(ms);
});

it.each(['--dns.propagation.wait', '--dns-timeout', '--http-timeout', '--cert.timeout', '--max-wait'])(
  'refuses what no timer can hold: %s',
  (flag) => {
    expect(() => read(['run', flag, '25d'])).toThrow(`${flag} 25d is too long`);
    expect(() => read(['run', flag, '24d'])).not.toThrow();
  },
);

it('takes any time between two runs', () => {
  expect(read(['renew', '--run-interval', '31d']).runInterval).toBe(31 * 86_400_000);
});

it.each([
  ['--days 7', 'renewDays', 7],
  ['--eab.kid k', 'kid', 'k'],
  ['--eab.hmac h', 'hmac', 'h'],
  ['--dns.propagation-wait 1s', 'propagationWait', 1000],
  ['--dns.propagation-disable-ans', 'disableAns', true],
  ['--dns.disable-cp', 'disableAns', true],
  ['--dns.propagation-rns', 'rns', true],
  ['--dns.timeout 3', 'dnsTimeout', 3000],
] as const)('takes the older spelling %s', (text, key, value) => {
  expect(read(['run', ...text.split(' ')])[key]).toBe(value);
  expect(read([...text.split(' '), 'run'])[key]).toBe(value);
});

it('lets a variable say no to a switch', () => {
  expect(read(['run'], { LEGO_ACCEPT_TOS: 'true' }).acceptTos).toBe(true);
  expect(read(['run'], { LEGO_ACCEPT_TOS: 'true', QUOIN_ACCEPT_TOS: 'false' }).acceptTos).toBe(false);
  expect(() => read(['run'], { QUOIN_ACCEPT_TOS: 'maybe' })).toThrow('QUOIN_ACCEPT_TOS');
});

it('knows each spelling once', () => {
  const own = (Object.values(declarations) as Flag<unknown>[]).flatMap(({ flags, older = [] }) => [flags, ...older]);
  const all = [...own, ...legoFlags.map(({ flags }) => flags)].map(longName);
  expect(all.filter((name, index) => all.indexOf(name) !== index)).toEqual([]);
});

it('is told in docs/reference/cli.md: every flag, older spelling and variable', () => {
  const page = readFileSync(new URL('../../../docs/reference/cli.md', import.meta.url), 'utf8');
  const spellings = page.match(/--[a-z][a-z0-9.-]*[a-z0-9]/gu);
  for (const { flags, older = [], env } of Object.values(declarations) as Flag<unknown>[]) {
    for (const spelling of [flags, ...older].map(longName)) expect(spellings).toContain(spelling);
    expect(page).toContain(`\`QUOIN_${env}\``);
  }
  for (const { flags } of legoFlags) expect(spellings).toContain(longName(flags));
});
