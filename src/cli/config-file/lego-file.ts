import {
  boolean,
  integer,
  listOf,
  located,
  mapOf,
  object,
  optional,
  required,
  type Shape,
  text,
  unsupported,
  type ValueOf,
} from './shape.ts';

/**
 * What may stand in lego 5's `.lego.yml`, from cmd/internal/configuration/configuration.go of v5.3.1. What quoin has no equal
 * for is refused by name, so that nobody believes it had an effect.
 */

const dnsOnly = unsupported('quoin proves names by DNS-01 only');
const hook = optional(
  object({
    command: optional(text(), 'words separated by white space; there is no shell'),
    timeout: optional(goDuration(), 'longest time'),
  }),
  'a command',
);

/** Milliseconds, as Go's `time.ParseDuration` reads them: `1m30s`, `500ms`. */
function goDuration(): Shape<number> {
  const written = text({
    pattern: /^(?:0|(?:\d+(?:\.\d+)?(?:ms|s|m|h))+)$/u,
    must: 'must be a duration such as 1m30s',
    alsoNumbers: true,
  });
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  return {
    schema: written.schema,
    read(tree, to) {
      const found = written.read(tree, to);
      if (found === undefined) return undefined;
      const parts = [...found.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/gu)];
      return parts.reduce((sum, [, count, of]) => sum + Number(count) * unit[of as 's'], 0);
    },
  };
}

const propagation = object({
  disableAuthoritativeNameservers: optional(boolean(), 'do not ask the authoritative name servers'),
  disableRecursiveNameservers: optional(boolean(), 'as quoin does anyway'),
  wait: optional(goDuration(), 'wait so long instead'),
});

export const legoFile = object({
  storage: optional(text(), 'the store'),
  networkStack: unsupported('addresses of both families are tried'),
  userAgent: unsupported('use --user-agent'),
  servers: optional(
    mapOf(
      object({
        url: optional(text(), 'the directory'),
        tlsSkipVerify: unsupported('TLS is always verified; name the roots of a private CA with --ca-certificates'),
        overallRequestLimit: unsupported('use --overall-request-limit'),
        httpTimeout: unsupported('use --http-timeout'),
        certTimeout: unsupported('use --cert.timeout'),
      }),
    ),
    'CAs',
  ),
  accounts: optional(
    mapOf(
      object({
        server: optional(located(text()), 'of servers, a short name, or a URL'),
        email: optional(text(), 'e-mail address'),
        keyType: optional(located(text()), 'of the account key'),
        acceptsTermsOfService: optional(boolean(), "agree to the CA's terms of service"),
        eab: optional(
          object({
            kid: required(text({ alsoNumbers: true }), 'key id'),
            hmacKey: required(located(text({ alsoNumbers: true })), 'HMAC key'),
          }),
          'external account binding',
        ),
      }),
    ),
    'accounts',
  ),
  challenges: optional(
    mapOf(
      object({
        http: dnsOnly,
        tls: dnsOnly,
        dnsPersist: dnsOnly,
        dns: optional(
          object({
            provider: required(located(text()), 'a code'),
            propagation: optional(propagation, 'how to know that the TXT records are visible'),
            dnsTimeout: unsupported('use --dns-timeout'),
            resolvers: optional(listOf(located(text())), 'name servers to ask'),
            envFile: optional(located(text()), 'variables of the provider'),
          }),
          'DNS-01',
        ),
      }),
    ),
    'challenges',
  ),
  certificates: required(
    mapOf(
      object({
        domains: optional(listOf(located(text())), 'names'),
        csr: optional(located(text()), 'a request'),
        keyType: optional(located(text()), 'of the private key'),
        challenge: optional(located(text()), 'of challenges'),
        account: optional(located(text()), 'of accounts'),
        enableCommonName: optional(boolean(), 'put the first name into the common name'),
        preferredChain: optional(text(), "root's common name"),
        profile: optional(text(), 'profile'),
        notBefore: unsupported('use quoin run --not-before'),
        notAfter: unsupported('use quoin run --not-after'),
        noBundle: optional(boolean(), 'without the issuers'),
        mustStaple: optional(boolean(), 'OCSP must-staple'),
        alwaysDeactivateAuthorizations: unsupported('use --always-deactivate-authorizations'),
        renew: optional(
          object({
            ari: optional(
              object({
                disable: unsupported('use --ari-disable'),
                waitToRenewDuration: unsupported('use --ari-wait-to-renew-duration'),
              }),
              'ARI',
            ),
            days: optional(integer(0, 3650), 'days before the end'),
            reuseKey: optional(boolean(), 'keep the key'),
            disableRandomSleep: optional(boolean(), 'no random sleep'),
          }),
          'renewal',
        ),
        pfx: optional(
          object({
            password: optional(located(text({ alsoNumbers: true })), 'password'),
            format: required(located(text()), 'how it is encrypted'),
          }),
          'also write a .pfx file',
        ),
      }),
    ),
    'certificates',
  ),
  hooks: optional(object({ pre: hook, deploy: hook, post: hook }), 'commands'),
  log: unsupported('use --quiet or --debug'),
});

export type LegoContent = ValueOf<typeof legoFile>;
