import { readFileSync } from 'node:fs';
import { parseShellConf } from '../../../src/acme/import/acme-sh-conf.ts';
import { acmeShHooks } from '../../../src/acme/import/acme-sh-providers.ts';
import { daysOf, parseRenewalConf } from '../../../src/acme/import/certbot-conf.ts';
import { certbotPlugins } from '../../../src/acme/import/certbot-providers.ts';
import type { Counterpart } from '../../../src/acme/import/found.ts';
import { catalog } from '../../../src/dns/catalog.generated.ts';
import { describeProvider } from '../../../src/dns/describe.ts';

const guide = readFileSync(new URL('../../../docs/guides/import.md', import.meta.url), 'utf8');

describe("a file of certbot's renewal/", () => {
  it('is read by section, with quotes, comments and values that mean nothing', () => {
    const conf = parseRenewalConf(
      [
        '# renew_before_expiry = 30 days',
        'version = 2.1.0',
        'cert = /etc/letsencrypt/live/example.test/cert.pem # a comment',
        '',
        '[renewalparams]',
        `renew_hook = "touch 'a b' # x, y"`,
        `pre_hook = '''echo "it's"'''`,
        'post_hook = None',
        'account=0a1b',
        'pref_challs = dns-01,',
        'empty =',
        '[[webroot_map]]',
        'example.test = /var/www',
        'account = not this one',
      ].join('\r\n'),
    );
    expect(Object.fromEntries(conf.get('') ?? [])).toEqual({
      version: '2.1.0',
      cert: '/etc/letsencrypt/live/example.test/cert.pem',
    });
    expect(Object.fromEntries(conf.get('renewalparams') ?? [])).toEqual({
      renew_hook: "touch 'a b' # x, y",
      pre_hook: `echo "it's"`,
      account: '0a1b',
      pref_challs: 'dns-01,',
    });
    expect(conf.get('webroot_map')?.get('example.test')).toBe('/var/www');
  });

  it.each([
    ['30 days', 30],
    ['1 day', 1],
    ['4 weeks', 28],
    ['20', 20],
    ['6 months 1 week', undefined],
    [undefined, undefined],
  ])('%s before the end is %s days', (interval, days) => {
    expect(daysOf(interval)).toBe(days);
  });
});

describe("a file of acme.sh's", () => {
  it('is read without running anything in it', () => {
    const conf = parseShellConf(
      [
        "#LOG_FILE='/root/acme.sh.log'",
        "Le_Domain='example.test'",
        'export Le_Alt="a.example.test,b.example.test"',
        'Le_Keylength=ec-256',
        "Le_ReloadCmd='__ACME_BASE64__START_c3lzdGVtY3RsIHJlbG9hZCAnbmdpbngn__ACME_BASE64__END_'",
        "Le_PreHook=''",
        "Le_PostHook='$(touch /tmp/never)'",
        "Le_Domain='again.example.test'",
        'nonsense',
      ].join('\n'),
    );
    expect(Object.fromEntries(conf)).toEqual({
      Le_Domain: 'again.example.test',
      Le_Alt: 'a.example.test,b.example.test',
      Le_Keylength: 'ec-256',
      Le_ReloadCmd: "systemctl reload 'nginx'",
      Le_PostHook: '$(touch /tmp/never)',
    });
  });
});

describe.each<[string, Readonly<Record<string, Counterpart>>]>([
  ['acme.sh hook', acmeShHooks],
  ['certbot plugin', certbotPlugins],
])('each %s', (_, table) => {
  it.each(Object.entries(table))(
    '%s has a provider that reads the variables named for it',
    async (_hook, { code, set }) => {
      const provider = (await catalog[code]?.load())?.default;
      if (!provider) throw new Error(`there is no provider ${code}`);
      const { choices, always, tuning } = describeProvider(provider);
      const names = [...choices.flat(2), ...always, ...tuning].flatMap((variable) => variable.names);
      const read = [...names, ...names.map((name) => `${name}_FILE`)];
      for (const name of Object.keys(set)) expect(read).toContain(name);
    },
  );

  it.each(Object.entries(table))('%s is in the guide', (hook, { code, set, note }) => {
    const sets = Object.entries(set).map(([name, from]) => `\`${name}\`${name === from ? '' : ` = \`${from}\``}`);
    const means = [sets.join(', '), note].filter(Boolean).join('; ');
    expect(guide).toContain(`| \`${hook}\` | \`${code}\` | ${means} |\n`);
  });
});
