import { CAA_IDENTITY } from './caa.ts';
import { profileDescriptions } from './profiles.ts';
import type { Reply } from './reply.ts';
import type { Ca } from './state.ts';

/** RFC 8555 section 7.1.1, RFC 9773 section 3, draft-ietf-acme-profiles section 3. */
export function directory({ origin, options }: Ca): Reply {
  return {
    status: 200,
    body: {
      newNonce: `${origin}/new-nonce`,
      newAccount: `${origin}/new-account`,
      newOrder: `${origin}/new-order`,
      revokeCert: `${origin}/revoke-cert`,
      keyChange: `${origin}/key-change`,
      renewalInfo: `${origin}/renewal-info`,
      meta: {
        termsOfService: `${origin}/terms`,
        website: `${origin}/`,
        caaIdentities: [CAA_IDENTITY],
        externalAccountRequired: options.externalAccounts !== undefined,
        profiles: profileDescriptions(options.lifetimeMs),
      },
    },
  };
}

export const WELCOME =
  'This is a test CA, "quoin sandbox". Nobody trusts what it issues, and nobody should: never use it in production.\n';
export const TERMS =
  'Terms of service of the test CA "quoin sandbox": its certificates are for tests on this machine, and worth nothing elsewhere.\n';
