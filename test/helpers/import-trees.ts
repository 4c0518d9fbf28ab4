import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { ImportHints } from '../../src/acme/import/found.ts';

/** Stores of other clients, in the formats that they document. */

export interface Pair {
  readonly certificatePem: string;
  readonly issuerPem?: string;
  readonly keyPem: string;
}

/** Writes files with their folders. */
export function plant(root: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return root;
}

/** As acme.sh wraps what may hold quotes. */
export const wrapped = (text: string): string =>
  `__ACME_BASE64__START_${Buffer.from(text).toString('base64')}__ACME_BASE64__END_`;
export const shellConf = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('');

/** The folder of one certificate below `~/.acme.sh`. */
export function acmeShDomain(folder: string, domain: string, pair: Pair, conf: Readonly<Record<string, string>>) {
  return {
    [`${folder}/${domain}.conf`]: shellConf({ Le_Domain: domain, Le_Alt: 'no', ...conf }),
    [`${folder}/${domain}.cer`]: pair.certificatePem,
    [`${folder}/ca.cer`]: pair.issuerPem ?? '',
    [`${folder}/fullchain.cer`]: `${pair.certificatePem}\n${pair.issuerPem ?? ''}`,
    [`${folder}/${domain}.key`]: pair.keyPem,
  };
}

/** The folder of one CA below `~/.acme.sh/ca`. */
export const acmeShAccount = (path: string, keyPem: string, url: string, email = '') => ({
  [`ca/${path}/account.key`]: keyPem,
  [`ca/${path}/account.json`]: JSON.stringify({ status: 'valid', ...(email ? { contact: [`mailto:${email}`] } : {}) }),
  [`ca/${path}/ca.conf`]: shellConf({
    ...(email ? { CA_EMAIL: email } : {}),
    ACCOUNT_URL: url,
    CA_KEY_HASH: createHash('sha256').update(keyPem).digest('base64'),
  }),
});

/** A certificate of certbot's: `live/` with links into `archive/`. */
export function certbotLineage(root: string, name: string, pair: Pair, conf: string): void {
  const parts = {
    cert: pair.certificatePem,
    chain: pair.issuerPem ?? '',
    fullchain: `${pair.certificatePem}${pair.issuerPem ?? ''}`,
    privkey: pair.keyPem,
  };
  mkdirSync(join(root, 'live', name), { recursive: true });
  for (const [kind, text] of Object.entries(parts)) {
    plant(root, { [`archive/${name}/${kind}2.pem`]: text });
    symlinkSync(`../../archive/${name}/${kind}2.pem`, join(root, 'live', name, `${kind}.pem`));
  }
  plant(root, { [`renewal/${name}.conf`]: conf });
}

/** `path`: `acme-v02.api.letsencrypt.org/directory`; the answer is certbot's id of the account. */
export function certbotAccount(root: string, path: string, key: KeyObject, uri: string, body: object = {}): string {
  const id = createHash('md5')
    .update(key.export({ type: 'pkcs8', format: 'der' }))
    .digest('hex');
  plant(root, {
    [`accounts/${path}/${id}/private_key.json`]: JSON.stringify(key.export({ format: 'jwk' })),
    [`accounts/${path}/${id}/regr.json`]: JSON.stringify({ body, uri }),
    [`accounts/${path}/${id}/meta.json`]: JSON.stringify({ creation_dt: '2026-01-01T00:00:00Z', creation_host: 'h' }),
  });
  return id;
}

/** Rewrites a store of lego 4 as lego 5's `lego migrate` does. */
export function asLego5(store: string, server: string): void {
  const [host = ''] = readdirSync(join(store, 'accounts'));
  const [id = ''] = readdirSync(join(store, 'accounts', host));
  const folder = join(store, 'accounts', host, id);
  const { email, registration } = JSON.parse(readFileSync(join(folder, 'account.json'), 'utf8'));
  const keyPem = readFileSync(join(folder, 'keys', `${id}.key`), 'utf8');
  const origin = 'migration';
  const flat = { ...registration.body, accountURL: registration.uri };
  plant(folder, {
    'account.json': JSON.stringify({ id, email, keyType: 'EC256', server, origin, registration: flat }),
    [`${id}.key`]: createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'pem' }).toString(),
  });
  for (const file of readdirSync(join(store, 'certificates')).filter((name) => name.endsWith('.json'))) {
    const { domain, ...rest } = JSON.parse(readFileSync(join(store, 'certificates', file), 'utf8'));
    plant(join(store, 'certificates'), {
      [file]: JSON.stringify({ id: domain, domains: [domain], keyType: 'EC256', ...rest, origin }),
    });
  }
}

/** A hash of everything in a folder: names, modes, times, links, contents. */
export function treeHash(root: string): string {
  const hash = createHash('sha256');
  const visit = (path: string): void => {
    const entry = lstatSync(path);
    hash.update(`${relative(root, path)} ${entry.mode} ${entry.mtimeMs} ${entry.uid}\n`);
    if (entry.isSymbolicLink()) hash.update(readlinkSync(path));
    else if (entry.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name));
    else hash.update(readFileSync(path));
  };
  visit(root);
  return hash.digest('hex');
}

export const noHints: ImportHints = { servers: [], dns: [], resolvers: [], caCertificates: [], hooks: false };
