import { ConfigError } from '../errors.ts';
import { type Flag, flag, type Given, longName, type ValuesOf } from './flags.ts';
import { declarations } from './options.ts';

/** Flags of `quoin apply` alone. It has no variable: a plan should not be made because of a forgotten one. */
export const applyFlags = {
  plan: flag({
    flags: '--plan',
    parse: () => true,
    fallback: false,
    help: 'say what would be done, and change nothing',
  }),
} satisfies Record<string, Flag<unknown>>;

export type ApplyFlags = ValuesOf<typeof applyFlags>;

type Key = keyof typeof declarations;

/** What is said of each certificate in the file. */
const ofCertificates: readonly Key[] = [
  ...(['domains', 'dns', 'certName', 'csr', 'privateKey', 'keyType', 'profile', 'preferredChain'] as const),
  ...(['mustStaple', 'noBundle', 'disableCn', 'reuseKey', 'renewDays', 'pem', 'pfx', 'pfxFormat'] as const),
  ...(['pfxPassword', 'certMode', 'certOwner', 'preHook', 'deployHook', 'postHook'] as const),
];
/** What is said of each account in the file, where there are some. */
const ofAccounts: readonly Key[] = ['servers', 'email', 'accountId', 'eab', 'kid', 'hmac'];

/** @throws ConfigError for a flag that the file tells, so that nobody believes it had an effect */
export function refuseOtherFlags(given: Given, hasAccounts: boolean): void {
  for (const key of [...ofCertificates, ...(hasAccounts ? ofAccounts : [])]) {
    const { flags, older = [] } = declarations[key] as Flag<unknown>;
    const found = [flags, ...older].map(longName).find((name) => given.has(name));
    if (found === undefined) continue;
    throw new ConfigError(`${found} has no place with quoin apply: the configuration file tells it`, {
      hint: 'change the file, or use quoin run',
    });
  }
}
