import { keyTypes } from '../../acme/keys.ts';
import {
  boolean,
  choice,
  type Definitions,
  duration,
  either,
  integer,
  type JsonSchema,
  listOf,
  located,
  mapOf,
  named,
  object,
  oneOrMany,
  optional,
  orNull,
  required,
  text,
  unread,
  type ValueOf,
} from './shape.ts';

/** What may stand in `quoin.yaml`. The parser, its types and the JSON schema all come from here. */

const SECRET = /^(?:env|file|exec|plain):./su;
/** A secret, which does not stand here: see references.ts. */
const secret = () =>
  located(
    text({
      pattern: SECRET,
      must: 'must be env:NAME, file:PATH or exec:COMMAND; a secret in clear, which anybody who sees this file can use, is plain:SECRET',
      alsoNumbers: true,
    }),
  );

const account = object({
  server: optional(
    oneOrMany(located(text())),
    'CA: a directory URL or a short name such as letsencrypt-staging; a second one counts when the first is down. Default: letsencrypt',
  ),
  email: optional(text({ pattern: /^[^\s@]+@[^\s@]+$/u, must: 'must be an e-mail address' }), 'e-mail address'),
  id: optional(located(text()), "the account's folder in the store. Default: the e-mail address"),
  acceptTos: optional(boolean(), "agree to the CA's terms of service"),
  keyType: optional(choice(keyTypes), 'type of the account key. Default: ec256'),
  eab: optional(
    object({
      kid: required(text({ alsoNumbers: true }), 'key id'),
      hmac: required(secret(), 'HMAC key, base64url: env:NAME, file:PATH or exec:COMMAND'),
    }),
    'external account binding: both come from the CA',
  ),
  caCertificates: optional(oneOrMany(located(text())), 'PEM files with the roots of a private CA'),
});

const provider = object({
  code: required(located(text()), 'a code of quoin dnshelp, npm:<package> or ./file.js'),
  env: optional(
    mapOf(located(text({ alsoNumbers: true }))),
    'its variables, as quoin dnshelp -c CODE shows them: env:NAME, file:PATH, exec:COMMAND, or the value itself where it is no secret. Default: the environment',
  ),
});

const hook = () => either({ scalar: text() }, { list: listOf(text({ alsoNumbers: true })) });

const settings = {
  account: optional(located(text()), 'of the accounts above. Default: the only one'),
  dns: optional(
    either({ scalar: located(text()) }, { map: mapOf(located(text()), { nullable: true }) }),
    'of the providers above, or a code of dnshelp; or a map of domains to them, with default for the rest',
  ),
  keyType: optional(choice(keyTypes), 'type of the private key. Default: ec256'),
  profile: optional(text(), "one of the CA's certificate profiles"),
  preferredChain: optional(text(), "root's common name, or shortest"),
  mustStaple: optional(boolean(), 'ask for the OCSP must-staple extension. Default: false'),
  bundle: optional(boolean(), 'store the certificate with its issuers behind it. Default: true'),
  commonName: optional(boolean(), 'put the first name into the common name. Default: true'),
  reuseKey: optional(boolean(), 'the next certificate gets the key of this one. Default: false'),
  renewDays: optional(integer(1, 3650), 'renew so many days before the end, whatever the CA suggests'),
  resolvers: optional(oneOrMany(located(text())), 'host:port, tls://host or https:// addresses to look names up with'),
  propagation: optional(
    object({
      wait: optional(duration(), 'wait so long instead of asking the name servers'),
      authoritative: optional(boolean(), 'ask the authoritative name servers. Default: true'),
      recursive: optional(boolean(), 'ask the resolvers too. Default: false'),
    }),
    'how to know that the TXT records are visible',
  ),
  files: optional(
    object({
      pem: optional(boolean(), 'also write key and certificates into one .pem file'),
      pfx: optional(
        object({
          format: optional(choice(['SHA256', 'DES', 'RC2']), 'how it is encrypted. Default: SHA256'),
          password: required(secret(), 'password: env:NAME, file:PATH or exec:COMMAND'),
        }),
        'also write a .pfx file (PKCS#12)',
      ),
      mode: optional(
        text({ pattern: /^(?:0o?)?[0-7]{3}$/u, must: 'must be a mode such as 640', alsoNumbers: true }),
        'mode of the files, octal: 640. Default: 600',
      ),
      owner: optional(text({ alsoNumbers: true }), 'user, user:group or :group'),
    }),
    'more files, and how all are written',
  ),
  hooks: optional(
    object({
      pre: optional(hook(), 'before the certificate is asked for'),
      deploy: optional(hook(), 'when a new certificate has been saved'),
      post: optional(hook(), 'in the end, whatever happened'),
      env: optional(
        oneOrMany(text({ pattern: /^[A-Za-z_]\w*$/u, must: 'must be the name of a variable' })),
        'secret variables of the environment that the hooks may see',
      ),
    }),
    'commands: a text for sh -c, or a list of a program and its arguments',
  ),
};

export const defaultsShape = object(settings);
export const certificateShape = named(
  'certificate',
  object({
    domains: optional(
      oneOrMany(located(text())),
      'the names to certify. Default: the name of this entry, or those in the csr',
    ),
    csr: optional(located(text()), 'a request of your own, PEM or DER, instead of domains'),
    privateKey: optional(located(text()), 'a private key of your own, PEM'),
    ...settings,
  }),
);
/** In a list there is no key that names it. */
export const listedShape = named(
  'listedCertificate',
  object({
    name: optional(text(), 'what quoin list shows. Default: the first domain'),
    domains: optional(oneOrMany(located(text())), 'the names to certify'),
    csr: optional(located(text()), 'a request of your own, PEM or DER, instead of domains'),
    privateKey: optional(located(text()), 'a private key of your own, PEM'),
    ...settings,
  }),
);

export const quoinFile = object({
  store: optional(text(), 'the store, seen from this file. Default: as without this file; --path wins'),
  accounts: optional(mapOf(account), 'accounts at CAs, by names of your choice'),
  providers: optional(mapOf(provider), 'DNS providers with their credentials, by names of your choice'),
  defaults: optional(
    unread(defaultsShape),
    'for all certificates: maps are merged key by key, anything else is replaced, null takes a default away',
  ),
  certificates: required(
    either({ map: mapOf(orNull(unread(certificateShape))) }, { list: listOf(unread(listedShape)) }),
    'by name, or as a list',
  ),
});

export type AccountEntry = ValueOf<typeof account>;
export type ProviderEntry = ValueOf<typeof provider>;
export type CertificateEntry = ValueOf<typeof certificateShape>;
export type ListedEntry = ValueOf<typeof listedShape>;

/** For editors: docs/reference/quoin.schema.json. */
export function jsonSchema(): JsonSchema {
  const definitions: Definitions = {};
  const schema = quoinFile.schema(definitions);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'quoin.yaml',
    description: 'Certificates for quoin apply. Generated from src/cli/config-file/quoin-file.ts by npm run generate.',
    ...schema,
    definitions,
  };
}
