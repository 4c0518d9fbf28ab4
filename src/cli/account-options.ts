import { boolean, type Flag, flag, text, type ValuesOf } from './options.ts';

export type AccountAction = 'register' | 'list' | 'show' | 'update' | 'rollover' | 'recover' | 'deactivate';

interface AccountCommand {
  readonly description: string;
  /** As lego 5 calls it. */
  readonly older?: string;
}

/** What `quoin account` can be asked for. Loaded with the program: no code of the commands themselves. */
export const accountActions: Readonly<Record<AccountAction, AccountCommand>> = {
  register: { description: 'register an account at the CA, or find that it is registered' },
  list: { description: 'show the accounts in the store; asks no CA' },
  show: { description: 'show an account, and what the CA says of it' },
  update: { description: 'give the account the e-mail address of --email' },
  rollover: { description: 'give the account a new key', older: 'keyrollover' },
  recover: { description: 'find the account of a key at the CA, and put it into the store' },
  deactivate: { description: 'deactivate an account at the CA, for good' },
};

/** Flags that only these commands have. */
export const accountFlags = {
  accountKeyType: flag({
    flags: '--account-key-type <type>',
    // What lego 5 calls it here.
    older: ['--key-type <type>'],
    parse: text,
    help: "of a new account key: ec256 (default), ec384, rsa2048, rsa3072, rsa4096 or rsa8192; not the certificate's",
  }),
  accountKey: flag({
    flags: '--account-key <file>',
    older: ['--private-key <file>'],
    parse: text,
    help: 'register, recover: PEM file with the account key, instead of a new one; rollover: the new key',
  }),
  yes: flag({ flags: '--yes', parse: boolean, fallback: false, help: 'deactivate: do not ask' }),
} satisfies Record<string, Flag<unknown>>;

export type AccountFlags = ValuesOf<typeof accountFlags>;

/** What these commands make something of, of the flags that all commands take: only these are in their help. */
export const accountHelp: ReadonlySet<string> = new Set([
  ...['--server', '--email', '--account-id', '--accept-tos', '--path', '--eab', '--kid', '--hmac'],
  ...['--http-timeout', '--max-wait', '--overall-request-limit', '--user-agent', '--ca-certificates'],
  ...['--json', '--quiet', '--debug', '--no-color', '--env-file'],
]);
