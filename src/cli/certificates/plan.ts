import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { NO_EMAIL, parseHmacKey } from '../../acme/account.ts';
import type { CertificateRequest } from '../../acme/csr.ts';
import { directoryUrl } from '../../acme/directories.ts';
import { PUBLIC_PFX_PASSWORD, refuseFilesWithoutKey } from '../../acme/extra-files.ts';
import { type KeyType, parseKeyType } from '../../acme/keys.ts';
import { normalizeNames } from '../../acme/names.ts';
import { type CertificateSettings, fileNameOf } from '../../acme/storage.ts';
import { legoKeyType, readKey } from '../../acme/stored-keys.ts';
import type { EnvSource } from '../../dns/kit/read-env.ts';
import { ConfigError } from '../../errors.ts';
import type { CommandContext } from '../main.ts';
import type { Options } from '../options.ts';
import { namesSandbox, withSandbox } from '../sandbox-env.ts';
import { resolveOwner } from './files.ts';

/** All about one certificate that flags, its own record or quoin.yaml can say. */
export interface CertificatePlan {
  /** Of the certificate in the store. */
  readonly name: string;
  /** What is wanted, and will be kept with the certificate, as it was typed. Its `directoryUrl` is that of the first CA. */
  readonly settings: CertificateSettings;
  /** Directory URLs of the CAs, in the order of preference. */
  readonly servers: readonly string[];
  /** As typed, with what the word `sandbox` stands for. */
  readonly dns: readonly string[];
  readonly resolvers: readonly string[];
  /** Paths. */
  readonly caCertificates: readonly string[];
  /** Where the provider's settings are read from. */
  readonly env: EnvSource;
  readonly account: AccountWishes;
  readonly pfxPassword?: string | undefined;
  /** Names of secret variables that hooks see. */
  readonly hookEnv: readonly string[];
  /** Milliseconds. */
  readonly hookTimeouts: Readonly<Record<'pre' | 'deploy' | 'post', number>>;
  /** Of the files, in numbers. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** The key that the user brought, PKCS#8 PEM. */
  readonly keyPem?: string | undefined;
  /** The request that the user brought. */
  readonly csr?: CertificateRequest | undefined;
}

export interface AccountWishes {
  readonly email?: string | undefined;
  readonly acceptTos: boolean;
  readonly eab?: { readonly kid: string; readonly hmacKey: string } | undefined;
  readonly keyType: KeyType;
}

/** What is common to all plans: the word `sandbox` resolved, the account, keys and requests read. */
export async function complete(
  name: string,
  settings: CertificateSettings,
  csr: CertificateRequest | undefined,
  { options, io, redactor }: CommandContext,
): Promise<CertificatePlan> {
  fileNameOf(name);
  if (csr) {
    refuseFilesWithoutKey(settings.files ?? {});
    if (settings.mustStaple && !csr.mustStaple) {
      throw new ConfigError('--must-staple needs a certificate request that asks for it', {
        hint: 'make the request with the extension tlsfeature = status_request',
      });
    }
  }
  const { privateKeyFile, files: { owner } = {} } = settings;
  const keyPem = privateKeyFile === undefined ? undefined : await readKeyFile(privateKeyFile);
  const words = {
    ...{ server: '', servers: settings.servers ?? [settings.directoryUrl], dns: settings.dns },
    ...{ kid: options.kid, hmac: options.hmac, eab: options.eab, acceptTos: options.acceptTos },
    // What the record does not say of the network the environment may.
    ...{ caCertificates: settings.caCertificates ?? options.caCertificates },
    ...{ resolvers: settings.resolvers ?? options.resolvers },
  };
  const { options: known, env } = namesSandbox(words)
    ? await withSandbox(words, io.env)
    : { options: words, env: io.env };
  const servers = known.servers.map(directoryUrl);
  if (known.hmac) redactor.hide(known.hmac);
  const { pfxPassword } = options;
  if (pfxPassword && pfxPassword !== PUBLIC_PFX_PASSWORD) redactor.hide(pfxPassword);
  const { accountId } = settings;
  return {
    name,
    servers,
    dns: known.dns,
    resolvers: known.resolvers,
    caCertificates: known.caCertificates,
    env,
    csr,
    keyPem,
    settings: {
      ...settings,
      directoryUrl: servers[0] ?? settings.directoryUrl,
      ...(keyPem === undefined ? madeKeyType(settings) : { keyType: keyTypeOf(keyPem, privateKeyFile ?? '') }),
    },
    account: {
      email: options.email ?? (accountId.includes('@') && accountId !== NO_EMAIL ? accountId : undefined),
      acceptTos: known.acceptTos,
      eab: externalAccount(known),
      keyType: parseKeyType(options.accountKeyType),
    },
    pfxPassword,
    hookEnv: options.hookEnv,
    hookTimeouts: { pre: options.preHookTimeout, deploy: options.deployHookTimeout, post: options.postHookTimeout },
    owner: owner === undefined ? undefined : await resolveOwner(owner),
  };
}

