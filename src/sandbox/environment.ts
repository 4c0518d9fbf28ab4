import type { TsigKey } from '../dns/wire/index.ts';

export interface Facts {
  readonly directoryUrl: string;
  readonly rootFile: string;
  /** Where the CA looks names up. */
  readonly dnsServer: { readonly address: string; readonly port: number };
  /** Absent with somebody else's DNS server, which the sandbox cannot change. */
  readonly tsigKey?: TsigKey | undefined;
  readonly externalAccount?: { readonly kid: string; readonly hmacKey: string } | undefined;
  readonly propagationMs: number;
}

export type Environment = Readonly<Record<string, string>>;

/** Beyond the lag that was asked for: for a slow machine, not for DNS. */
const PATIENCE_SECONDS = 60;

/** Everything that makes quoin, and lego, get a certificate from this sandbox without a flag; and bare facts for others. */
export function environmentOf(facts: Facts): Environment {
  const { directoryUrl, rootFile, externalAccount } = facts;
  return {
    QUOIN_SANDBOX_DIRECTORY: directoryUrl,
    QUOIN_SANDBOX_ROOT: rootFile,
    QUOIN_SANDBOX_DNS: `${facts.dnsServer.address}:${facts.dnsServer.port}`,
    QUOIN_SERVER: directoryUrl,
    QUOIN_CA_CERTIFICATES: rootFile,
    QUOIN_ACCEPT_TOS: 'true',
    LEGO_SERVER: directoryUrl,
    LEGO_CA_CERTIFICATES: rootFile,
    ...(externalAccount ? bindingOf(externalAccount) : {}),
    ...(facts.tsigKey ? dnsOf(facts.tsigKey, facts) : {}),
  };
}

function bindingOf({ kid, hmacKey }: { readonly kid: string; readonly hmacKey: string }): Environment {
  const binding = { EAB: 'true', EAB_KID: kid, EAB_HMAC: hmacKey };
  return Object.fromEntries(
    ['QUOIN', 'LEGO'].flatMap((prefix) => Object.entries(binding).map(([name, value]) => [`${prefix}_${name}`, value])),
  );
}

/** Changes by DNS UPDATE, and all look-ups at the sandbox: no other server knows its zones. */
function dnsOf({ name, algorithm, secret }: TsigKey, { dnsServer, propagationMs }: Facts): Environment {
  const server = `${dnsServer.address}:${dnsServer.port}`;
  return {
    QUOIN_DNS: 'rfc2136',
    QUOIN_DNS_RESOLVERS: server,
    QUOIN_DNS_AUTHORITATIVE_PORT: String(dnsServer.port),
    RFC2136_NAMESERVER: server,
    RFC2136_TSIG_KEY: name,
    RFC2136_TSIG_SECRET: secret.toString('base64'),
    RFC2136_TSIG_ALGORITHM: algorithm,
    RFC2136_TTL: '1',
    // lego waits a minute between two names otherwise.
    RFC2136_SEQUENCE_INTERVAL: '0',
    RFC2136_POLLING_INTERVAL: '1',
    RFC2136_PROPAGATION_TIMEOUT: String(Math.ceil(propagationMs / 1000) + PATIENCE_SECONDS),
  };
}
