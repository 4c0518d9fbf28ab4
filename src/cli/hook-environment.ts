import { resolve } from 'node:path';
import { fileNameOf } from '../acme/storage.ts';
import type { Provider } from '../dns/kit/contract.ts';
import { listVars } from '../dns/kit/env.ts';

export type HookKind = 'pre' | 'deploy' | 'post';

/** What a hook is told. All paths may be relative; the hook gets absolute ones. */
export interface HookFacts {
  /** As `quoin list` shows the certificate: `*.example.com`. */
  readonly name: string;
  /** All names of the certificate. */
  readonly names: readonly string[];
  /** `ec256`. */
  readonly keyType: string;
  /** The CA's directory. */
  readonly server: string;
  readonly account: { readonly id: string; readonly email?: string | undefined };
  /** What is under way, or was done. */
  readonly action: 'issued' | 'renewed';
  /** The store's folder, so that `quoin` inside of the hook finds it. */
  readonly store: string;
  /** Those that exist. */
  readonly files?: HookFiles | undefined;
  /** Of the post hook: how it all ended. */
  readonly outcome?: 'issued' | 'renewed' | 'unchanged' | 'failed' | undefined;
  /** The code of the error, where it failed: `ACME_RATE_LIMITED`. */
  readonly error?: string | undefined;
}

export interface HookFiles {
  readonly certificate: string;
  readonly key?: string | undefined;
  readonly issuer?: string | undefined;
  readonly pem?: string | undefined;
  readonly pfx?: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Secrets of quoin and lego themselves: HMAC keys of accounts, passwords of PFX files. */
const ours = /^(?:QUOIN|LEGO)_.*(?:HMAC|PASS)/u;

/**
 * The variables that hold, or lead to, the secrets of a provider: all spellings, their `_FILE` forms, and with the prefixes that
 * `--dns example.org=cloudflare@ORG` makes them have.
 */
export function secretVariables(provider: Pick<Provider, 'env'>, prefixes: readonly string[] = []): string[] {
  const names = listVars(provider.env)
    .filter(({ secret }) => secret)
    .flatMap((variable) => variable.names.flatMap((name) => [name, `${name}_FILE`]));
  return [...names, ...prefixes.flatMap((prefix) => names.map((name) => `${prefix}_${name}`))];
}

/**
 * The environment of a hook: that of the process, without secrets but for those in `passed`, and the facts under quoin's names
 * and under those that hooks of lego 4 and lego 5 know (cmd/hook.go of v4.35, cmd/internal/hook/metadata.go of v5.3).
 */
export function hookEnvironment(
  kind: HookKind,
  facts: HookFacts,
  {
    env,
    secrets,
    passed = [],
  }: { readonly env: Env; readonly secrets: Iterable<string>; readonly passed?: readonly string[] | undefined },
): Record<string, string> {
  const hidden = new Set(secrets);
  const inherited = Object.entries(env).filter(
    ([name, value]) => value !== undefined && (passed.includes(name) || !(hidden.has(name) || ours.test(name))),
  );
  // A fact that is not known must not be that of a run around this one.
  const told = Object.entries(variables(kind, facts));
  const known = new Map(told.map(([name, value]) => [name, value]));
  const all = [...inherited.filter(([name]) => !known.has(name)), ...told.filter(([, value]) => value !== undefined)];
  return Object.fromEntries(all) as Record<string, string>;
}

function variables(kind: HookKind, facts: HookFacts): Record<string, string | undefined> {
  const { name, names, keyType, server, account, action, store, files, outcome, error } = facts;
  const path = (file: string | undefined) => (file === undefined ? undefined : resolve(file));
  const certificate = path(files?.certificate);
  const key = path(files?.key);
  const issuer = path(files?.issuer);
  const pem = path(files?.pem);
  const pfx = path(files?.pfx);
  const domains = names.join(',');
  return {
    QUOIN_HOOK: kind,
    QUOIN_ACTION: action,
    QUOIN_OUTCOME: outcome,
    QUOIN_ERROR: error,
    QUOIN_CERTIFICATE: name,
    QUOIN_DOMAINS: domains,
    QUOIN_KEY_TYPE: keyType,
    QUOIN_SERVER: server,
    QUOIN_EMAIL: account.email,
    QUOIN_PATH: resolve(store),
    QUOIN_CERTIFICATE_PATH: certificate,
    QUOIN_KEY_PATH: key,
    QUOIN_ISSUER_PATH: issuer,
    QUOIN_PEM_PATH: pem,
    QUOIN_PFX_PATH: pfx,

    LEGO_ACCOUNT_EMAIL: account.email,
    LEGO_CERT_DOMAIN: name,
    LEGO_CERT_PATH: certificate,
    LEGO_CERT_KEY_PATH: key,
    LEGO_ISSUER_CERT_PATH: issuer,
    LEGO_CERT_PEM_PATH: pem,
    LEGO_CERT_PFX_PATH: pfx,

    LEGO_HOOK_ACCOUNT_ID: account.id,
    LEGO_HOOK_ACCOUNT_EMAIL: account.email,
    LEGO_HOOK_ACCOUNT_SERVER: server,
    LEGO_HOOK_CERT_NAME: name,
    LEGO_HOOK_CERT_NAME_SANITIZED: fileNameOf(name),
    LEGO_HOOK_CERT_KEY_TYPE: keyType.toUpperCase(),
    LEGO_HOOK_CERT_DOMAINS: domains,
    LEGO_HOOK_CERT_PATH: certificate,
    LEGO_HOOK_CERT_KEY_PATH: key,
    LEGO_HOOK_ISSUER_CERT_PATH: issuer,
    LEGO_HOOK_CERT_PEM_PATH: pem,
    LEGO_HOOK_CERT_PFX_PATH: pfx,
  };
}