function externalAccount({ eab, kid, hmac }: Pick<Options, 'eab' | 'kid' | 'hmac'>): AccountWishes['eab'] {
  if (!eab && !kid && !hmac) return undefined;
  if (!kid || !hmac)
    throw new ConfigError(`--eab needs ${kid ? '--hmac' : hmac ? '--kid' : '--kid and --hmac'}`, {
      hint: 'both come from the CA',
    });
  return { kid, hmacKey: parseHmacKey(hmac) };
}

async function readUserFile(path: string, flag: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new ConfigError(`cannot read ${path}: ${(cause as NodeJS.ErrnoException).code}`, {
      cause,
      hint: `check ${flag}`,
    });
  }
}

export async function parseCsr(content: Buffer, from: string): Promise<CertificateRequest> {
  return (await import('../../acme/csr.ts')).readCsr(content, from);
}
export const readCsrFile = async (path: string) => parseCsr(await readUserFile(path, '--csr'), path);

export const toCsrPem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64').replace(/.{64}(?=.)/gu, '$&\n')}\n-----END CERTIFICATE REQUEST-----\n`;

/** What a request tells of its certificate. */
export const ofRequest = (csr: CertificateRequest) => ({
  names: normalizeNames(csr.names),
  csrPem: toCsrPem(csr.der),
  keyType: legoKeyType(csr.publicKey).toLowerCase(),
});

async function readKeyFile(path: string): Promise<string> {
  const pem = (await readUserFile(path, '--private-key')).toString('utf8');
  const key = parseKey(pem);
  if (!key) {
    throw new ConfigError(`${path} holds no private key that can be read`, {
      hint: 'name a PEM file that is not encrypted: openssl pkey -in FILE -out NEW takes the password away',
    });
  }
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  const isRsa = key.asymmetricKeyType === 'rsa' && modulusLength >= LEAST_RSA_BITS;
  if (!isRsa && !/^(?:prime256v1|secp384r1|secp521r1)$/u.test(namedCurve)) {
    throw new ConfigError(`the key in ${path} is of a kind that CAs do not certify`, {
      hint: `use an EC key on P-256 or P-384, or an RSA key of ${LEAST_RSA_BITS} bits or more`,
    });
  }
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
/** CA/Browser Forum, Baseline Requirements 6.1.5. */
const LEAST_RSA_BITS = 2048;

function parseKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
/** A key that quoin makes is of a type that it knows: records are edited, and lego's certificates may have others. */
const madeKeyType = ({ csrPem, reuseKey, keyType }: CertificateSettings) =>
  csrPem !== undefined || reuseKey ? {} : { keyType: parseKeyType(keyType) };
const keyTypeOf = (pem: string, path: string): string => legoKeyType(readKey(pem, path)).toLowerCase();
