import { ConfigError } from '../errors.ts';
import { type Flag, flag, text, type ValuesOf } from './options.ts';

/** Flags of the commands about one stored certificate. They have no variables: none should act unasked. */

const yes = (): boolean => true;

export const revokeFlags = {
  reason: flag({
    flags: '--reason <reason>',
    parse: text,
    help: 'number or name of RFC 5280: keyCompromise, affiliationChanged, superseded, cessationOfOperation ...',
  }),
  keep: flag({ flags: '--keep', parse: yes, fallback: false, help: 'leave the files where they are' }),
  withCertificateKey: flag({
    flags: '--with-certificate-key',
    parse: yes,
    fallback: false,
    help: "sign with the certificate's own key instead of the account's",
  }),
} satisfies Record<string, Flag<unknown>>;

export const formats = ['pem', 'fullchain', 'der'] as const;
export type Format = (typeof formats)[number];

export const exportFlags = {
  format: flag({
    flags: '--format <format>',
    parse: format,
    fallback: 'pem' as Format,
    help: 'pem (the certificate alone), fullchain (with its issuers) or der; default pem',
  }),
  out: flag({ flags: '--out <file>', parse: text, help: 'write there (mode 0600) instead of to standard output' }),
  key: flag({ flags: '--key', parse: yes, fallback: false, help: 'the private key too, behind the certificates' }),
} satisfies Record<string, Flag<unknown>>;

export type RevokeFlags = ValuesOf<typeof revokeFlags>;

function format(value: string, name: string): Format {
  const found = formats.find((known) => known === value);
  if (found) return found;
  if (value === 'pfx') {
    throw new ConfigError(`${name} pfx is not supported yet`, {
      hint: 'use --format fullchain --key --out FILE, then openssl pkcs12 -export -in FILE',
    });
  }
  throw new ConfigError(`${name} ${value} is unknown`, { hint: `use one of ${formats.join(', ')}` });
}
