import { parsePfxFormat } from '../acme/extra-files.ts';
import type { PfxFormat } from '../acme/storage.ts';
import { type Flag, flag, text } from './flags.ts';

/** How .pfx files are made, with lego's variables. */
export const pfxFlags = {
  pfxPassword: flag({
    flags: '--pfx.password <password>',
    older: ['--pfx.pass <password>'],
    env: 'PFX_PASSWORD',
    parse: text,
    help: 'of the .pfx file; better told by QUOIN_PFX_PASSWORD; default changeit, which everybody knows',
  }),
  pfxFormat: flag({
    flags: '--pfx.format <format>',
    env: 'PFX_FORMAT',
    parse: parsePfxFormat,
    fallback: 'SHA256' as PfxFormat,
    help: 'how the .pfx file is encrypted: SHA256 (AES-256), or for old software DES or RC2; default SHA256',
  }),
} satisfies Record<string, Flag<unknown>>;
