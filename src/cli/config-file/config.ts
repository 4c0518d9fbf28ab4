import type { KeyType } from '../../acme/keys.ts';
import type { FileSettings, HookSettings, PropagationSettings } from '../../acme/storage.ts';
import type { Provider } from '../../dns/kit/contract.ts';
import type { Source } from './references.ts';

/** A configuration file that has been found to be right: no part of it refers to what is not there. Paths are absolute. */
export interface ConfigFile extends ConfigContent {
  /** As the user named it. */
  readonly file: string;
  /** Where the file is: commands run there. */
  readonly folder: string;
  readonly warnings: readonly string[];
  /** The variables of the environment that its secrets come from. */
  readonly secretVariables: ReadonlySet<string>;
}

/** What a file says, as far as it makes sense. What does not has been told, and the file is refused then. */
export interface ConfigContent {
  readonly store?: string | undefined;
  readonly accounts: readonly AccountConfig[];
  readonly certificates: readonly CertificateConfig[];
}

export interface AccountConfig {
  /** As the file calls it. */
  readonly name: string;
  /** Directory URLs, short names, or `sandbox`, in the order of preference. */
  readonly servers: readonly string[];
  /** Of its folder in the store. */
  readonly id: string;
  readonly email?: string | undefined;
  readonly acceptTos: boolean;
  readonly keyType: KeyType;
  readonly eab?: { readonly kid: string; readonly hmac: Source } | undefined;
  readonly caCertificates: readonly string[];
}

export interface ProviderConfig {
  /** As the file calls it; what stands after `--dns` where the file has no such provider. */
  readonly name: string;
  /** As it would be typed after `--dns`: `cloudflare`, `cloudflare@ORG`, `npm:...`, an absolute path. */
  readonly spec: string;
  readonly provider: Provider;
  /** By variable, without the prefix. Absent: all is read from the environment of the process. */
  readonly env?: ReadonlyMap<string, Source> | undefined;
  /** What the variables in `env` have in front of their names, so that those of two accounts do not get mixed: `ORG`. */
  readonly prefix?: string | undefined;
}

/** Which provider is for which names; without `domain`, for all others. */
export interface DnsChoice {
  readonly domain?: string | undefined;
  readonly provider: ProviderConfig;
}

export interface CertificateConfig {
  readonly name: string;
  /** Where it stands: `quoin.yaml:12:3`. */
  readonly place: string;
  /** As CAs want them, or as the request has them. */
  readonly domains: readonly string[];
  readonly csrPem?: string | undefined;
  readonly privateKeyFile?: string | undefined;
  /** Absent: flags and environment tell. */
  readonly account?: AccountConfig | undefined;
  readonly dns: readonly DnsChoice[];
  readonly keyType: KeyType;
  readonly profile?: string | undefined;
  readonly preferredChain?: string | undefined;
  readonly mustStaple: boolean;
  readonly bundle: boolean;
  readonly commonName: boolean;
  readonly reuseKey: boolean;
  readonly renewDays?: number | undefined;
  readonly resolvers?: readonly string[] | undefined;
  readonly propagation?: PropagationSettings | undefined;
  readonly files?: FileSettings | undefined;
  readonly pfxPassword?: Source | undefined;
  readonly hooks?: HookSettings | undefined;
  readonly hookTimeouts?: HookTimeouts | undefined;
  /** Renewed without the pause that others are spared by. */
  readonly noRandomSleep?: boolean | undefined;
  readonly hookEnv: readonly string[];
}

/** Milliseconds. */
export interface HookTimeouts {
  readonly pre?: number | undefined;
  readonly deploy?: number | undefined;
  readonly post?: number | undefined;
}
