import { ConfigError } from '../errors.ts';
import { boolean, type Flag, flag, text, type ValuesOf } from './options.ts';
import { pfxFlags } from './pfx-options.ts';

/** Flags of the commands about one stored certificate. They have no variables, but for those that lego 5 has, too. */

const yes = (): boolean => true;

export const revokeFlags = {
  reason: flag({
    flags: '--reason <reason>',
    env: 'REASON',
    parse: text,
    help: 'number or name of RFC 5280: keyCompromise, affiliationChanged, superseded, cessationOfOperation ...',
  }),
  keep: flag({
    flags: '--keep',
    env: 'KEEP',
    parse: boolean,
    fallback: false,
    help: 'leave the files where they are',
  }),
  withCertificateKey: flag({
    flags: '--with-certificate-key',
    parse: yes,
    fallback: false,
    help: "sign with the certificate's own key instead of the account's",
  }),
} satisfies Record<string, Flag<unknown>>;

export const formats = ['pem', 'fullchain', 'der', 'pfx'] as const;
export type Format = (typeof formats)[number];

export const exportFlags = {
  format: flag({
    flags: '--format <format>',
    parse: format,
    fallback: 'pem' as Format,
    help: 'pem (the certificate alone), fullchain (with its issuers), der, or pfx (all and the key); default pem',
  }),
  out: flag({ flags: '--out <file>', parse: text, help: 'write there (mode 0600) instead of to standard output' }),
  key: flag({ flags: '--key', parse: yes, fallback: false, help: 'the private key too, behind the certificates' }),
  ...pfxFlags,
  pfxPassword: flag({ ...pfxFlags.pfxPassword, older: ['--pfx.pass <password>', '--password <password>'] }),
} satisfies Record<string, Flag<unknown>>;

export type RevokeFlags = ValuesOf<typeof revokeFlags>;
export type ExportFlags = ValuesOf<typeof exportFlags>;

function format(value: string, name: string): Format {
  const found = formats.find((known) => known === value);
  if (found) return found;
  throw new ConfigError(`${name} ${value} is unknown`, { hint: `use one of ${formats.join(', ')}` });
}
