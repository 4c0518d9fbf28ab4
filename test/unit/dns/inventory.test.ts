import { readFileSync } from 'node:fs';
import { aliases, catalog } from '../../../src/dns/catalog.generated.ts';
import { type EnvVar, listVars } from '../../../src/dns/kit/env.ts';
import type { Provider } from '../../../src/dns/kit/index.ts';
import { readSettings, tuningSchema } from '../../../src/dns/settings.ts';

/** What lego's users know of a provider: gathered from lego's documentation and code, v3.2.0 to v5.3.1. */
interface Listed {
  readonly code: string;
  readonly laterCodes: readonly string[];
  readonly variables: readonly string[];
  readonly aliases: Readonly<Record<string, readonly string[]>>;
  /** Variables of later versions of lego that its documentation has. */
  readonly newer: readonly string[];
  /** Each of these is enough. */
  readonly requiredSets: readonly (readonly string[])[];
  readonly defaults: Readonly<Partial<Record<'ttl' | Timeout, number>>>;
  readonly otherDefaults: Readonly<Record<string, string>>;
}
type Timeout = 'propagationTimeout' | 'pollingInterval' | 'httpTimeout' | 'sequenceInterval';

const inventory: readonly Listed[] = JSON.parse(
  readFileSync(new URL('../../../fixtures/providers/inventory.json', import.meta.url), 'utf8'),
);

/** Where quoin is another way on purpose: `code what`, and why. */
const departures: Readonly<Record<string, string>> = {
  'rfc2136 sequenceInterval': 'lego waits a minute between two values; an update takes all of them at once',
  'linodev4 propagationTimeout':
    'lego takes 0 for "until the next quarter of an hour, and another 420 s"; this is the longest that can be',
  'linodev4 httpTimeout': "lego takes 0 for the library's own default",
  'namesilo propagationTimeout': 'NameSilo publishes every 15 minutes; the 60 s of lego were never enough',
  'namesilo pollingInterval': 'as above',
  'versio sequenceInterval': 'lego reads it and never waits; a save takes all values of a zone at once',
  'netcup propagationTimeout': "netcup's name servers take up to 15 minutes, and lego 4.22 waits as long",
  'netcup pollingInterval': 'as above',
  'netcup ttl': 'netcup has no TTL per record',
  'netcup NETCUP_CUSTOMER_NUMBER': 'a key of CloudDNS is enough by itself; its length tells',
  'netcup NETCUP_API_PASSWORD': 'as above',
};
/** Variables of later versions of lego that quoin does not read, each with the reason. */
const left: Readonly<Record<string, string>> = {
  DNSUPDATE_TSIG_GSS_REALM: 'GSS-TSIG needs Kerberos',
  DNSUPDATE_TSIG_GSS_USERNAME: 'GSS-TSIG needs Kerberos',
  DNSUPDATE_TSIG_GSS_PASSWORD: 'GSS-TSIG needs Kerberos',
  DNSUPDATE_TSIG_GSS_KEYTAB_FILE: 'GSS-TSIG needs Kerberos',
  NAMECHEAP_HTTPS_PROXY: 'HTTPS_PROXY works for all providers',
  NAMECHEAP_HTTP_PROXY: 'HTTP_PROXY works for all providers',
  NAMECHEAP_NO_PROXY: 'NO_PROXY works for all providers',
  NAMECHEAP_REQUEST_METHOD: 'answers are read by GET and changes sent by POST, which no address is too long for',
};

const isBuiltIn = ({ code }: Listed) => Object.hasOwn(catalog, code) || Object.hasOwn(aliases, code);
const load = async (code: string): Promise<Provider> => (await catalog[aliases[code] ?? code]!.load()).default;
const variablesOf = (provider: Provider) => [...listVars(provider.env), ...listVars(tuningSchema(provider.tuning))];

/** The variable that a name, or `NAME_FILE`, is read by. */
const find = (provider: Provider, name: string): EnvVar<unknown> | undefined =>
  variablesOf(provider).find(
    (variable) => variable.names.includes(name) || (variable.fromFile && variable.names.includes(name.slice(0, -5))),
  );

/** Something that the variable can be read as. */
function plausible({ parse, help }: EnvVar<unknown>): string {
  const choices = /\(([\w, .-]+)\)$/u.exec(help)?.[1]?.split(', ') ?? [];
  const value = ['https://x.test/', '1', 'true', 'text', '/dev/null', ...choices].find((text) => {
    try {
      parse(text);
      return true;
    } catch {
      return false;
    }
  });
  if (value === undefined) throw new Error(`nothing can be read as: ${help}`);
  return value;
}

it('lists 61 providers and 392 variables', () => {
  expect(inventory).toHaveLength(61);
  expect(inventory.flatMap(({ variables }) => variables)).toHaveLength(392);
});

const missing = inventory.filter((listed) => !isBuiltIn(listed)).map(({ code }) => code);
if (missing.length > 0) process.stderr.write(`SKIPPED inventory of ${missing.length}: ${missing.join(', ')}\n`);

describe.each(inventory.filter(isBuiltIn))('$code', (listed) => {
  const { code } = listed;

  it('answers to the codes of later versions', () => {
    for (const later of listed.laterCodes) {
      expect([code, later, catalog[later] ?? aliases[later]]).toEqual([code, later, expect.anything()]);
    }
  });

  it('reads every variable and every alias', async () => {
    const provider = await load(code);
    const names = [...listed.variables, ...Object.values(listed.aliases).flat(), ...listed.newer];
    expect(names.filter((name) => !find(provider, name) && !Object.hasOwn(left, name))).toEqual([]);
    for (const [name, others] of Object.entries(listed.aliases)) {
      const same = find(provider, name);
      // A file and its content are two variables of one meaning.
      for (const other of others) expect([other, find(provider, other)?.secret]).toEqual([other, same?.secret]);
    }
  });

  it('has the defaults of lego', async () => {
    const provider = await load(code);
    const tuning = tuningSchema(provider.tuning);
    for (const [key, value] of Object.entries(listed.defaults) as [keyof typeof tuning, number][]) {
      const departs = departures[`${code} ${key}`] !== undefined && !tuning[key].ignored;
      expect([key, tuning[key].fallback?.() === value]).toEqual([key, !departs]);
    }
    for (const [name, value] of Object.entries(listed.otherDefaults)) {
      const variable = find(provider, name);
      if (!variable || departures[`${code} ${name}`] !== undefined) continue;
      expect([name, String(variable.fallback?.() ?? value)]).toEqual([name, value]);
    }
  });

  it.each(listed.requiredSets.map((names) => [names]))('needs no more than %j, and all of it', async (names) => {
    const provider = await load(code);
    const env = Object.fromEntries(
      names.map((name) => {
        const variable = find(provider, name)!;
        return [name, variable.names.includes(name) ? plausible(variable) : '/dev/null'];
      }),
    );
    const read = (source: Record<string, string>) => readSettings(provider, source, () => {});
    const problem = (source: Record<string, string>) => {
      try {
        read(source);
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(problem(env)).not.toMatch(/not set|needs|^\w+: set /u);
    for (const name of names) {
      const { [name]: _, ...rest } = env;
      const isEnough = listed.requiredSets.some((set) => set.every((other) => Object.hasOwn(rest, other)));
      const isOptional = find(provider, name)!.fallback !== undefined || departures[`${code} ${name}`] !== undefined;
      if (!isEnough && !isOptional)
        expect([name, problem(rest)]).toEqual([name, expect.stringMatching(/not set|set |needs/u)]);
    }
  });
});
